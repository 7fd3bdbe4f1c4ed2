"""The names by which clients call identities: distinguished names, and users' names with a domain or without.

RFC 4513 §5.2.1.8: `dn:` and `u:` mark which of both it is; without a mark, what parses as a distinguished
name is one. A simple bind takes DNs and what `find_account` says. A user's name is looked for in
`userPrincipalName` (whole), `uid` and `sAMAccountName`, through their equality indexes; it names somebody
only when exactly one entry has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN, normalise_dn_text, normalise_value
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction

MAX_NAME = 1_024
"""bytes"""
_ACCOUNT_NAMES = ("uid", "sAMAccountName")


def find_by_dn(txn: ReadTransaction, schema: Schema, name: bytes) -> tuple[int, int] | None:
    """(tenant, entry id); None where there is none. Raises InvalidValue when it is no DN of this schema."""
    try:
        return txn.find(normalise_dn_text(schema, name))
    except NoSuchEntry:
        return None


def find_identity(txn: ReadTransaction, schema: Schema, name: str) -> tuple[int, int] | None:
    """(tenant, entry id) of whom `name` calls; None for nobody, and for more than one."""
    if len(name) > MAX_NAME:
        return None
    mark, _, rest = name.partition(":")
    if mark == "dn":
        return _maybe_dn(txn, schema, rest)
    if mark == "u":
        return _find_user(txn, schema, rest)
    if "=" in name:
        found = _maybe_dn(txn, schema, name)
        if found is not None:
            return found
    return _find_user(txn, schema, name)


def find_account(txn: ReadTransaction, schema: Schema, name: bytes) -> tuple[int, int] | None:
    """Whom a simple bind means by a name that is no DN, as Active Directory takes them ([MS-ADTS] 5.1.1.1.1):
    `user@domain`, or `DOMAIN\\user` with the domain's first label or its whole name. Raises InvalidValue for others.
    """
    if len(name) > MAX_NAME:
        raise InvalidValue("too long for the name of an account")
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidValue("not UTF-8") from None
    if "@" in text:
        return _find_user(txn, schema, text)
    domain, slash, account = text.partition("\\")
    if not slash:
        raise InvalidValue("no name of an account")
    for context, _ in txn.contexts(SYSTEM_TENANT):
        labels = [rdn.partition(b"=")[2].decode("utf-8", "replace") for rdn in context]
        whole = ".".join(labels)
        if domain.casefold() in (labels[0].casefold(), whole.casefold()):
            return _find_user(txn, schema, f"{account}@{whole}")
    return _find_user(txn, schema, f"{account}@{domain}")


def _maybe_dn(txn: ReadTransaction, schema: Schema, name: str) -> tuple[int, int] | None:
    try:
        return find_by_dn(txn, schema, name.encode("utf-8"))
    except (InvalidValue, UnicodeEncodeError):
        return None


def _find_user(txn: ReadTransaction, schema: Schema, name: str) -> tuple[int, int] | None:
    candidates = dict.fromkeys(_with_value(txn, schema, "userPrincipalName", name, ()))
    if not candidates:
        account, at, domain = name.rpartition("@")
        context = _domain_dn(schema, domain) if at else ()
        if context is None:
            return None
        for attribute in _ACCOUNT_NAMES:
            candidates.update(
                dict.fromkeys(_with_value(txn, schema, attribute, account if at else name, context))
            )
    return next(iter(candidates)) if len(candidates) == 1 else None


def _domain_dn(schema: Schema, domain: str) -> NormalisedDN | None:
    text = ",".join(f"dc={label}" for label in domain.split("."))
    try:
        return normalise_dn_text(schema, text.encode("utf-8"))
    except (InvalidValue, UnicodeEncodeError):
        return None


def _with_value(
    txn: ReadTransaction, schema: Schema, attribute: str, value: str, below: NormalisedDN
) -> Iterator[tuple[int, int]]:
    """Entries below a name that have a value, as far as an index can tell; two are enough to know "not
    one".
    """
    type_ = schema.attribute(attribute)
    number = txn.attribute_number(type_.oid) if type_ is not None else None
    if type_ is None or number is None or not value:
        return
    if txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE:
        return
    try:
        key = normalise_value(type_, value.encode("utf-8"))
        top = txn.find(below) if below else None
    except (InvalidValue, NoSuchEntry, UnicodeEncodeError):
        return
    found = 0
    tenant = SYSTEM_TENANT if top is None else top[0]
    for entry_id in txn.index_ids(tenant, number, IndexKind.EQUALITY, key):
        if top is None or txn.is_below(tenant, entry_id, top[1]):
            yield tenant, entry_id
            found += 1
            if found == 2:
                return
