"""What controls make of a search before it begins: the one place that knows in which order they apply.

First the base has to pass an assertion (RFC 4528); then subentries are chosen (RFC 3672), continuation references
left out (domain scope), values picked (RFC 3876), names extended; and at last the entries are put in an order
(RFC 2891), of which a part may be shown (virtual list view). A search without controls does not come here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightwave.directory.ldap.access_controls import EFFECTIVE_RIGHTS, SD_FLAGS, EffectiveRights
from lightwave.directory.ldap.controls import PAGED_RESULTS
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import (
    ASSERTION,
    DOMAIN_SCOPE,
    EXTENDED_DN,
    MATCHED_VALUES,
    SEARCH_OPTIONS,
    SORT_REQUEST,
    SUBENTRIES,
    VIRTUAL_LIST_REQUEST,
    Assertion,
    ExtendedDN,
    ListView,
    MatchedValues,
    SearchOptions,
    Sorting,
    Subentries,
)
from lightwave.directory.operations.assertions import check_assertion
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.effective_rights import RightsSelection, whose_rights
from lightwave.directory.operations.extended_dn import ExtendedNames
from lightwave.directory.operations.list_view import view_refused
from lightwave.directory.operations.matched_values import MatchedSelection
from lightwave.directory.operations.request_controls import RequestControls
from lightwave.directory.operations.search import Search, Searches
from lightwave.directory.operations.sort_keys import SortKeys, SortRefused
from lightwave.directory.operations.sorting import SortedSearch, sorted_search
from lightwave.directory.operations.subentries import SubentryMatch
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction

Make = Callable[[ReadTransaction], Search]


def shape_search(
    searches: Searches,
    txn: ReadTransaction,
    schema: Schema,
    context: Context,
    controls: RequestControls,
    make: Make,
) -> Search | SortedSearch:
    """The search that `make` gives, as the request's controls want it; raises DirectoryError."""
    values = controls.values
    sorting, asked = values.get(SORT_REQUEST), values.get(VIRTUAL_LIST_REQUEST)
    if isinstance(asked, ListView):
        _check_view(asked, controls)

    def again(later: ReadTransaction) -> Search:
        search = make(later)
        search.check_visible(
            later
        )  # before anything else is refused: nothing is told of a base that is not seen
        _select(search, schema, values)
        rights = values.get(EFFECTIVE_RIGHTS)
        if isinstance(rights, EffectiveRights):
            _tell_rights(search, later, schema, context, rights)
        return search

    search = again(txn)
    options = values.get(SEARCH_OPTIONS)
    if isinstance(options, SearchOptions) and options.phantom_root:
        _check_contexts(search, txn)
    asserted = values.get(ASSERTION)
    if isinstance(asserted, Assertion):
        _check_base(search, txn, schema, context, asserted)
    if not isinstance(sorting, Sorting):
        return search
    try:
        keys = SortKeys(search.table, sorting.keys)
    except SortRefused as refused:
        if isinstance(asked, ListView):
            raise view_refused(refused.code, refused.message, refused.control) from None
        if sorting.critical:
            raise refused.as_critical() from None
        search.response_controls = (refused.control,)
        return search
    return sorted_search(
        txn,
        search,
        keys,
        critical=sorting.critical,
        most=context.limits.sort,
        memory=searches.sort_memory,
        again=again,
        views=searches.views,
        asked=asked if isinstance(asked, ListView) else None,
    )


def _check_view(asked: ListView, controls: RequestControls) -> None:
    """A view is of a sorted list (draft-ietf-ldapext-ldapv3-vlv-09 §3.1), and has no pages."""
    if SORT_REQUEST not in controls.values:
        raise view_refused(ResultCode.SORT_CONTROL_MISSING, "a virtual list view wants a sorting control")
    if PAGED_RESULTS in controls.values:
        raise view_refused(ResultCode.UNWILLING_TO_PERFORM, "pages or a virtual list view, not both")


def _check_contexts(search: Search, txn: ReadTransaction) -> None:
    """The phantom root flag wants the naming contexts below the base too ([MS-ADTS] 3.1.1.3.4.1.12)."""
    base = txn.normalised_dn(*search.place)
    if any(len(name) > len(base) and name[-len(base) :] == base for name, _ in txn.contexts(search.place[0])):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "search each naming context by its own name")


def _check_base(
    search: Search, txn: ReadTransaction, schema: Schema, context: Context, asserted: Assertion
) -> None:
    search.check_visible(txn)
    tenant, entry_id = search.place
    check_assertion(txn, schema, context, tenant, entry_id, txn.record(tenant, entry_id), asserted.filter)


def _tell_rights(
    search: Search, txn: ReadTransaction, schema: Schema, context: Context, asked: EffectiveRights
) -> None:
    whose = whose_rights(txn, schema, context, search.place[0], asked)
    requested = search.request.attributes
    search.watch_the_clock()
    search.select(lambda inner: RightsSelection(inner, schema, whose, requested, asked.attributes))


def _select(search: Search, schema: Schema, values: Any) -> None:
    if SD_FLAGS in values:
        search.bring_descriptor()
    subentries = values.get(SUBENTRIES)
    if isinstance(subentries, Subentries):
        search.narrow(SubentryMatch(search.table, wanted=subentries.visible))
    options = values.get(SEARCH_OPTIONS)
    if DOMAIN_SCOPE in values or (isinstance(options, SearchOptions) and options.domain_scope):
        search.omit_references()
    matched = values.get(MATCHED_VALUES)
    if isinstance(matched, MatchedValues) and not search.request.types_only:
        search.watch_the_clock()
        search.select(lambda selection: MatchedSelection(selection, schema, matched.items))
    extended = values.get(EXTENDED_DN)
    if isinstance(extended, ExtendedDN):
        search.watch_the_clock()
        search.shape = ExtendedNames(schema, as_text=extended.as_text)
