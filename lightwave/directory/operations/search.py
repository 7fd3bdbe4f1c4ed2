"""Search (RFC 4511 §4.5): gather the base, the filter and the plan; then look at candidates, a slice at a
time.

A `Search` is made in one read transaction and advanced in as many as it needs: each call to `advance` looks
at candidates until its time slice, its byte budget or its page is used up. What a candidate has to pass: in
scope, not a tombstone, readable, and the filter True with the requester's rights. The hot path (a base read,
an indexed equality with a handful of candidates) is one `start` and one `advance` in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, final

from lightwave.directory.access.attribute_set import ALL, NONE, AttributeSet
from lightwave.directory.access.decision import decide_on, sees, who
from lightwave.directory.access.descriptor import descriptors_of
from lightwave.directory.access.sid import Sid
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import And, Filter, Not, Or, Substrings
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.responses import encode_entry, encode_reference
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.aliases import Sees, alias_targets, aliased_name, resolve_base
from lightwave.directory.operations.attribute_table import AttributeTable, AttributeTables
from lightwave.directory.operations.audit_entries import (
    VIRTUAL,
    AuditEvents,
    event_record,
    find_event,
    holds_audit,
    is_audit,
    may_read_audit,
    since_of,
)
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.deleted_entries import may_be_deleted
from lightwave.directory.operations.filter_nodes import AllOf, Resolved
from lightwave.directory.operations.gather import is_referral, missing, referral, unseen
from lightwave.directory.operations.list_view import ListViews
from lightwave.directory.operations.partial_attributes import RANGE
from lightwave.directory.operations.planner import Plan, plan_scope
from lightwave.directory.operations.range_retrieval import (
    RangedSelection,
    RangeEnds,
    RangeRequest,
    parse_range,
)
from lightwave.directory.operations.referrals import continuation_urls, may_exist, referrals_below
from lightwave.directory.operations.resolved_filter import Resolver
from lightwave.directory.operations.selection import Selection
from lightwave.directory.operations.sort_memory import SortMemory
from lightwave.directory.operations.sources import Chained, Listed, Source
from lightwave.directory.operations.subentries import SubentryIds, SubentryMatch
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import DamagedRecord, NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import TOMBSTONE, Record

BASE, ONE_LEVEL, SUBTREE, SUBORDINATES = 0, 1, 2, 3
NEVER, IN_SEARCHING, FINDING_BASE, ALWAYS = 0, 1, 2, 3

Shape = Callable[["Search", Candidate], bytes]
"""what stands in for the encoded entry of a candidate that passed; empty when nothing is to be sent"""


class Encoding(Protocol):
    """What makes an entry's attributes into octets: a Selection, or something around one."""

    def encode(self, candidate: Candidate) -> bytes: ...


SLICE = 0.002
"""seconds that one search may hold the reactor"""
CLOCK_EVERY = 16
"""candidates between two looks at the clock; with a filter of many parts it is looked at for each"""
MANY_PARTS = 16
MOST_JUDGED = 20_000
"""judgements that are kept in one snapshot"""
SHORT_LIST = 4_096
"""characters of an attribute list whose selection is kept for others that ask the same"""


