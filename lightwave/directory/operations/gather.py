"""From a DN on the wire to the entry it names: the first step of every operation.

Failures are RFC 4511's: invalidDNSyntax, noSuchObject with the name of the deepest entry that exists (§4.1.9),
and a referral where the path passes through a referral object (RFC 3296 §5).
"""

from __future__ import annotations

from typing import NamedTuple

from lightwave.directory.access.attribute_set import AttributeSet
from lightwave.directory.access.decision import Decision, decide, sees
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.rights import READ, Right
from lightwave.directory.ldap.dn import RDN, DNSyntaxError
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.deleted_entries import shows_deleted
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.classset import ClassSet, class_set
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import CONTEXT, TOMBSTONE, Record

OBJECT_CLASS = "2.5.4.0"
ALIAS = "2.5.6.1"
REFERRAL = "2.16.840.1.113730.3.2.6"
REFERRAL_URI = "2.16.840.1.113730.3.1.34"
SUBENTRY = "2.5.17.0"
ENTRY_TTL = "1.3.6.1.4.1.1466.101.119.3"
DYNAMIC_OBJECT = "1.3.6.1.4.1.1466.101.119.2"


class Place(NamedTuple):
    """An entry that exists."""

    tenant: int
    entry_id: int
    name: NormalisedDN


def normalised_name(schema: Schema, dn: bytes) -> NormalisedDN:
    """The DN in its one canonical form; raises DirectoryError invalidDNSyntax."""
    try:
        return normalise_dn_text(schema, dn)
    except (DNSyntaxError, InvalidValue) as error:
        raise DirectoryError(ResultCode.INVALID_DN_SYNTAX, "invalid DN", detail=str(error)) from error


def find(txn: ReadTransaction, schema: Schema, context: Context, dn: bytes) -> Place:
    """The entry that `dn` names; raises DirectoryError (invalidDNSyntax, noSuchObject, referral)."""
    return find_name(txn, schema, context, normalised_name(schema, dn))


def find_visible(
    txn: ReadTransaction, schema: Schema, context: Context, dn: bytes
) -> tuple[Place, Record, Decision]:
    """The entry that `dn` names, its record, and what the requester may do with it; raises DirectoryError.

    Whatever he may not see, and tombstones unless he asked for them, are not there.
    """
    place = find(txn, schema, context, dn)
    record = txn.record(place.tenant, place.entry_id)
    if record.flags & TOMBSTONE:
        hide_deleted(txn, schema, context, place.tenant, place.entry_id)
    return place, record, check_visible(txn, schema, context, place.tenant, place.entry_id, record)


def find_name(txn: ReadTransaction, schema: Schema, context: Context, name: NormalisedDN) -> Place:
    """The entry with this normalised name; raises DirectoryError (noSuchObject, referral)."""
    try:
        tenant, entry_id = txn.find(name)
    except NoSuchEntry as error:
        raise missing(txn, schema, context, error) from None
    return Place(tenant, entry_id, name)


def missing(
    txn: ReadTransaction, schema: Schema, context: Context, error: NoSuchEntry, message: str = ""
) -> DirectoryError:
    """What to answer when a name names nothing: noSuchObject, or a referral where a referral object is above it.

    Of what the requester may not see he is told nothing: the deepest entry that he sees is the deepest there is.
    """
    tenant, entry_id = error.matched_tenant, error.matched_entry_id
    while entry_id:
        record = txn.record(tenant, entry_id)
        if (
            not record.flags & TOMBSTONE or shows_deleted(context)  # else the container: nothing is below one
        ) and visible(txn, schema, context, tenant, entry_id, record) is not None:
            matched = txn.dn(tenant, entry_id)
            if not context.manages_dsa_it and is_referral(txn, schema, record):
                return referral(txn, matched, record)
            return DirectoryError(ResultCode.NO_SUCH_OBJECT, message, matched)
        tenant, entry_id = _above(txn, tenant, entry_id, record)
    return DirectoryError(ResultCode.NO_SUCH_OBJECT, message)


def _above(txn: ReadTransaction, tenant: int, entry_id: int, record: Record) -> tuple[int, int]:
    """(tenant, entry id) of what is next above an entry, be it another's naming context; (0, 0) for nothing."""
    if not record.flags & CONTEXT:
        return tenant, record.parent
    try:
        return txn.find(txn.normalised_dn(tenant, entry_id, record)[1:])
    except NoSuchEntry as error:
        return error.matched_tenant, error.matched_entry_id


def unseen(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    entry_id: int,
    record: Record,
    message: str = "",
) -> DirectoryError:
    """What to answer about an entry that the requester may not see: the same as if it were not there."""
    above = NoSuchEntry(*_above(txn, tenant, entry_id, record))
    return missing(txn, schema, context, above, message)


def hide_deleted(txn: ReadTransaction, schema: Schema, context: Context, tenant: int, entry_id: int) -> None:
    """Raises DirectoryError noSuchObject for a tombstone, unless the request says that deleted entries are shown.

    It is asked only where the record that the operation reads anyway is flagged as one.
    """
    if not shows_deleted(context):
        raise missing(txn, schema, context, NoSuchEntry(tenant, entry_id))


def classes_of(txn: ReadTransaction, schema: Schema, record: Record) -> ClassSet:
    """The entry's object classes."""
    number = txn.attribute_number(OBJECT_CLASS)
    return class_set(schema, () if number is None else tuple(record.values(number)))


def is_referral(txn: ReadTransaction, schema: Schema, record: Record) -> bool:
    """Whether the entry is a referral object (RFC 3296 §2)."""
    number = txn.attribute_number(OBJECT_CLASS)
    if number is None:
        return False
    for value in record.values(number):
        object_class = schema.object_class(value.decode("ascii", "replace"))
        if object_class is not None and REFERRAL in object_class.ancestry:
            return True
    return False


