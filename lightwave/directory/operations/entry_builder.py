"""Adds the entries that a tenant begins with: checked against the schema, but by nobody's right and past all plug-ins.

What a plug-in would add to such an entry its caller gives. The tenant has its number already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lightwave.directory.ldap.dn import format_dn, format_rdn, parse_dn
from lightwave.directory.operations.plugins.operational import creation_attributes
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.checks import check_entry
from lightwave.directory.schema.normalisation import normalise_dn
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.writing import Change, NewEntry, WriteTransaction


class EntryBuilder:
    """Adds entries by DN, parents first, all by one change. `change` is there for links and secrets of theirs."""

    def __init__(
        self, txn: WriteTransaction, schema: Schema, tenant: int, new_guid: Callable[[], bytes]
    ) -> None:
        self.txn = txn
        self.schema = schema
        self.tenant = tenant
        self.change: Change = txn.begin_change()
        self.new_guid = new_guid

    def add(
        self,
        dn: bytes,
        classes: Sequence[str],
        *,
        context: bool = False,
        critical: bool = False,
        guid: bytes | None = None,
        settings: Mapping[str, Sequence[bytes]] | None = None,
        **attributes: bytes | Sequence[bytes],
    ) -> int:
        """Adds one entry; its entry id. context: it is the root of a naming context. critical: the server
        stands on it, so that it is neither deleted nor renamed (plugins.system_entries). guid: where it is not to be
        a new one. settings: attributes whose names are no identifiers.
        """
        txn, schema = self.txn, self.schema
        parsed = parse_dn(dn)
        given: dict[AttributeDescription, tuple[bytes, ...]] = {
            self._describe("objectClass"): tuple(name.encode() for name in classes)
        }
        if critical:
            given[self._describe("isCriticalSystemObject")] = (b"TRUE",)
        for name, values in (*attributes.items(), *(settings or {}).items()):
            if values:
                given[self._describe(name)] = (values,) if isinstance(values, bytes) else tuple(values)
        checked = check_entry(schema, given, parsed[0])
        stamped = creation_attributes(schema, b"", self.change.stamp, checked.structural)
        normalised = normalise_dn(schema, parsed)
        entry = NewEntry(
            format_dn(parsed) if context else format_rdn(parsed[0]),
            normalised[0],
            guid or self.new_guid(),
            [*checked.attributes.items(), *stamped],
        )
        if context:
            return txn.insert_context(self.tenant, normalised, entry, self.change)
        _, parent = txn.find(normalised[1:])
        return txn.insert_entry(self.tenant, parent, entry, self.change)

    def link(self, source: int, attribute: str, targets: Sequence[int]) -> None:
        """Lets an entry name others under a link attribute."""
        self.txn.add_links(self.tenant, source, self._describe(attribute), targets, self.change)

    def _describe(self, name: str) -> AttributeDescription:
        description = self.schema.describe(name)
        assert description is not None, name  # it comes with the server
        return description