class Searches:
    """What all searches of a process share: attribute tables, selections and descriptors that were made before."""

    def __init__(self, store: Store, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self._descriptors = descriptors_of(store)
        self._judged: dict[tuple[frozenset[Sid], int, int, int], AttributeSet] = {}
        self._judged_in = -1
        self._tables = AttributeTables()
        self.subentries = SubentryIds()
        self._range_ends = RangeEnds()
        self.views = ListViews()
        self.sort_memory = SortMemory()
        self._selections: dict[tuple[tuple[str, ...], bool], Encoding] = {}
        self._selections_of: AttributeTable | None = None

    def table(self, txn: ReadTransaction, schema: Schema) -> AttributeTable:
        """The attribute numbers that hold in `txn`."""
        return self._tables.current(txn, schema)

    def selection(self, table: AttributeTable, requested: tuple[str, ...], types_only: bool) -> Encoding:
        """The selection for an attribute list; made once per list and table."""
        if self._selections_of is not table:
            self._selections = {}
            self._selections_of = table
        key = (requested, types_only)
        found = self._selections.get(key)
        if found is None:
            found = self._new_selection(table, requested, types_only)
            # Lists come from clients: they must not fill the memory, neither by their number nor by their length.
            if sum(map(len, requested)) <= SHORT_LIST:
                if len(self._selections) > 1_000:
                    self._selections.clear()
                self._selections[key] = found
        return found

    def _new_selection(self, table: AttributeTable, requested: tuple[str, ...], types_only: bool) -> Encoding:
        parsed = (parse_range(table.schema, text) for text in requested if RANGE in text.lower())
        ranges: dict[str, RangeRequest] = {}
        for one in parsed:
            if one is not None:
                ranges.setdefault(
                    one.description.key, one
                )  # a list may hold thousands of ranges of one group
        if ranges and not types_only:
            return RangedSelection(table, requested, list(ranges.values()), self._range_ends)
        return Selection(table, requested, types_only)

    def readable(
        self,
        txn: ReadTransaction,
        schema: Schema,
        token: Token,
        tenant: int,
        entry_id: int,
        record: Record | None = None,
    ) -> AttributeSet | None:
        """Which attributes of an entry the requester may read; None when he may not see the entry at all."""
        if token.bypasses(tenant):
            return ALL
        if token.tenant != tenant or entry_id in token.entry_ids:
            return self._judge(txn, schema, token, tenant, entry_id, record)
        if self._judged_in != txn.id:  # rights hold from the commit on that gives or takes them
            self._judged.clear()
            self._judged_in = txn.id
        if record is None or not record.descriptor:
            key = (token.sids, tenant, 0, entry_id)
        else:  # those of one parent and one descriptor of their own are judged alike
            key = (token.sids, tenant, record.descriptor, record.parent)
        found = self._judged.get(key)
        if found is None:
            found = self._judge(txn, schema, token, tenant, entry_id, record) or NONE
            if len(self._judged) >= MOST_JUDGED:
                self._judged.clear()
            self._judged[key] = found
        return found or None

    def _judge(
        self,
        txn: ReadTransaction,
        schema: Schema,
        token: Token,
        tenant: int,
        entry_id: int,
        record: Record | None,
    ) -> AttributeSet | None:
        sids, entry_ids = who(txn, token, tenant)
        if not sids:
            return None
        if record is None:
            record = txn.record(tenant, entry_id)
        descriptor = self._descriptors.of_candidate(txn, schema, tenant, entry_id, record)
        decision = decide_on(txn, schema, descriptor, sids, is_self=entry_id in entry_ids)
        return decision.readable if sees(txn, schema, token, tenant, record, decision) else None


_OF_PARTS = frozenset({And, Or, Not, Substrings})


def _has_many_parts(parsed: Filter) -> bool:
    """Whether deciding the filter may take as long as many candidates of a usual one; looks at few parts."""
    if type(parsed) not in _OF_PARTS:
        return False
    left, waiting = MANY_PARTS, [parsed]
    while waiting:
        left -= 1
        one = waiting.pop()
        if isinstance(one, Not):
            waiting.append(one.child)
        elif isinstance(one, And | Or):
            if len(one.children) > left:
                return True
            waiting.extend(one.children)
        elif isinstance(one, Substrings) and len(one.any) > left:
            return True
    return left < 0


@final
class Search:
    """One search under way. `returned` counts entries of all pages; `finished` when there is nothing more."""

    __slots__ = (
        "_base",
        "_bases",
        "_between_clocks",
        "_context",
        "_deadline",
        "_event",
        "_examined",
        "_follow_aliases",
        "_ids",
        "_node",
        "_of_audit",
        "_omitted",
        "_position",
        "_references",
        "_schema",
        "_scope",
        "_searches",
        "_selection",
        "_shared_readable",
        "_show_deleted",
        "_shown",
        "_shown_in",
        "_size_limit",
        "_source",
        "_table",
        "_tenant",
        "damaged",
        "examined_limit",
        "finished",
        "message_id",
        "page_full",
        "plan",
        "request",
        "response_controls",
        "returned",
        "shape",
    )

    def __init__(
        self,
        searches: Searches,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        message_id: int,
        request: SearchRequest,
        *,
        show_deleted: bool = False,
        paged: bool = False,
        subentries: bool = False,
    ) -> None:
        """Finds the base and makes the plan; raises DirectoryError. subentries: they are not passed over."""
        limits = context.limits
        self._searches = searches
        self._context = context
        self.request = request
        self.message_id = message_id
        self._schema = schema
        self._show_deleted = show_deleted
        scope = self._scope = request.scope
        if not BASE <= scope <= SUBORDINATES:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"scope {scope} is not defined")
        self._of_audit = False
        self._event: int | None = None
        self._tenant, self._base = self._find_base(txn)
        table = self._table = searches.table(txn, schema)
        self._node: Resolved = Resolver(table, txn.find).resolve(request.filter)
        self._selection: Encoding = searches.selection(table, request.attributes, request.types_only)
        size = request.size_limit
        self._size_limit = size if size > 0 and (paged or size < limits.size) else limits.size
        if paged and not size:
            self._size_limit = 1 << 62
        wait = limits.time if not request.time_limit else min(limits.time, request.time_limit)
        self._deadline = searches.monotonic() + wait
        self._shared_readable: AttributeSet | None = ALL if context.token.bypasses(self._tenant) else None
        self._shown: dict[tuple[int, int], AttributeSet] = {}
        self._shown_in = txn.id
        self._examined = 0
        self._between_clocks = 0 if _has_many_parts(request.filter) else CLOCK_EVERY - 1
        self.examined_limit = limits.look_through
        self.returned = 0
        self.damaged = 0
        self.finished = False
        self.page_full = False
        self._ids: list[int] = []
        self._position = 0
        self._bases: frozenset[int] | None = None
        self._follow_aliases = False
        self.plan: Plan | None = None
        self._omitted: frozenset[int] = frozenset()
        self._references: list[int] = []
        self.shape: Shape | None = None
        self.response_controls: tuple[Control, ...] = ()
        if may_exist(txn) and not context.manages_dsa_it:
            self._find_referrals(txn)
        if self._event is not None:  # nothing is below it
            self._source: Source = Listed([self._event] if scope in (BASE, SUBTREE) else [])
        elif scope == BASE:
            self._source = Listed([self._base])
        elif self._of_audit:
            top = self._base if scope == SUBTREE else 0
            allowed = may_read_audit(txn, schema, context.token, self._tenant)
            since = since_of(schema, request.filter)
            self._source = AuditEvents(self._tenant, top, since, readable=allowed)
        else:
            self._plan(txn)
            if not subentries:
                hidden = searches.subentries
                ids = hidden.ids if hidden.transaction == txn.id and hidden.tenant == self._tenant else None
                if ids and not self._omitted:  # the usual case
                    self._omitted = ids
                else:
                    self._hide_subentries(txn)

    @property
    def examined(self) -> int:
        """How many candidates were looked at so far."""
        return self._examined

    # --- what controls make of a search, before it begins (shaping.py)

    @property
    def place(self) -> tuple[int, int]:
        """(tenant, entry id) of the base."""
        return self._tenant, self._base

    @property
    def size_limit(self) -> int:
        """Most entries that may be returned."""
        return self._size_limit

    @size_limit.setter
    def size_limit(self, value: int) -> None:
        self._size_limit = value

    @property
    def table(self) -> AttributeTable:
        """The attribute numbers that the search was made with."""
        return self._table

    @property
    def context(self) -> Context:
        """Who asks, and with which controls."""
        return self._context

    def is_late(self, until: float) -> bool:
        """Whether the slice is over; raises DirectoryError when the time of the whole search is."""
        now = self._searches.monotonic()
        if now > self._deadline:
            raise DirectoryError(ResultCode.TIME_LIMIT_EXCEEDED, "")
        return now > until

    def act_for(self, token: Token) -> None:
        """Goes on with what the requester is now: his groups may have changed since it began."""
        if token is not self._context.token:
            self._context = replace(self._context, token=token)
            self._shared_readable = ALL if token.bypasses(self._tenant) else None
            self._shown.clear()

    def grant(self, readable: AttributeSet) -> None:
        """Reads all entries so, whatever their descriptors say: a right on the naming context stands for them."""
        self._shared_readable = readable

    def narrow(self, condition: Resolved) -> None:
        """Asks a further condition of each candidate."""
        self._node = AllOf([condition, self._node])

    def select(self, made: Callable[[Encoding], Encoding]) -> None:
        """Puts something between the attributes that are selected and what is sent."""
        self._selection = made(self._selection)

    def bring_descriptor(self) -> None:
        """With all user attributes the descriptor is sent too ([MS-ADTS] 6.1.3.2)."""
        wanted = self.request.attributes
        if not wanted or "*" in wanted:
            wanted = (*wanted, "nTSecurityDescriptor") if wanted else ("*", "nTSecurityDescriptor")
            self._selection = self._searches.selection(self._table, wanted, self.request.types_only)

    def watch_the_clock(self) -> None:
        """Looks at the clock for each candidate: what is done with one takes longer than usual."""
        self._between_clocks = 0

    def omit_references(self) -> None:
        """No continuation references; referral objects stay out."""
        self._references = []

    def _readable_here(self, txn: ReadTransaction, entry_id: int, record: Record) -> AttributeSet | None:
        """What may be read of a candidate; kept for those of the same parent and descriptor until the next snapshot."""
        token, tenant = self._context.token, self._tenant
        readable = self._searches.readable(txn, self._schema, token, tenant, entry_id, record)
        if record.descriptor and record.parent and token.tenant == tenant and entry_id not in token.entry_ids:
            if len(self._shown) >= MOST_JUDGED:
                self._shown.clear()
            self._shown[record.parent, record.descriptor] = NONE if readable is None else readable
        return readable

    def _begin_snapshot(self, txn: ReadTransaction) -> None:
        """Rights hold from the commit on that gives or takes them."""
        if self._shown_in != txn.id:
            self._shown.clear()
            self._shown_in = txn.id

    def shows(self, txn: ReadTransaction, tenant: int, entry_id: int) -> bool:
        """Whether an entry is there for the requester."""
        return self._readable(txn, tenant, entry_id) is not None

    def check_visible(self, txn: ReadTransaction) -> None:
        """Raises DirectoryError noSuchObject when the requester may not see the base."""
        if self._event is None and self._readable(txn, self._tenant, self._base) is None:
            raise self._unseen(txn, self._tenant, self._base)

    def encode(self, txn: ReadTransaction, entry_id: int) -> bytes | None:
        """The encoded entry if it passes the search now."""
        self._begin_snapshot(txn)
        return self._try(txn, entry_id)

    def attributes_of(self, candidate: Candidate) -> bytes:
        """What is selected of a candidate, as a run of PartialAttribute encodings."""
        return self._selection.encode(candidate)

    def _find_base(self, txn: ReadTransaction) -> tuple[int, int]:
        request = self.request
        try:
            name = normalise_dn_text(self._schema, request.base)
        except InvalidValue:
            raise DirectoryError(
                ResultCode.INVALID_DN_SYNTAX, "the base is not a distinguished name"
            ) from None
        if not name:
            raise DirectoryError(ResultCode.NO_SUCH_OBJECT, "name a naming context as the base")
        try:
            if request.deref in (FINDING_BASE, ALWAYS):
                found = resolve_base(txn, self._schema, name, None, self._seer(txn))
            else:
                found = txn.find(name)
        except NoSuchEntry as error:
            event = find_event(txn, self._schema, self._context.token, name)
            if event is None:
                raise self.no_such_object(txn, error) from None
            self._event = event[2]
            return event[:2]
        if is_audit(self._schema, name):
            self._of_audit = holds_audit(txn, self._schema, name, *found)
        if not self._show_deleted and (request.deref or may_be_deleted(self._schema, name)):
            self._hide_deleted(txn, *found)
        if self._scope != BASE and self._readable(txn, *found) is None:
            raise self._unseen(txn, *found)
        return found

    def _unseen(self, txn: ReadTransaction, tenant: int, entry_id: int) -> DirectoryError:
        """What to answer about a base that the requester may not see."""
        return unseen(txn, self._schema, self._context, tenant, entry_id, txn.record(tenant, entry_id))

    def _hide_deleted(self, txn: ReadTransaction, tenant: int, base: int) -> None:
        """A base that is a tombstone is none to him who does not ask for deleted entries."""
        if txn.record(tenant, base).flags & TOMBSTONE:
            raise self.no_such_object(txn, NoSuchEntry(tenant, base))

    def _find_referrals(self, txn: ReadTransaction) -> None:
        """A base that is a referral object ends the search; those in scope are sent first (RFC 3296 §5.6)."""
        tenant, base = self._tenant, self._base
        record = txn.record(tenant, base)
        if is_referral(txn, self._schema, record) and self._readable(txn, tenant, base) is not None:
            raise referral(txn, txn.dn(tenant, base, record), record)
        if self._scope != BASE:
            found = referrals_below(txn, self._schema, tenant, base, self._scope)
            self._omitted = frozenset(found)
            self._references = [one for one in found if self._readable(txn, tenant, one) is not None]

    def _send_references(self, txn: ReadTransaction, out: list[bytes]) -> None:
        for entry_id in self._references:
            try:
                record = txn.record(self._tenant, entry_id)
            except NoSuchEntry:
                continue  # deleted since the search began
            dn = txn.dn(self._tenant, entry_id, record)
            out.append(encode_reference(self.message_id, continuation_urls(txn, dn, record, self._scope)))
        self._references = []

    def no_such_object(self, txn: ReadTransaction, error: NoSuchEntry) -> DirectoryError:
        """noSuchObject with the deepest existing superior, if the requester may see that one."""
        return missing(txn, self._schema, self._context, error)

    def _hide_subentries(self, txn: ReadTransaction) -> None:
        """RFC 3672 §3: they are not visible to single-level and subtree searches."""
        found = self._searches.subentries.of(txn, self._table, self._tenant)
        if found is None:
            self.narrow(SubentryMatch(self._table, wanted=False))
        elif found:
            self._omitted = self._omitted | found if self._omitted else found

    def _plan(self, txn: ReadTransaction) -> None:
        """Candidates for the scopes below the base."""
        tenant, base = self._tenant, self._base
        shown = self._readable(txn, tenant, base) or NONE
        plan = self.plan = plan_scope(txn, self._table, tenant, base, self._scope, self._node, shown)
        self._source = plan.make()
        if self.request.deref in (IN_SEARCHING, ALWAYS):
            targets = alias_targets(txn, self._schema, tenant, base, self._scope, self._seer(txn))
            if targets is not None:
                self._follow_aliases = True
                self._bases = frozenset(targets)
                self._source = self._through_aliases(txn, targets)

    def _through_aliases(self, txn: ReadTransaction, targets: list[int]) -> Source:
        """Where aliases lead out of the subtree, each base that is reached is a scope of its own."""
        if self._scope == ONE_LEVEL:
            return Chained([self._source, Listed(targets)])
        sources = [self._source]
        for target in targets:
            shown = self._readable(txn, self._tenant, target) or NONE
            plan = plan_scope(txn, self._table, self._tenant, target, SUBTREE, self._node, shown)
            sources.append(plan.make())
        return Chained(sources)

    def _readable(self, txn: ReadTransaction, tenant: int, entry_id: int) -> AttributeSet | None:
        """Which attributes of an entry the requester may read; None when he may not see the entry at all."""
        return self._searches.readable(txn, self._schema, self._context.token, tenant, entry_id)

    def _seer(self, txn: ReadTransaction) -> Sees:
        return lambda tenant, entry_id: self.shows(txn, tenant, entry_id)

    def _in_scope(self, txn: ReadTransaction, entry_id: int, parent: int, record: Record) -> bool:
        """Whether a candidate is in the scope of the search, or of a base that an alias led to."""
        if self._scope == BASE:
            return True
        base, tenant = self._base, self._tenant
        if self._scope == ONE_LEVEL:
            return parent == base or (self._bases is not None and entry_id in self._bases)
        if entry_id == base:
            return self._scope == SUBTREE
        if parent == base or txn.is_below(tenant, entry_id, base, record):
            return True
        if self._bases is None:
            return False
        return any(txn.is_below(tenant, entry_id, one, record) for one in self._bases)

    def advance(
        self, txn: ReadTransaction, out: list[bytes], *, entries: int, octets: int, until: float
    ) -> None:
        """Appends entries to `out` until one of the budgets is used up; sets `finished` at the end.

        entries: most entries of this call. octets: bytes after which it stops. until: monotonic time.
        Raises DirectoryError when a limit is reached; what was found before stands in `out`.
        """
        self._begin_snapshot(txn)
        written = 0
        given = 0
        self.page_full = False
        if self._references:
            self._send_references(txn, out)
        while True:
            if self._position >= len(self._ids):
                self._ids = self._source.batch(txn)
                self._position = 0
                if not self._ids:
                    self.finished = True
                    return
            entry_id = self._ids[self._position]
            if self._examined & self._between_clocks == self._between_clocks:
                now = self._searches.monotonic()
                if now > self._deadline:
                    raise DirectoryError(ResultCode.TIME_LIMIT_EXCEEDED, "")
                if now > until:
                    self._examined += 1
                    return
            self._examined += 1
            if self._examined > self.examined_limit:
                raise DirectoryError(
                    ResultCode.ADMIN_LIMIT_EXCEEDED,
                    "the search looks at too many entries: use an indexed attribute",
                )
            encoded = self._try(txn, entry_id)
            if encoded is not None:
                if self.returned >= self._size_limit:
                    raise DirectoryError(ResultCode.SIZE_LIMIT_EXCEEDED, "")
                if given >= entries:
                    self.page_full = True
                    return  # the position stays: this one opens the next page
                self.returned += 1
                given += 1
                written += len(encoded)
                out.append(encoded)
            self._position += 1
            if written > octets:
                return

    def _try(self, txn: ReadTransaction, entry_id: int) -> bytes | None:
        """The encoded SearchResultEntry of a candidate, None when it does not pass."""
        tenant = self._tenant
        try:
            if entry_id < VIRTUAL:
                record = txn.record(tenant, entry_id)
            else:
                found = event_record(txn, self._schema, tenant, self._base, entry_id)
                if found is None:
                    return None  # purged since
                record = found
        except NoSuchEntry:
            return None  # removed since the index was read
        except DamagedRecord:
            if self._scope == BASE:
                raise
            self.damaged += 1
            return None
        if record.flags & TOMBSTONE and not self._show_deleted:
            return None
        parent = record.parent
        if not self._in_scope(txn, entry_id, parent, record):
            return None
        readable = self._shared_readable if entry_id < VIRTUAL else ALL  # who may not read one is given none
        if readable is None:
            readable = self._shown.get((parent, record.descriptor))  # never for the requester's own entries
            if readable is None or entry_id in self._context.token.entry_ids:
                readable = self._readable_here(txn, entry_id, record)
            if not readable:
                if self._scope == BASE:  # to him who may not see the base there is none
                    raise self._unseen(txn, tenant, entry_id)
                return None
        candidate = Candidate(txn, self._schema, tenant, entry_id, record, readable, self._context)
        if self._node.matches(candidate) is not True:
            return None
        if entry_id in self._omitted:
            return None
        if self._follow_aliases and aliased_name(txn, tenant, entry_id) is not None:
            return None
        if self.shape is not None:
            return self.shape(self, candidate)
        return encode_entry(
            self.message_id, txn.dn(tenant, entry_id, record), self._selection.encode(candidate)
        )
