"""Import (the bulk path): an LDIF file of entries into the directory, in slices that commit.

    read -> RecordReader (checks, outside of any transaction) -> slice -> bulk transaction: rules, issue -> commit

Every check and every row is an add's: `add.find_superior`, the plug-ins, `add.new_entry`. What is different is the
pace: passwords in clear are hashed on all cores while the next records are read, a slice of entries is one
transaction, and the transaction puts its random keys sorted (store/bulk_transaction.py).

A slice is sized to hold the write lock for about half a second, so a server on the same store goes on writing.
An import that is killed leaves complete slices; run again, it can skip what is there. At the first record that
can't be taken it stops, and everything before it is in the directory.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from lightwave.directory.ldap.dn import format_dn, parse_dn
from lightwave.directory.ldap.ldif import ContentRecord, LdifError, read_ldif
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import add
from lightwave.directory.operations.bulk_entries import Candidate, ImportRefused, RecordReader
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftEntry
from lightwave.directory.operations.imported_descriptors import imported_descriptor
from lightwave.directory.operations.ports import Effect, Plugin, Preparation, Prepare, Target
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.store.bulk_transaction import BulkTransaction, begin_bulk
from lightwave.directory.store.environment import Store
from lightwave.directory.store.layout import ROOT, SYSTEM_TENANT
from lightwave.directory.store.writing import WriteTransaction

SLICE_SECONDS: Final = 0.5
FIRST_SLICE: Final = 500
LARGEST_SLICE: Final = 20_000
SLICE_OCTETS: Final = 16 * 1024 * 1024
HEAVY_SLICE: Final = 64
"""passwords to be hashed that fill a slice"""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the administrator asked for.

    create_context: the first entry becomes a naming context when its parent does not exist. skip_existing: entries
    that exist are left as they are, instead of ending the import. left_out: names of attributes not to take.
    any_password: passwords in clear need not meet the policy.
    """

    create_context: bool = False
    skip_existing: bool = False
    left_out: frozenset[str] = frozenset()
    any_password: bool = False


@dataclass(slots=True)
class ImportCounts:
    """How far an import has come."""

    read: int = 0
    added: int = 0
    skipped: int = 0
    contexts: list[bytes] = field(default_factory=list)
    """naming contexts that were made"""


@dataclass(slots=True)
class _Pending:
    """An entry on its way, with the work under way for its passwords."""

    candidate: Candidate
    work: tuple[Preparation | Future[Effect], ...]

    def effects(self) -> tuple[Effect, ...]:
        return tuple(one.result() if isinstance(one, Future) else one.run() for one in self.work)


class _Stopped(Exception):
    """The entry of this index in the slice can't be added."""

    def __init__(self, index: int, refusal: ImportRefused) -> None:
        super().__init__(str(refusal))
        self.index = index
        self.refusal = refusal


Told = Callable[[WriteTransaction, Context, Mapping[int, int]], None]


