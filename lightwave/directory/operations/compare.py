"""Compare (RFC 4511 §4.10).

Every attribute that an entry shows can be compared, computed ones and links included. A secret attribute answers
compareFalse whatever is stored and whatever is asserted, without looking, so that neither the answer nor its time
depends on the secret.
"""

from __future__ import annotations

from typing import NamedTuple

from lightwave.directory.access.attribute_set import AttributeSet
from lightwave.directory.ldap.messages import CompareRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.assertions import asserted_filter, check_assertion
from lightwave.directory.operations.computed import computed_values
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import (
    Place,
    check_readable,
    describe,
    description_of,
    find_visible,
    is_referral,
    referral,
)
from lightwave.directory.operations.outcome import Outcome, outcome_of
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record, RecordFlag


class _Subject(NamedTuple):
    txn: ReadTransaction
    schema: Schema
    context: Context
    place: Place
    record: Record
    readable: AttributeSet


def compare(txn: ReadTransaction, schema: Schema, context: Context, request: CompareRequest) -> Outcome:
    """compareTrue, compareFalse or the error, as an outcome."""
    try:
        holds = _compare(txn, schema, context, request)
    except DirectoryError as error:
        return outcome_of(error, context.correlation)
    return Outcome(ResultCode.COMPARE_TRUE if holds else ResultCode.COMPARE_FALSE)


def _compare(txn: ReadTransaction, schema: Schema, context: Context, request: CompareRequest) -> bool:
    place, record, decision = find_visible(txn, schema, context, request.dn)
    if not context.manages_dsa_it and is_referral(txn, schema, record):
        raise referral(txn, txn.dn(place.tenant, place.entry_id), record)
    wanted = describe(schema, request.attribute)
    asserted_too = asserted_filter(context) if context.controls else None
    if asserted_too is not None:
        check_assertion(
            txn,
            schema,
            context,
            place.tenant,
            place.entry_id,
            record,
            asserted_too,
            readable=decision.readable,
        )
    check_readable(txn, context, decision.readable, wanted)
    if wanted.type.is_secret:
        return False
    if wanted.type.equality is None:
        raise DirectoryError(ResultCode.INAPPROPRIATE_MATCHING, f"{wanted.text}: no equality matching rule")
    try:
        wanted.type.equality.check_assertion(request.value)
        asserted = wanted.type.normalise(request.value)
    except InvalidValue as error:
        raise DirectoryError(
            ResultCode.INVALID_ATTRIBUTE_SYNTAX, f"{wanted.text}: invalid assertion value"
        ) from error
    subject = _Subject(txn, schema, context, place, record, decision.readable)
    found = _holds(subject, wanted, asserted, request.value)
    if found is None:
        raise DirectoryError(ResultCode.NO_SUCH_ATTRIBUTE, f"{wanted.text}: no such attribute")
    return found


def _holds(subject: _Subject, wanted: AttributeDescription, asserted: bytes, value: bytes) -> bool | None:
    """Whether the entry has the asserted value; None when it has no value of the attribute at all."""
    txn, schema, place, record = subject.txn, subject.schema, subject.place, subject.record
    values: list[bytes] = []
    for number in record.numbers():
        description = description_of(txn, schema, number)
        if number in subject.readable and description is not None and description.matches(wanted):
            values += record.values(number)
    if not wanted.options:
        now = subject.context.now()
        for subtype in schema.subtypes(wanted.type):
            if subtype.oid not in subject.readable:
                continue
            values += computed_values(
                txn, schema, place.tenant, place.entry_id, record, subtype, now, subject.context
            )
    if asserted in map(wanted.type.normalise, values):
        return True
    linked = _holds_link(subject, wanted, value)
    return linked if linked or not values else False


def _holds_link(subject: _Subject, wanted: AttributeDescription, value: bytes) -> bool | None:
    """The same for values that are kept as links: by their existence, however many there are."""
    txn, schema, place = subject.txn, subject.schema, subject.place
    if not subject.record.has(RecordFlag.HAS_LINKS):
        return None
    target: tuple[int, int] | None = None
    has_any = False
    try:
        target = txn.find(normalise_dn_text(schema, value))
    except (NoSuchEntry, InvalidValue):
        target = None
    for subtype in schema.subtypes(wanted.type):
        number = txn.attribute_number(subtype.oid) if subtype.is_link else None
        if number is None or number not in subject.readable:
            continue
        if not txn.link_count(place.tenant, place.entry_id, number):
            continue
        has_any = True
        if target is not None and target[0] == place.tenant and txn.has_link(*place[:2], number, target[1]):
            return True
    return False if has_any else None