def referral(txn: ReadTransaction, dn: bytes, record: Record) -> DirectoryError:
    """The referral result for a request that reaches the referral object `record` (RFC 3296 §5.2)."""
    number = txn.attribute_number(REFERRAL_URI)
    values = () if number is None else record.values(number)
    # RFC 3296 §2.2: a label may follow the URI; it is not part of what a client is sent.
    uris = tuple(value.split(b" ", 1)[0] for value in values)
    return DirectoryError(ResultCode.REFERRAL, "", dn, referrals=uris)


def visible(
    txn: ReadTransaction, schema: Schema, context: Context, tenant: int, entry_id: int, record: Record
) -> Decision | None:
    """The decision about an entry; None when the requester may not see it."""
    token = context.token
    decision = decide(txn, schema, token, tenant, entry_id, record)
    return decision if sees(txn, schema, token, tenant, record, decision) else None


def shown_name(
    txn: ReadTransaction, schema: Schema, context: Context, tenant: int, entry_id: int, record: Record
) -> str:
    """What a refusal may call the entry that is in the way: by its name to a requester who sees it."""
    if visible(txn, schema, context, tenant, entry_id, record) is None:
        return "another entry"
    return f"'{txn.dn(tenant, entry_id, record).decode('utf-8', 'replace')}'"


def surveyed_name(txn: ReadTransaction, tenant: int, entry_id: int) -> str:
    """The same where what holds for all tenants is changed: of another one the system's administrators see nothing."""
    if tenant != SYSTEM_TENANT:
        return "an entry of another tenant"
    return f"the entry '{txn.dn(tenant, entry_id).decode('utf-8', 'replace')}'"


def check_visible(
    txn: ReadTransaction, schema: Schema, context: Context, tenant: int, entry_id: int, record: Record
) -> Decision:
    """The decision about an entry; raises DirectoryError noSuchObject when the requester may not see it."""
    decision = visible(txn, schema, context, tenant, entry_id, record)
    if decision is None:
        raise unseen(txn, schema, context, tenant, entry_id, record)
    return decision


def check_right(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    entry_id: int,
    record: Record | None,
    wanted: Right,
) -> Decision:
    """The decision about an entry; raises DirectoryError unless it grants all rights that are `wanted` on all of it.

    noSuchObject for an entry that the requester may not see.
    """
    if record is None:
        record = txn.record(tenant, entry_id)
    decision = check_visible(txn, schema, context, tenant, entry_id, record)
    if not decision.allows(wanted):
        raise denied(context, is_write=wanted & READ != wanted)
    return decision


def check_control_right(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    tenant: int,
    entry_id: int,
    record: Record | None,
    right: Guid,
) -> None:
    """Raises DirectoryError unless the requester has the control access right on the entry; see `control_rights`."""
    if record is None:
        record = txn.record(tenant, entry_id)
    decision = check_visible(txn, schema, context, tenant, entry_id, record)
    if right not in decision.control_rights:
        raise denied(context)


def check_readable(
    txn: ReadTransaction, context: Context, readable: AttributeSet, description: AttributeDescription
) -> None:
    """Raises DirectoryError unless the attribute is among those that a decision lets be read."""
    number = txn.attribute_number(description.key)
    if (description.type.oid if number is None else number) not in readable:
        raise denied(context, is_write=False)


def denied(context: Context, *, is_write: bool = True) -> DirectoryError:
    """The refusal for want of a right: anonymous clients that would write are told to authenticate first."""
    if is_write and context.token.is_anonymous:
        return DirectoryError(ResultCode.STRONGER_AUTH_REQUIRED, "modifications require authentication")
    return DirectoryError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "")


def describe(schema: Schema, text: str) -> AttributeDescription:
    """The attribute description that a request names; raises DirectoryError undefinedAttributeType."""
    description = schema.describe(text)
    if description is None:
        # What a client sent is repeated to it only in a form that can't upset a terminal or a log.
        name = text if text.isascii() and text.isprintable() and len(text) <= 64 else "attribute"
        raise DirectoryError(ResultCode.UNDEFINED_ATTRIBUTE_TYPE, f"{name}: attribute type undefined")
    return description


def check_user_modification(description: AttributeDescription) -> None:
    """Refuses what only the server writes (RFC 4512 §4.1.2 NO-USER-MODIFICATION).

    `entryTtl` is excepted, as in slapd and Active Directory: what a client gives is a request for that time.
    """
    if description.type.no_user_modification and description.type.oid != ENTRY_TTL:
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, f"{description.text}: no user modification allowed"
        )
    check_options(description)


def check_options(description: AttributeDescription) -> None:
    """Refuses a language range: it stands for stored options and is none itself (RFC 3866 §3)."""
    if any(option.endswith("-") for option in description.options):
        raise DirectoryError(
            ResultCode.UNDEFINED_ATTRIBUTE_TYPE, f"{description.text}: a range is not stored"
        )


def check_naming_types(schema: Schema, rdn: RDN) -> None:
    """Refuses attributes that are kept as links in an RDN: their text changes when what they name is renamed."""
    for ava in rdn:
        attribute = schema.attribute(ava.type)
        if attribute is not None and attribute.is_link:
            raise DirectoryError(ResultCode.NAMING_VIOLATION, f"{attribute.name} can't name an entry")


def description_of(txn: ReadTransaction, schema: Schema, number: int) -> AttributeDescription | None:
    """The description of a stored attribute; None when the schema no longer knows its type."""
    return schema.describe(txn.attribute_key(number))
