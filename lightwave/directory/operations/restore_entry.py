"""A deleted entry comes back from a backup: its attributes, memberships both ways and secrets, under its GUID.

A tombstone keeps no content, so the content comes from the store of a backup (`source`), opened beside. The entry is
a revival with a later stamp (merge.py): whatever other servers still say of its deletion, it holds. What names other
entries is matched by GUID, so it does not matter where those stand now; what they are members of is restored from
their side, too. Entries that are not deleted are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.changes import resolve_link
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import Attributes, DraftEntry
from lightwave.directory.operations.gather import classes_of
from lightwave.directory.operations.plugins.operational import modification_attributes
from lightwave.directory.operations.plugins.tombstones import is_deleted_objects
from lightwave.directory.operations.ports import Plugin
from lightwave.directory.schema.normalisation import NormalisedRDN
from lightwave.directory.store.errors import StoreError
from lightwave.directory.store.record import CONTEXT, DYNAMIC, TOMBSTONE, Record, attribute_values
from lightwave.directory.store.writing import Change, NewEntry, WriteTransaction

if TYPE_CHECKING:
    from lightwave.directory.schema.attribute import AttributeDescription
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.store.reading import ReadTransaction


@dataclass(slots=True)
class RestoreCounts:
    """What became of a subtree. `absent`: GUIDs of entries that it had links with and that are not there (yet)."""

    restored: int = 0
    present: int = 0
    expired: int = 0
    links: int = 0
    memberships: int = 0
    secrets: int = 0
    absent: set[bytes] = field(default_factory=set)
    attributes_left_out: set[str] = field(default_factory=set)
    """keys that the schema of today does not have"""

    def add(self, other: RestoreCounts) -> None:
        """Count another part."""
        self.restored += other.restored
        self.present += other.present
        self.expired += other.expired
        self.links += other.links
        self.memberships += other.memberships
        self.secrets += other.secrets
        self.absent |= other.absent
        self.attributes_left_out |= other.attributes_left_out


@dataclass(frozen=True, slots=True)
class Source:
    """The snapshot that entries come back from, and the tenant in it (by its number there)."""

    txn: ReadTransaction
    tenant: int

    def name(self, entry_id: int) -> str:
        """The name that the entry had, for messages."""
        return self.txn.dn(self.tenant, entry_id).decode("utf-8", "replace")


def tenant_of(txn: ReadTransaction, source: Source) -> int:
    """The tenant's number in the live store; raises DirectoryError where it is not there."""
    tenant = txn.tenant_number(source.txn.tenant_guid(source.tenant))
    if tenant is None:
        raise DirectoryError(ResultCode.NO_SUCH_OBJECT, "the backup is of another directory")
    return tenant


def restore_entry(
    txn: WriteTransaction,
    schema: Schema,
    context: Context,
    plugins: tuple[Plugin, ...],
    source: Source,
    source_id: int,
    below: int | None = None,
) -> RestoreCounts:
    """Bring one entry back; its superior is found by its GUID, or is the entry `below`.

    Raises DirectoryError, and then nothing of it may be committed.
    """
    return _Restoring(txn, schema, context, source, source_id).run(plugins, below)


