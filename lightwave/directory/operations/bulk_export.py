"""Export: entries as LDIF content records (RFC 2849), parents first, read in short transactions.

What the export holds is what an import takes back: user attributes, those operational ones that users write
(`aci`, `ref` …), links as names. `operational` adds what the server keeps: entryUUID, who and when, and the security
descriptor that an entry has of its own, where it is not what an import gives without being told. Secrets are never
among it, nor tombstones. An entry that is added or removed while the export runs may be in it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from lightwave.directory.ldap.ldif import format_record
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.attribute_table import AttributeTable, AttributeTables
from lightwave.directory.operations.computed import computed_values
from lightwave.directory.operations.descriptors import stored_unless_default
from lightwave.directory.operations.gather import normalised_name
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.sources import Subtree
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import HAS_LINKS, TOMBSTONE, Record, attribute_values

TURN: Final = 0.05
"""seconds after which the transaction is renewed"""
_COMPUTED: Final = ("entryUUID", "entryTtl")
_DESCRIPTOR: Final = "nTSecurityDescriptor"


class Export:
    """One export from one store. `now` is in seconds since the epoch, `monotonic` in seconds."""

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        *,
        operational: bool,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._operational = operational
        self._now = now
        self._monotonic = monotonic
        self._tables = AttributeTables()
        self.entries = 0

    def contexts(self, without: tuple[bytes, ...]) -> Iterator[bytes]:
        """The DNs of all naming contexts but those named, tenant by tenant."""
        tenant: int | None = 0
        while tenant is not None:
            with self._store.read() as txn:
                schema = self._schemas.current(txn)
                skipped = {normalised_name(schema, dn) for dn in without}
                tenant = next(txn.tenants(tenant), None)
                found = sorted(txn.contexts(tenant)) if tenant is not None else []
            yield from (one.dn for name, one in found if name not in skipped)

    def records(self, base: bytes) -> Iterator[bytes]:
        """The records of an entry and all below it; raises DirectoryError when there is no such entry."""
        with self._store.read() as txn:
            name = normalised_name(self._schemas.current(txn), base)
            try:
                tenant, entry_id = txn.find(name)
            except NoSuchEntry:
                text = base.decode("utf-8", "replace")
                raise DirectoryError(ResultCode.NO_SUCH_OBJECT, f"there is no entry '{text}'") from None
        source = Subtree(tenant, entry_id)
        ids: Iterator[int] = iter(())
        finished = False
        while not finished:
            chunk: list[bytes] = []
            with self._store.read() as txn:
                schema = self._schemas.current(txn)
                writer = _EntryWriter(
                    txn, schema, self._tables.current(txn, schema), self._operational, self._now()
                )
                until = self._monotonic() + TURN
                while self._monotonic() < until:
                    some = list(islice(ids, 16))
                    if not some:
                        ids = iter(source.batch(txn))
                        some = list(islice(ids, 16))
                        if not some:
                            finished = True
                            break
                    chunk += [one for entry in some if (one := writer.format(tenant, entry)) is not None]
            self.entries += len(chunk)
            yield b"".join(chunk)


class _EntryWriter:
    """Formats entries as one transaction sees them."""

    def __init__(
        self, txn: ReadTransaction, schema: Schema, table: AttributeTable, operational: bool, now: float
    ) -> None:
        self._txn = txn
        self._schema = schema
        self._table = table
        self._now = now
        self._names: dict[int, str] = {}
        for number in table.numbers:
            description = table.description(number)
            if description is not None and not description.type.is_secret:
                attribute = description.type
                if operational or not (attribute.is_operational and attribute.no_user_modification):
                    self._names[number] = description.text
        self._descriptors: dict[int, bytes | None] | None = {} if operational else None
        """by number, for all entries of one naming context"""
        wanted = _COMPUTED if operational else ()
        self._computed: list[AttributeType] = [
            found for name in wanted if (found := schema.attribute(name)) is not None
        ]

    def format(self, tenant: int, entry_id: int) -> bytes | None:
        """An entry's record; None for one that is gone or a tombstone. Raises DamagedRecord."""
        txn, names = self._txn, self._names
        try:
            record = txn.record(tenant, entry_id)
        except NoSuchEntry:
            return None
        if record.flags & TOMBSTONE:
            return None
        pairs: list[tuple[str, bytes]] = []
        for number, encoded in record.attributes():
            name = names.get(number)
            if name is not None:
                pairs += [(name, value) for value in attribute_values(encoded)]
        if record.flags & HAS_LINKS:
            for number in txn.link_attributes(tenant, entry_id):
                name = names.get(number)
                if name is not None:
                    targets = txn.link_targets(tenant, entry_id, number)
                    pairs += [(name, txn.dn(tenant, target)) for target in targets]
        pairs += self._compute(tenant, entry_id, record)
        if self._descriptors is not None and record.descriptor:
            pairs += self._descriptor(self._descriptors, tenant, record)
        return format_record(txn.dn(tenant, entry_id, record), pairs)

    def _descriptor(
        self, known: dict[int, bytes | None], tenant: int, record: Record
    ) -> list[tuple[str, bytes]]:
        """Entries share descriptors, so each is read once in a transaction."""
        if record.descriptor not in known:
            known[record.descriptor] = stored_unless_default(self._txn, self._schema, tenant, record)
        value = known[record.descriptor]
        return [] if value is None else [(_DESCRIPTOR, value)]

    def _compute(self, tenant: int, entry_id: int, record: Record) -> list[tuple[str, bytes]]:
        return [
            (attribute.name, value)
            for attribute in self._computed
            for value in computed_values(
                self._txn, self._schema, tenant, entry_id, record, attribute, self._now
            )
        ]
