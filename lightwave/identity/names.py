"""The names by which clients call identities: distinguished names, and users' names with a domain or without.

RFC 4513 §5.2.1.8: `dn:` and `u:` mark which of both it is; without a mark, what parses as a distinguished name is one.
The forms of users' names are tried in the order of [MS-ADTS] 5.1.1.1.1, and the first that anybody has decides; it
names somebody only when exactly one entry has it.

    user@domain     userPrincipalName; then sAMAccountName, then uid in that domain; then mail where the tenant says so
    DOMAIN\\user     sAMAccountName, then uid in the domain of this name, or of this first label where one tenant
                    has it
    user            the same in the system tenant

The domain leads to the tenant through indexes (tenant_names.py), and all else is asked of that tenant alone. What
leads to none is looked for in the system tenant, so that an unknown domain costs what a known one does.
"""

from __future__ import annotations

from collections.abc import Iterator

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text, normalise_value
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.layout import ROOT, SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.tenant_names import Realm, find_labelled, find_realm, signs_in_by_mail

MAX_NAME = 1_024
"""bytes"""
_ACCOUNT_NAMES = ("sAMAccountName", "uid")
"""the one that is unique first: nobody's `uid` takes a name from its owner"""
_SYSTEM = Realm(SYSTEM_TENANT, ROOT)

Found = tuple[int, int] | None
"""(tenant, entry id); None for nobody, and for more than one"""


def find_by_dn(txn: ReadTransaction, schema: Schema, name: bytes) -> Found:
    """(tenant, entry id); None where there is none. Raises InvalidValue when it is no DN of this schema."""
    try:
        return txn.find(normalise_dn_text(schema, name))
    except NoSuchEntry:
        return None


def find_identity(txn: ReadTransaction, schema: Schema, name: str) -> Found:
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


def find_account(txn: ReadTransaction, schema: Schema, name: bytes) -> Found:
    """Whom a simple bind means by a name that is no DN. Raises InvalidValue for what can be no account's name."""
    if len(name) > MAX_NAME:
        raise InvalidValue("too long for the name of an account")
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidValue("not UTF-8") from None
    if not ("@" in text or "\\" in text) and ("=" in text or not text.isprintable() or " " in text):
        raise InvalidValue("no name of an account")
    return _find_user(txn, schema, text)


def _maybe_dn(txn: ReadTransaction, schema: Schema, name: str) -> Found:
    try:
        return find_by_dn(txn, schema, name.encode("utf-8"))
    except (InvalidValue, UnicodeEncodeError):
        return None


def _find_user(txn: ReadTransaction, schema: Schema, name: str) -> Found:
    """The first form that anybody has decides."""
    candidates: set[tuple[int, int]] = set()
    if "@" in name:
        candidates = _of_principal_name(txn, schema, name)
    if not candidates and "\\" in name:
        domain, _, account = name.partition("\\")
        realm = find_labelled(txn, schema, domain)
        candidates = _of_accounts(txn, schema, account, realm) if realm is not None else set()
    if not candidates and "@" not in name and "\\" not in name:
        candidates = set(_with_value(txn, schema, "userPrincipalName", name, _SYSTEM))
        candidates = candidates or _of_accounts(txn, schema, name, _SYSTEM)
    return next(iter(candidates)) if len(candidates) == 1 else None


def _of_principal_name(txn: ReadTransaction, schema: Schema, name: str) -> set[tuple[int, int]]:
    account, _, domain = name.rpartition("@")
    realm = find_realm(txn, schema, domain)
    tenant = _SYSTEM if realm is None else Realm(realm.tenant, ROOT)
    candidates = set(_with_value(txn, schema, "userPrincipalName", name, tenant))
    if not candidates and realm is not None:
        candidates = _of_accounts(txn, schema, account, realm)
    if not candidates and signs_in_by_mail(txn, schema, tenant.tenant):
        candidates = set(_with_value(txn, schema, "mail", name, tenant))
    return candidates


def _of_accounts(txn: ReadTransaction, schema: Schema, account: str, realm: Realm) -> set[tuple[int, int]]:
    for name in _ACCOUNT_NAMES:
        found = set(_with_value(txn, schema, name, account, realm))
        if found:
            return found
    return set()


def _with_value(
    txn: ReadTransaction, schema: Schema, attribute: str, value: str, realm: Realm
) -> Iterator[tuple[int, int]]:
    """Entries of a realm that have a value, as far as an index can tell; two are enough to know "not one"."""
    type_ = schema.attribute(attribute)
    number = txn.attribute_number(type_.oid) if type_ is not None else None
    if type_ is None or number is None or not value:
        return
    if txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE:
        return
    try:
        key = normalise_value(type_, value.encode("utf-8"))
    except (InvalidValue, UnicodeEncodeError):
        return
    found = 0
    for entry_id in txn.index_ids(realm.tenant, number, IndexKind.EQUALITY, key):
        if txn.is_below(realm.tenant, entry_id, realm.root):
            yield realm.tenant, entry_id
            found += 1
            if found == 2:
                return
