"""Which request controls are served, on which requests, and what their values say (RFC 4511 §4.1.11).

The table below is the one list: the root DSE shows its OIDs and `check_controls` refuses what is not in it. A
control that is unknown, or that does not go with the request, fails a request that marks it critical and is
ignored otherwise; a value that its definition does not allow is a protocolError either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lightwave.directory.ldap.access_controls import (
    EFFECTIVE_RIGHTS,
    SD_FLAGS,
    decode_effective_rights,
    decode_sd_flags,
)
from lightwave.directory.ldap.controls import (
    MANAGE_DSA_IT,
    PAGED_RESULTS,
    SHOW_DELETED,
    Control,
    check_no_value,
    decode_paged,
)
from lightwave.directory.ldap.password_policy import PASSWORD_POLICY
from lightwave.directory.ldap.requests import (
    AddRequest,
    BindRequest,
    CompareRequest,
    DeleteRequest,
    ModifyDNRequest,
    ModifyRequest,
    SearchRequest,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import (
    ASSERTION,
    DOMAIN_SCOPE,
    DONT_USE_COPY,
    EXTENDED_DN,
    MATCHED_VALUES,
    RANGE_OPTION,
    SEARCH_OPTIONS,
    SHOW_RECYCLED,
    SORT_REQUEST,
    SUBENTRIES,
    VIRTUAL_LIST_REQUEST,
    decode_assertion,
    decode_extended_dn,
    decode_list_view,
    decode_matched_values,
    decode_search_options,
    decode_sorting,
    decode_subentries,
)
from lightwave.directory.ldap.sync_controls import (
    DIRSYNC,
    PERSISTENT_SEARCH,
    SYNC_REQUEST,
    decode_dirsync,
    decode_persistent_search,
    decode_sync_request,
)
from lightwave.directory.ldap.update_controls import (
    PERMISSIVE_MODIFY,
    POST_READ,
    PRE_READ,
    RELAX_RULES,
    TRANSACTION,
    TREE_DELETE,
    decode_attribute_selection,
    decode_transaction,
)
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.wire.ber import BerError

_ENTRY_REQUESTS = (
    SearchRequest,
    AddRequest,
    ModifyRequest,
    DeleteRequest,
    ModifyDNRequest,
    CompareRequest,
)


@dataclass(frozen=True, slots=True)
class Paging:
    """The paged results control (RFC 2696): page size and the cookie of the page before, empty at first."""

    size: int
    cookie: bytes


@dataclass(frozen=True, slots=True)
class ServedControl:
    """A control: the requests that it goes with, and how its value is checked."""

    oid: str
    requests: tuple[type, ...]
    decode: Callable[[Control], object]


def _paging(control: Control) -> Paging:
    size, cookie = decode_paged(control.value)
    return Paging(size, cookie)


def _original_only(control: Control) -> None:
    """RFC 6171 §3: without a value, and critical. There are no copies here, so there is nothing else to do."""
    check_no_value(control)
    if not control.critical:
        raise BerError("the don't use copy control must be critical")


_SEARCH = (SearchRequest,)
_READ = (SearchRequest, CompareRequest)
_UPDATE = (AddRequest, ModifyRequest, DeleteRequest, ModifyDNRequest)

SERVED = (
    ServedControl(MANAGE_DSA_IT, _ENTRY_REQUESTS, check_no_value),
    ServedControl(PAGED_RESULTS, _SEARCH, _paging),
    ServedControl(SHOW_DELETED, _ENTRY_REQUESTS, check_no_value),
    ServedControl(SHOW_RECYCLED, _ENTRY_REQUESTS, check_no_value),
    ServedControl(ASSERTION, _ENTRY_REQUESTS, decode_assertion),
    ServedControl(DOMAIN_SCOPE, _SEARCH, check_no_value),
    ServedControl(DONT_USE_COPY, _READ, _original_only),
    ServedControl(EXTENDED_DN, _SEARCH, decode_extended_dn),
    ServedControl(MATCHED_VALUES, _SEARCH, decode_matched_values),
    ServedControl(RANGE_OPTION, _SEARCH, check_no_value),
    ServedControl(SEARCH_OPTIONS, _SEARCH, decode_search_options),
    ServedControl(SORT_REQUEST, _SEARCH, decode_sorting),
    ServedControl(SUBENTRIES, _SEARCH, decode_subentries),
    ServedControl(VIRTUAL_LIST_REQUEST, _SEARCH, decode_list_view),
    ServedControl(SYNC_REQUEST, _SEARCH, lambda control: decode_sync_request(control.value)),
    ServedControl(DIRSYNC, _SEARCH, lambda control: decode_dirsync(control.value)),
    ServedControl(PRE_READ, (ModifyRequest, DeleteRequest, ModifyDNRequest), decode_attribute_selection),
    ServedControl(POST_READ, (AddRequest, ModifyRequest, ModifyDNRequest), decode_attribute_selection),
    ServedControl(TREE_DELETE, (DeleteRequest,), check_no_value),
    ServedControl(PERMISSIVE_MODIFY, (ModifyRequest,), check_no_value),
    ServedControl(RELAX_RULES, _UPDATE, check_no_value),
    ServedControl(TRANSACTION, (*_UPDATE, PasswordModifyRequest), decode_transaction),
    ServedControl(PASSWORD_POLICY, (BindRequest, PasswordModifyRequest, *_ENTRY_REQUESTS), check_no_value),
    ServedControl(EFFECTIVE_RIGHTS, _SEARCH, decode_effective_rights),
    ServedControl(SD_FLAGS, (SearchRequest, AddRequest, ModifyRequest), decode_sd_flags),
    ServedControl(PERSISTENT_SEARCH, _SEARCH, lambda control: decode_persistent_search(control.value)),
)
_BY_OID = {one.oid: one for one in SERVED}

SUPPORTED_CONTROLS = tuple(one.oid for one in SERVED)
"""OIDs for the root DSE"""


@dataclass(frozen=True, slots=True)
class RequestControls:
    """What the controls of one request ask for."""

    show_deleted: bool = False
    paging: Paging | None = None
    subentries: bool = False
    values: Mapping[str, object] = field(default_factory=dict)
    """what each control that is served says, by its OID; None of those without a value"""


NO_CONTROLS = RequestControls()


def check_controls(kind: type, controls: tuple[Control, ...]) -> RequestControls:
    """What the controls of a request of type `kind` ask for.

    Raises DirectoryError: unavailableCriticalExtension for a critical control that is not served on this
    request, protocolError for a malformed value or a control that stands twice.
    """
    values: dict[str, object] = {}
    for control in controls:
        served = _BY_OID.get(control.oid)
        if served is None or kind not in served.requests:
            if control.critical:
                raise DirectoryError(
                    ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, f"the control {control.oid} is not served here"
                )
            continue
        if control.oid in values:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"the control {control.oid} stands twice")
        try:
            values[control.oid] = served.decode(control)
        except BerError:
            raise DirectoryError(
                ResultCode.PROTOCOL_ERROR, f"the value of the control {control.oid} is malformed"
            ) from None
    paging = values.get(PAGED_RESULTS)
    return RequestControls(
        SHOW_DELETED in values or SHOW_RECYCLED in values,
        paging if isinstance(paging, Paging) else None,
        SUBENTRIES in values,
        values,
    )


def transaction_of(controls: tuple[Control, ...]) -> bytes | None:
    """The identifier of the transaction that checked controls make a request part of (RFC 5805 §2.2), or None."""
    for control in controls:
        if control.oid == TRANSACTION:
            return control.value
    return None