class _Restoring:
    def __init__(
        self, txn: WriteTransaction, schema: Schema, context: Context, source: Source, source_id: int
    ) -> None:
        self._txn = txn
        self._schema = schema
        self._context = context
        self._source = source
        self._id = source_id
        self._record = source.txn.record(source.tenant, source_id)
        self._tenant = tenant_of(txn, source)
        self._counts = RestoreCounts()

    def run(self, plugins: tuple[Plugin, ...], below: int | None) -> RestoreCounts:
        txn, record, counts = self._txn, self._record, self._counts
        present = txn.by_guid(self._tenant, record.guid)
        if present is not None and not txn.record(self._tenant, present).flags & TOMBSTONE:
            counts.present += 1
            return counts
        if record.flags & DYNAMIC and record.expires <= self._context.now() * 1000:
            counts.expired += 1
            return counts
        if record.flags & CONTEXT:
            raise self._refused("a naming context is restored with the whole node: lightwave restore")
        parent = self._superior() if below is None else below
        self._check_place(parent)
        attributes, links = self._content()
        draft = self._draft(parent, present or 0, attributes)
        for plugin in plugins:
            plugin.on_add(txn, self._context, draft)
        change = txn.begin_change()
        entry = self._entry(draft, links, change)
        if present is None:
            present = txn.insert_entry(self._tenant, parent, entry, change)
        else:
            txn.revive_entry(self._tenant, present, parent, entry, change, describe=self._schema.describe)
        self._secrets(present, change)
        self._memberships(present, change)
        counts.restored += 1
        return counts

    def _refused(self, text: str, code: ResultCode = ResultCode.UNWILLING_TO_PERFORM) -> DirectoryError:
        return DirectoryError(code, f"'{self._source.name(self._id)}': {text}")

    # --- where it stands -------------------------------------------------------------------------------------------

    def _superior(self) -> int:
        source = self._source
        parent = self._living(self._record.parent)
        if parent is None:
            name = source.name(self._record.parent)
            raise self._refused(
                f"its superior '{name}' is not there; restore that one, or name another place with --below",
                ResultCode.NO_SUCH_OBJECT,
            )
        return parent

    def _living(self, source_id: int) -> int | None:
        """The live entry that has the GUID of one in the source; None where it is deleted or was never there."""
        guid = self._source.txn.record(self._source.tenant, source_id).guid
        found = self._txn.by_guid(self._tenant, guid)
        if found is None or self._txn.record(self._tenant, found).flags & TOMBSTONE:
            self._counts.absent.add(guid)
            return None
        return found

    def _check_place(self, parent: int) -> None:
        txn, tenant = self._txn, self._tenant
        above = txn.record(tenant, parent)
        if above.flags & TOMBSTONE or is_deleted_objects(txn, self._schema, tenant, above):
            raise self._refused("only deletion puts entries there")
        if txn.find_child(tenant, parent, self._name()) is not None:
            raise self._refused(
                "there is an entry of this name; rename it, or name another place with --below",
                ResultCode.ENTRY_ALREADY_EXISTS,
            )

    def _name(self) -> NormalisedRDN:
        return NormalisedRDN(self._record.normalised_rdn)

    # --- what it holds -----------------------------------------------------------------------------------------------

    def _content(self) -> tuple[Attributes, list[tuple[AttributeDescription, int]]]:
        """The attributes of its record, and its links to entries that are there."""
        source, record = self._source, self._record
        attributes: Attributes = {}
        links: dict[tuple[AttributeDescription, int], None] = {}
        for number, encoded in record.attributes():
            description = self._describe(number)
            if description is None:
                continue
            values = tuple(attribute_values(encoded))
            if description.type.is_link:
                values = self._waiting(description, values, links)
            if values:
                attributes[description] = values
        for number in source.txn.link_attributes(source.tenant, self._id):
            description = self._describe(number)
            if description is None:
                continue
            for target in source.txn.link_targets(source.tenant, self._id, number):
                living = self._living(target)
                if living is not None:
                    links[description, living] = None
        self._counts.links += len(links)
        return attributes, list(links)

    def _describe(self, number: int) -> AttributeDescription | None:
        key = self._source.txn.attribute_key(number)
        description = self._schema.describe(key)
        if description is None:
            self._counts.attributes_left_out.add(key)
        return description

    def _waiting(
        self,
        description: AttributeDescription,
        values: tuple[bytes, ...],
        links: dict[tuple[AttributeDescription, int], None],
    ) -> tuple[bytes, ...]:
        """Names that named nothing when the backup was made: they may by now. Those that do not stay text."""
        texts = []
        for value in values:
            target = resolve_link(self._txn, self._schema, self._tenant, value)
            if target is None:
                texts.append(value)
            else:
                links[description, target] = None
        return tuple(texts)

    def _draft(self, parent: int, revived: int, attributes: Attributes) -> DraftEntry:
        txn, tenant, record = self._txn, self._tenant, self._record
        classes = classes_of(self._source.txn, self._schema, record)
        return DraftEntry(
            self._schema,
            tenant,
            parent,
            (self._name(), *txn.normalised_dn(tenant, parent)),
            parse_dn(record.rdn)[0],
            record.guid,
            attributes,
            classes.oids,
            classes.structural,
            revived=revived,
            restored=True,
        )

    def _entry(
        self, draft: DraftEntry, links: list[tuple[AttributeDescription, int]], change: Change
    ) -> NewEntry:
        txn, source, record = self._txn, self._source, self._record
        attributes = dict(draft.attributes)
        attributes.update(modification_attributes(self._schema, self._context.token.dn, change.stamp))
        descriptor = source.txn.descriptor(source.tenant, record.descriptor)
        return NewEntry(
            record.rdn,
            self._name(),
            record.guid,
            list(attributes.items()),
            links,
            expires=record.expires / 1000 if record.flags & DYNAMIC else None,
            descriptor=txn.intern_descriptor(self._tenant, descriptor),
        )

    def _secrets(self, entry_id: int, change: Change) -> None:
        """Opened and sealed again: under the key that is current now."""
        source = self._source
        for kind in source.txn.secret_kinds(source.tenant, self._id):
            plain = source.txn.secret(source.tenant, self._id, kind)
            if plain is None:
                raise StoreError("a secret went away in a snapshot")
            self._txn.put_secret(self._tenant, entry_id, kind, plain, change)
            self._counts.secrets += 1

    def _memberships(self, entry_id: int, change: Change) -> None:
        """Let those name it again that named it: groups, and the like."""
        txn, source = self._txn, self._source
        for number in source.txn.backlink_attributes(source.tenant, self._id):
            description = self._describe(number)
            if description is None:
                continue
            own = txn.attribute_number_for(description)
            for other in list(source.txn.link_sources(source.tenant, self._id, number)):
                living = self._living(other)
                if living is not None and not (description.type.single_value and self._has(living, own)):
                    self._counts.memberships += txn.add_links(
                        self._tenant, living, description, (entry_id,), change
                    )

    def _has(self, entry_id: int, number: int) -> bool:
        """Whether an entry has a value of a link attribute, as a link or as text."""
        record: Record = self._txn.record(self._tenant, entry_id)
        return bool(self._txn.link_count(self._tenant, entry_id, number) or record.values(number))
