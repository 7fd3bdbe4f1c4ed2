"""The names by which an account's user calls himself, as they are spelt: uid, sAMAccountName, each with the domain
behind it, and userPrincipalName. SRP's verifiers are made with them (`identity.srp`); whom a name finds is the matter
of `identity.names`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction

_ACCOUNT_NAMES: Final = ("uid", "sAMAccountName")
_WHOLE_NAMES: Final = ("userPrincipalName",)
MAX_NAMES: Final = 8
_MAX_NAME: Final = 256
"""bytes; longer ones are passed over"""


def names_of_entry(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> tuple[str, ...]:
    """The names of an entry that is there; raises NoSuchEntry."""
    record = txn.record(tenant, entry_id)

    def values(name: str) -> Iterable[bytes]:
        attribute = schema.attribute(name)
        number = txn.attribute_number(attribute.oid) if attribute is not None else None
        return () if number is None else record.values(number)

    return spelt_names(values, domain_of(schema, txn.dn(tenant, entry_id, record)))


def names_of_addition(
    schema: Schema, dn: bytes, attributes: Iterable[tuple[str, Iterable[bytes]]]
) -> tuple[str, ...]:
    """The names of an entry that is to be added, from the request."""
    found: dict[str, list[bytes]] = {}
    for name, contents in attributes:
        description = schema.describe(name)
        if description is not None and not description.options:
            found.setdefault(description.type.oid, []).extend(contents)

    def values(name: str) -> Iterable[bytes]:
        attribute = schema.attribute(name)
        return () if attribute is None else found.get(attribute.oid, ())

    return spelt_names(values, domain_of(schema, dn))


def spelt_names(values: Callable[[str], Iterable[bytes]], domain: str) -> tuple[str, ...]:
    """`MAX_NAMES` of them at most. values: of an attribute. domain: "" for none."""
    names: dict[str, None] = {}
    for attribute in (*_ACCOUNT_NAMES, *_WHOLE_NAMES):
        for value in values(attribute):
            text = value.decode("utf-8", "replace")
            if text and len(value) <= _MAX_NAME:
                names[text] = None
                if domain and attribute in _ACCOUNT_NAMES:
                    names[f"{text}@{domain}"] = None
    return tuple(names)[:MAX_NAMES]


def domain_of(schema: Schema, dn: bytes) -> str:
    """The domain that the last RDNs of a DN spell, in lower case; "" when they don't."""
    attribute = schema.attribute("dc")
    try:
        rdns = normalise_dn_text(schema, dn)
    except InvalidValue:
        return ""
    mark = b"%s=" % attribute.oid.encode("ascii") if attribute is not None else b"dc="
    labels: list[str] = []
    for rdn in reversed(rdns):
        if not rdn.startswith(mark):
            break
        labels.append(rdn[len(mark) :].decode("utf-8", "replace"))
    return ".".join(reversed(labels))
