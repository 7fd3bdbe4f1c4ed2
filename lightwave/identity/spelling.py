"""What all spellings of a name have in common, whether anybody has the name or not.

Answers for nobody must be the same each time, in each spelling that would lead to one account, and different where
two spellings could never lead to one: `bob` and `bob@domain` of the system tenant are one, `bob@elsewhere` is not,
for of an account that is there the latter would not be an answer either. What is left: a userPrincipalName of another
domain than its account's. Who guesses both names sees them answered as one where the account is there.
"""

from __future__ import annotations

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text, normalise_value
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.account_names import domain_of


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
    account, at, domain = name.rpartition("@")
    if not at:
        return _folded(schema, name)
    return _folded(schema, account) + _elsewhere(txn, schema, domain)


def _elsewhere(txn: ReadTransaction, schema: Schema, domain: str) -> bytes:
    """Nothing for a domain of the system tenant, where names without a domain are looked for."""
    try:
        context = normalise_dn_text(
            schema, ",".join(f"dc={label}" for label in domain.split(".")).encode(errors="replace")
        )
    except InvalidValue:
        return b"\0" + domain.encode(errors="replace")
    try:
        tenant, _ = txn.find(context)
    except NoSuchEntry:
        tenant = None
    return b"" if tenant == SYSTEM_TENANT else b"\0" + b"\0".join(context)


def _folded(schema: Schema, name: str) -> bytes:
    text = name.encode(errors="replace")
    attribute = schema.attribute("uid")
    try:
        return normalise_value(attribute, text) if attribute is not None else text
    except InvalidValue:
        return text