class BulkImport:
    """One import into one store.

    `context` is the administrator's; `executor` runs what `Preparation.heavy` says is heavy; `monotonic` is in
    seconds; `told` hears in each slice's transaction how many entries it adds to which tenant.
    """

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        context: Context,
        preparers: Sequence[Prepare],
        plugins: Sequence[Plugin],
        executor: Executor,
        *,
        new_guid: Callable[[], bytes],
        monotonic: Callable[[], float],
        options: ImportOptions,
        told: Told = lambda txn, context, added: None,
    ) -> None:
        self._told = told
        self._store = store
        self._schemas = schemas
        self._context = context
        self._preparers = tuple(preparers)
        self._plugins = tuple(plugins)
        self._executor = executor
        self._new_guid = new_guid
        self._monotonic = monotonic
        self._options = options
        self._slice = FIRST_SLICE
        self._waiting: deque[list[_Pending]] = deque()
        self.counts = ImportCounts()

    def run(self, stream: BinaryIO, progress: Callable[[ImportCounts], None]) -> ImportCounts:
        """Import a file to its end; `progress` hears of each slice. Raises ImportRefused, StoreError.

        When it raises, `counts` says what is in the directory.
        """
        refusal: ImportRefused | None = None
        reader = self._new_reader()
        batch: list[_Pending] = []
        heavy = octets = 0
        with _without_collector():
            try:
                for record in _content(stream):
                    pending = self._begin(reader.read(record))
                    self.counts.read += 1
                    batch.append(pending)
                    heavy += any(isinstance(one, Future) for one in pending.work)
                    octets += sum(len(value) for _, value in record.attributes)
                    if len(batch) >= self._slice or heavy >= HEAVY_SLICE or octets >= SLICE_OCTETS:
                        full, batch = batch, []
                        self._hand_over(full, progress, wait=not heavy)
                        heavy = octets = 0
                        reader = self._current_reader(reader)
            except ImportRefused as error:
                refusal = error
            self._waiting.append(batch)
            while self._waiting:
                self._write(self._waiting.popleft(), progress)
        if refusal is not None:
            raise refusal
        return self.counts

    def _hand_over(
        self, batch: list[_Pending], progress: Callable[[ImportCounts], None], *, wait: bool
    ) -> None:
        """Write a slice; one whose passwords are being hashed waits until the next one is read."""
        self._waiting.append(batch)
        while self._waiting and (wait or len(self._waiting) > 1):
            self._write(self._waiting.popleft(), progress)

    def _new_reader(self) -> RecordReader:
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
        return RecordReader(schema, self._options.left_out, self._new_guid)

    def _current_reader(self, reader: RecordReader) -> RecordReader:
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
        return reader if schema is reader.schema else self._new_reader()

    # --- passwords -------------------------------------------------------------------------------------------------

    def _begin(self, candidate: Candidate) -> _Pending:
        """Have the entry's secrets prepared; raises ImportRefused."""
        request = candidate.secrets
        if request is None:
            return _Pending(candidate, ())
        work: list[Preparation | Future[Effect]] = []
        try:
            for description, _ in request.attributes:
                attribute = self._schemas.latest.describe(description)
                if attribute is None or not any(port.handles(attribute.type.oid) for port in self._preparers):
                    raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"{description} can't be imported")
            with self._store.read() as txn:
                schema = self._schemas.current(txn)
                for preparer in self._preparers:
                    preparation = preparer.plan(txn, schema, self._context, request, None)
                    if preparation is not None and preparation.heavy:
                        work.append(self._executor.submit(preparation.run))
                    elif preparation is not None:
                        work.append(preparation)
        except DirectoryError as error:
            raise _refused(candidate, error) from None
        return _Pending(candidate, tuple(work))

    # --- slices ----------------------------------------------------------------------------------------------------

    def _write(self, batch: list[_Pending], progress: Callable[[ImportCounts], None]) -> None:
        """Write a slice; when one of its entries is refused, those before it, and then raise."""
        if not batch:
            return
        refusal: ImportRefused | None = None
        ready: list[tuple[Candidate, tuple[Effect, ...]]] = []
        for pending in batch:
            try:
                ready.append((pending.candidate, pending.effects()))
            except DirectoryError as error:
                refusal = _refused(pending.candidate, error)
                break
        try:
            self._write_slice(ready)
        except _Stopped as stopped:
            refusal = stopped.refusal
            self._write_slice(ready[: stopped.index])
        progress(self.counts)
        if refusal is not None:
            self._waiting.clear()
            raise refusal

    def _write_slice(self, ready: Sequence[tuple[Candidate, tuple[Effect, ...]]]) -> None:
        if not ready:
            return
        before = replace(self.counts, contexts=list(self.counts.contexts))
        try:
            with begin_bulk(self._store) as txn:
                began = self._monotonic()
                placer = _Placer(self._schemas, self._context, self._plugins, self._options, self.counts, txn)
                for index, (candidate, effects) in enumerate(ready):
                    try:
                        placer.place(candidate, effects)
                    except DirectoryError as error:
                        raise _Stopped(index, _refused(candidate, error)) from None
                    except ImportRefused as error:
                        raise _Stopped(index, error) from None
                self._told(txn, self._context, placer.added_to)
        except BaseException:
            self.counts.added, self.counts.skipped = before.added, before.skipped
            self.counts.contexts = before.contexts
            raise
        elapsed = max(self._monotonic() - began, 1e-4)
        fitting = int(len(ready) * SLICE_SECONDS / elapsed)
        self._slice = max(FIRST_SLICE, min(fitting, 2 * self._slice, LARGEST_SLICE))


