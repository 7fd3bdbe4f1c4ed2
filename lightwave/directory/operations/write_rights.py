"""Who may make the changes of a modify: attribute by attribute ([MS-ADTS] 3.1.1.5.3.1).

Where an attribute may not be written, a validated write may still be granted: then these values may, because of what
they are (3.1.1.5.3.1.1). One may add and remove oneself as a member; a computer may tell its own host names, and
service names that are made of them. Passwords are written by nobody: they are reset or changed, each a control access
right (3.1.1.3.1.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.access.control_rights import (
    CHANGE_PASSWORD,
    RESET_PASSWORD,
    SELF_MEMBERSHIP,
    VALIDATED_ADDITIONAL_DNS_HOST_NAME,
    VALIDATED_DNS_HOST_NAME,
    VALIDATED_SPN,
)
from lightwave.directory.access.decision import Decision
from lightwave.directory.ldap.messages import ModifyKind
from lightwave.directory.ldap.password_policy import (
    PASSWORD_POLICY,
    PasswordFault,
    PasswordPolicyResponse,
    encode_password_policy,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.ad_attributes import SAM_ACCOUNT_NAME
from lightwave.directory.operations.changes import ParsedChange
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import Place, denied
from lightwave.directory.schema.normalisation import join_dn
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record

MEMBER: Final = "2.5.4.31"
SERVICE_PRINCIPAL_NAME: Final = "1.2.840.113556.1.4.771"
DNS_HOST_NAME: Final = "1.2.840.113556.1.4.619"
ADDITIONAL_DNS_HOST_NAME: Final = "1.2.840.113556.1.4.1717"
PASSWORDS: Final = frozenset({"2.5.4.35", "1.2.840.113556.1.4.90"})
"""userPassword, unicodePwd"""

_VALIDATED_BY: Final = {
    MEMBER: SELF_MEMBERSHIP,
    SERVICE_PRINCIPAL_NAME: VALIDATED_SPN,
    DNS_HOST_NAME: VALIDATED_DNS_HOST_NAME,
    ADDITIONAL_DNS_HOST_NAME: VALIDATED_ADDITIONAL_DNS_HOST_NAME,
}


def check_write_attributes(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    place: Place,
    record: Record,
    decision: Decision,
    changes: Sequence[ParsedChange],
) -> None:
    """Raises DirectoryError unless every change may be made of the entry."""
    if decision.writable is ALL:
        return
    for change in changes:
        oid = change.description.type.oid
        if oid in decision.writable:
            continue
        right = _VALIDATED_BY.get(oid)
        if right is None or right not in decision.validated_writes:
            raise denied(context)
        is_valid = _is_own_membership if oid == MEMBER else _tells_own_name
        if not is_valid(txn, schema, context, place, record, change):
            raise denied(context)


def check_write_secrets(
    context: Context, place: Place, decision: Decision, changes: Sequence[ParsedChange]
) -> None:
    """The same of attributes that no record holds."""
    if not changes:
        return
    passwords = [one for one in changes if one.description.type.oid in PASSWORDS]
    if any(
        one.description.type.oid not in decision.writable
        for one in changes
        if one.description.type.oid not in PASSWORDS
    ):
        raise denied(context)
    if not passwords or RESET_PASSWORD in decision.control_rights:
        return
    if CHANGE_PASSWORD not in decision.control_rights:
        raise denied(context)
    if not is_password_change(passwords):
        raise old_password_needed(context, ResultCode.INSUFFICIENT_ACCESS_RIGHTS)


def old_password_needed(context: Context, code: ResultCode) -> DirectoryError:
    """The refusal of a reset to who may change the password only, with the reason for a client that asked for it."""
    response = PasswordPolicyResponse(fault=PasswordFault.MUST_SUPPLY_OLD_PASSWORD)
    asked = context.has_control(PASSWORD_POLICY)
    controls = (encode_password_policy(response),) if asked else ()
    return DirectoryError(code, "the old password is needed to change one's own", controls=controls)


def is_password_change(changes: Sequence[ParsedChange]) -> bool:
    """Whether changes of a password prove the old one: it is deleted by its value, and a new one added."""
    kinds = [one.kind for one in changes]
    return kinds == [ModifyKind.DELETE, ModifyKind.ADD] and all(len(one.values) == 1 for one in changes)


def _is_own_membership(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    place: Place,
    record: Record,
    change: ParsedChange,
) -> bool:
    """3.1.1.5.3.1.1.1: the one value that is added or removed names the requester."""
    token = context.token
    if token.entry_id is None or token.tenant != place.tenant or len(change.values) != 1:
        return False
    if change.kind not in (ModifyKind.ADD, ModifyKind.DELETE):
        return False
    return set(change.values) == {join_dn(txn.normalised_dn(token.tenant, token.entry_id))}


def _tells_own_name(
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    place: Place,
    record: Record,
    change: ParsedChange,
) -> bool:
    """3.1.1.5.3.1.1.2, .3, .4: a computer's host names are its account's name in the domain, and service names are
    of these. Removing a value needs no proof.
    """
    if change.kind is ModifyKind.DELETE:
        return True
    if change.kind not in (ModifyKind.ADD, ModifyKind.REPLACE) or change.description.options:
        return False
    names = _own_names(txn, record, place)
    values = (value.decode("utf-8", "replace").casefold() for value in change.values.values())
    if change.description.type.oid == SERVICE_PRINCIPAL_NAME:
        hosts = (
            names
            | set(_texts(txn, record, DNS_HOST_NAME))
            | set(_texts(txn, record, ADDITIONAL_DNS_HOST_NAME))
        )
        return all(_is_service_of(value, hosts) for value in values)
    return all("." in value and value in names for value in values)


def _is_service_of(value: str, hosts: set[str]) -> bool:
    """Whether a service principal name has two parts, the second of them one of these hosts, with a port or without."""
    service, _, instance = value.partition("/")
    host, _, port = instance.partition(":")
    return bool(service) and host in hosts and (not port or port.isdecimal()) and "/" not in instance


def _own_names(txn: ReadTransaction, record: Record, place: Place) -> set[str]:
    """The account's name without its dollar sign, alone and in the domain of its entry."""
    found: set[str] = set()
    domain = _domain_name(txn, place)
    for account in _texts(txn, record, SAM_ACCOUNT_NAME):
        short = account.removesuffix("$")
        found |= {short, f"{short}.{domain}"}
    return found


def _domain_name(txn: ReadTransaction, place: Place) -> str:
    root = txn.dn(place.tenant, txn.place(place.tenant, place.entry_id).root)
    return ".".join(rdn.partition("=")[2] for rdn in root.decode("utf-8", "replace").casefold().split(","))


def _texts(txn: ReadTransaction, record: Record, oid: str) -> list[str]:
    number = txn.attribute_number(oid)
    values = [] if number is None else record.values(number)
    return [value.decode("utf-8", "replace").casefold() for value in values]
