"""What all spellings of a name have in common, whether anybody has the name or not.

Answers for nobody must be the same each time, in each spelling that would lead to one account, and different where
two spellings could never lead to one: `bob` and `bob@domain` of the system tenant are one, `bob@elsewhere` is not,
for of an account that is there the latter would not be an answer either. What is left: two names of one account that
have nothing in common, such as a userPrincipalName and a sAMAccountName. Who guesses both sees them answered as one by
mechanisms that tell a salt.
"""

from __future__ import annotations

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text, normalise_value
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.account_names import domain_of
from lightwave.identity.tenant_names import Realm, find_labelled, find_realm


def one_spelling(txn: ReadTransaction, schema: Schema, name: str) -> bytes:
    """The same bytes for each spelling of a name that clients sign in with."""
    mark, _, rest = name.partition(":")
    if mark == "u":
        name = rest
    elif mark == "dn" or "=" in name:
        text = (rest if mark == "dn" else name).encode(errors="replace")
        try:
            dn = normalise_dn_text(schema, text)
        except InvalidValue:
            return name.encode(errors="replace")
        uid_type = schema.attribute("uid")
        uid = b"%s=" % uid_type.oid.encode() if uid_type is not None else b"uid="
        if not dn or not dn[0].startswith(uid):
            return b"\0".join(dn)
        name = f"{dn[0][len(uid) :].decode(errors='replace')}@{domain_of(schema, text)}"
    label, slash, account = name.partition("\\")
    if slash and "@" not in name:
        return _folded(schema, account) + _in_realm(
            find_labelled(txn, schema, label), b"\\" + _folded(schema, label)
        )
    account, at, domain = name.rpartition("@")
    if not at:
        return _folded(schema, name)
    return _folded(schema, account) + _in_realm(find_realm(txn, schema, domain), _folded(schema, domain))


def _in_realm(realm: Realm | None, otherwise: bytes) -> bytes:
    """Nothing for the system tenant, where names without a domain are looked for."""
    if realm is None:
        return b"\0" + otherwise
    return b"" if realm.tenant == SYSTEM_TENANT else b"\0%d\0%d" % realm


def _folded(schema: Schema, name: str) -> bytes:
    text = name.encode(errors="replace")
    attribute = schema.attribute("uid")
    try:
        return normalise_value(attribute, text) if attribute is not None else text
    except InvalidValue:
        return text
