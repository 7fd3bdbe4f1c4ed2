"""What is known of the account whose password is set: its names, which its password may not show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lightwave.directory.ldap.messages import AddRequest
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.account_names import spelt_names
from lightwave.identity.password_rules import PasswordOwner

_NAMES: Final = ("displayName", "cn", "givenName", "sn")
_MAX_VALUES: Final = 4
_MAX_NAME: Final = 256
"""bytes"""

Values = Callable[[str], Iterable[bytes]]


def owner_of_entry(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int) -> PasswordOwner:
    """Of an entry that is there; raises NoSuchEntry."""
    record = txn.record(tenant, entry_id)

    def values(name: str) -> Iterable[bytes]:
        attribute = schema.attribute(name)
        number = txn.attribute_number(attribute.oid) if attribute is not None else None
        return () if number is None else record.values(number)

    return _owner(values)


def owner_of_addition(schema: Schema, request: AddRequest) -> PasswordOwner:
    """Of an entry that is to be added, from the request."""
    found: dict[str, list[bytes]] = {}
    for name, contents in request.attributes:
        description = schema.describe(name)
        if description is not None and not description.options:
            found.setdefault(description.type.name, []).extend(contents)
    return _owner(lambda name: found.get(name, ()))


def _owner(values: Values) -> PasswordOwner:
    accounts = (name.partition("@")[0] for name in spelt_names(values, ""))
    names = (
        value.decode("utf-8", "replace")
        for attribute in _NAMES
        for value in list(values(attribute))[:_MAX_VALUES]
        if len(value) <= _MAX_NAME
    )
    return PasswordOwner(tuple(dict.fromkeys(accounts)), tuple(dict.fromkeys(names)))