class _Placer:
    """Puts the entries of one slice into its transaction."""

    def __init__(
        self,
        schemas: SchemaSource,
        context: Context,
        plugins: tuple[Plugin, ...],
        options: ImportOptions,
        counts: ImportCounts,
        txn: BulkTransaction,
    ) -> None:
        self._schemas = schemas
        self._context = context
        self._plugins = plugins
        self._options = options
        self._counts = counts
        self._txn = txn
        self._superiors: dict[NormalisedDN, tuple[int, int]] = {}
        self.added_to: dict[int, int] = {}
        """tenant -> entries"""

    def place(self, candidate: Candidate, effects: tuple[Effect, ...]) -> None:
        """Add one entry, or skip it because it exists; raises DirectoryError, ImportRefused."""
        txn, name = self._txn, candidate.name
        schema = self._schemas.current(txn)
        if schema is not candidate.schema:
            raise ImportRefused(
                candidate.line, candidate.dn, "the schema was changed meanwhile; run it again with --continue"
            )
        superior = self._superiors.get(name[1:])
        if superior is None:
            superior = self._find_superior(candidate)
        tenant, parent = superior
        if self._exists(name, tenant, parent):
            if not self._options.skip_existing:
                raise ImportRefused(
                    candidate.line,
                    candidate.dn,
                    "the entry exists already; use --continue to skip what exists",
                )
            self._counts.skipped += 1
            return
        if candidate.is_own_guid and (other := txn.by_guid(tenant, candidate.guid)) is not None:
            taken_by = txn.dn(tenant, other).decode("utf-8", "replace")
            raise ImportRefused(
                candidate.line,
                candidate.dn,
                f"its entryUUID is that of '{taken_by}'; use --ignore entryUUID to give it a new one",
            )
        draft = DraftEntry(
            schema,
            tenant,
            parent,
            name,
            candidate.rdn,
            candidate.guid,
            candidate.attributes,
            candidate.classes,
            candidate.checked.structural,
            effects,
            kept=candidate.kept,
            restored=True,
        )
        if candidate.descriptor is not None:
            draft.descriptor = imported_descriptor(txn, self._context, draft, candidate.descriptor)
        if parent == ROOT:
            self._add_context(candidate, draft, effects)
        else:
            for plugin in self._plugins:
                plugin.on_add(txn, self._context, draft)
            add.issue(txn, self._context, draft, effects)
        self._counts.added += 1
        self.added_to[tenant] = self.added_to.get(tenant, 0) + 1

    def _exists(self, name: NormalisedDN, tenant: int, parent: int) -> bool:
        if parent == ROOT:
            return self._txn.context(name) is not None
        return self._txn.find_child(tenant, parent, name[0]) is not None

    def _find_superior(self, candidate: Candidate) -> tuple[int, int]:
        """Where the entry goes; the root of the tree for a naming context. Rules of superiors are an add's."""
        txn, name = self._txn, candidate.name
        schema = self._schemas.current(txn)
        try:
            superior = add.find_superior(txn, schema, self._context, name, candidate.checked.structural)
        except DirectoryError as error:
            if error.code is ResultCode.ENTRY_ALREADY_EXISTS:
                known = txn.context(name)
                return known.tenant if known is not None else SYSTEM_TENANT, ROOT
            if error.code is not ResultCode.NO_SUCH_OBJECT:
                raise
            if self._options.create_context and not self._counts.added and not self._counts.skipped:
                return self._tenant_of_context(name), ROOT
            raise ImportRefused(candidate.line, candidate.dn, self._no_superior(candidate)) from None
        self._superiors[name[1:]] = superior
        return superior

    def _no_superior(self, candidate: Candidate) -> str:
        parent = format_dn(parse_dn(candidate.dn)[1:]).decode("utf-8", "replace")
        if not parent:
            return "it would be a naming context; use --create-context to make the file's first entry one"
        advice = "put it before this entry in the file"
        if not self._counts.added and not self._counts.skipped:
            advice += ", or use --create-context to make this entry a naming context"
        return f"its parent '{parent}' does not exist; {advice}"

    def _tenant_of_context(self, name: NormalisedDN) -> int:
        """The tenant of a new naming context: the system's. Contexts do not nest."""
        if self._txn.has_contexts_below(name):
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, "a naming context can't be made above another one"
            )
        return SYSTEM_TENANT

    def _add_context(self, candidate: Candidate, draft: DraftEntry, effects: tuple[Effect, ...]) -> None:
        txn = self._txn
        change = txn.begin_change()
        entry = add.new_entry(txn, self._context, draft, change)
        dn = format_dn(parse_dn(candidate.dn))
        entry_id = txn.insert_context(draft.tenant, draft.name, replace(entry, rdn=dn), change)
        add.apply_effects(txn, Target(draft.tenant, entry_id, draft.guid), change, effects)
        self._counts.contexts.append(dn)


def _content(stream: BinaryIO) -> Iterator[ContentRecord]:
    """The entries of a file; raises ImportRefused for what is no entry or no LDIF."""
    try:
        for record in read_ldif(stream):
            if not isinstance(record, ContentRecord):
                raise ImportRefused(
                    record.line,
                    record.dn,
                    "a change record (changetype:), and import takes entries; use ldapmodify -f for changes",
                )
            yield record
    except LdifError as error:
        raise ImportRefused(error.line, b"", error.message) from None


def _refused(candidate: Candidate, error: DirectoryError) -> ImportRefused:
    detail = f" ({error.detail})" if error.detail and error.detail not in error.message else ""
    return ImportRefused(candidate.line, candidate.dn, (error.message or error.code.label) + detail)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of short-lived objects and no cycles among them: the collector would visit them for nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
