"""Which attributes of an entry a search returns (RFC 4511 §4.5.1.8), made ready once per search.

`*` is all user attributes, `+` all operational ones (RFC 3673), `@class` what an object class names (RFC
4529), `1.1` none. A record holds its attributes as LDAP sends them, so most entries leave by copying slices:
all user attributes are one slice. Links and computed attributes are written out here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.operations.attribute_table import AttributeTable
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.descriptor_attributes import BY_NAME
from lightwave.directory.operations.subschema_entry import is_subschema_entry
from lightwave.directory.schema.attribute import AttributeDescription, AttributeType
from lightwave.directory.store.record import HAS_LINKS, encode_attribute
from lightwave.wire.ber import read_header

NO_ATTRIBUTES = "1.1"


@final
class Selection:
    """What of an entry is sent: made for one attribute list, one table and typesOnly or not."""

    __slots__ = (
        "_account",
        "_computed",
        "_links",
        "_numbers",
        "_of_accounts",
        "_operational",
        "_subschema",
        "_table",
        "_types_only",
        "_user",
        "_whole",
    )

    def __init__(self, table: AttributeTable, requested: tuple[str, ...], types_only: bool) -> None:
        self._table = table
        self._types_only = types_only
        self._user = not requested or "*" in requested
        self._operational = "+" in requested
        numbers: set[int] = set()
        types: dict[str, AttributeType] = {}
        for description in self._descriptions(requested):
            numbers.update(table.covered(description))
            if not description.options:
                types.update((one.oid, one) for one in table.schema.subtypes(description.type))
        if self._operational:
            numbers |= table.operational
            types.update(
                (one.oid, one)
                for one in table.schema.attribute_types()
                if one.is_operational and one.oid not in BY_NAME
            )
        self._links = tuple(sorted((numbers | self._user_links()) & table.links))
        self._numbers = frozenset(numbers)
        self._computed = tuple(one for oid, one in types.items() if oid in table.computed)
        self._subschema = tuple(one for oid, one in types.items() if oid in table.subschema)
        self._account = table.account if self._user else 0
        self._of_accounts = tuple(one for one in table.account_types if one.oid not in types)
        self._whole = self._user and not (numbers or types or types_only)

    def _descriptions(self, requested: tuple[str, ...]) -> Iterator[AttributeDescription]:
        schema = self._table.schema
        for text in requested:
            if text in ("*", "+", NO_ATTRIBUTES):
                continue
            if text.startswith("@"):
                named = schema.object_class(text[1:])
                if named is None:
                    continue
                for attribute in named.all_must | named.all_may:
                    description = schema.describe(attribute.oid)
                    if description is not None:
                        yield description
                continue
            description = schema.describe(text)
            if description is not None and not description.type.is_secret:
                yield description

    def _user_links(self) -> frozenset[int]:
        if not self._user:
            return frozenset()
        table = self._table
        return table.links - table.operational

    def encode(self, candidate: Candidate) -> bytes:
        """The entry's attributes as a run of PartialAttribute encodings (RFC 4511 §4.5.2)."""
        record = candidate.record
        readable = candidate.readable
        if (
            self._whole
            and not record.flags & HAS_LINKS
            and (readable is ALL or readable.issuperset(record.user_numbers))  # type: ignore[union-attr]
        ):
            if self._account not in record.numbers():
                return record.user_block
            more = self._encode_computed(candidate, self._of_accounts)
            return b"".join([record.user_block, *(encoded for _, encoded in more)])
        parts = self._stored(candidate)
        if self._links:
            parts = self._with_links(candidate, parts)
        parts += self._encode_computed(candidate, self._computed_here(candidate))
        if self._types_only:
            return b"".join(encode_attribute(name, ()) for name, _ in parts)
        return b"".join(encoded for _, encoded in parts)

    @staticmethod
    def _encode_computed(
        candidate: Candidate, attributes: tuple[AttributeType, ...]
    ) -> list[tuple[bytes, bytes]]:
        parts = []
        for attribute in attributes:
            values = candidate.computed(attribute)
            if values:
                name = attribute.name.encode()
                parts.append((name, encode_attribute(name, values)))
        return parts

    def _computed_here(self, candidate: Candidate) -> tuple[AttributeType, ...]:
        """The computed attributes to ask for; the schema's own only of the subschema subentry.

        `*` of an account (an entry with a sAMAccountName) brings what Active Directory would: its clients ask for
        nothing else. Of other entries these are sent when they are asked for by name.
        """
        if self._subschema and is_subschema_entry(
            candidate.txn, candidate.schema, candidate.tenant, candidate.entry_id
        ):
            return self._computed + self._subschema
        if self._account in candidate.record.numbers():
            return self._computed + self._of_accounts
        return self._computed

    def _stored(self, candidate: Candidate) -> list[tuple[bytes, bytes]]:
        numbers = self._numbers
        record = candidate.record
        user = frozenset(record.user_numbers) if self._user else frozenset()
        return [
            (b"" if not self._types_only else _name(encoded), encoded)
            for number, encoded in record.attributes()
            if (number in numbers or number in user) and candidate.may_read(number)
        ]

    def _with_links(
        self, candidate: Candidate, parts: list[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        """Adds the attributes kept as links; values that name nothing yet join them from the record."""
        record, txn, tenant = candidate.record, candidate.txn, candidate.tenant
        if not record.flags & HAS_LINKS:
            return parts
        for number in self._links:
            if not candidate.may_read(number):
                continue
            names = [
                txn.dn(tenant, target) for target in txn.link_targets(tenant, candidate.entry_id, number)
            ]
            if not names:
                continue
            description = self._table.description(number)
            if description is None:
                continue
            waiting = record.encoded(number)
            if waiting is not None:
                parts = [(name, encoded) for name, encoded in parts if encoded != waiting]
                names.extend(record.values(number))
            name = description.text.encode()
            parts.append((name, encode_attribute(name, names)))
        return parts


def _name(encoded: bytes) -> bytes:
    """The attribute description of a PartialAttribute encoding of ours."""
    _, start, stop = read_header(encoded, 0, len(encoded))
    _, start, stop = read_header(encoded, start, stop)
    return encoded[start:stop]
