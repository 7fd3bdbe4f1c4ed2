"""Which request controls are served, on which requests, and what their values say (RFC 4511 §4.1.11).

The table below is the one list: the root DSE shows its OIDs and `check_controls` refuses what is not in it. A
control that is unknown, or that does not go with the request, fails a request that marks it critical and is
ignored otherwise; a value that its definition does not allow is a protocolError either way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lightwave.directory.ldap.controls import (
    MANAGE_DSA_IT,
    PAGED_RESULTS,
    SHOW_DELETED,
    Control,
    check_no_value,
    decode_paged,
)
from lightwave.directory.ldap.requests import (
    AddRequest,
    CompareRequest,
    DeleteRequest,
    ModifyDNRequest,
    ModifyRequest,
    SearchRequest,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
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


SERVED = (
    ServedControl(MANAGE_DSA_IT, _ENTRY_REQUESTS, check_no_value),
    ServedControl(PAGED_RESULTS, (SearchRequest,), _paging),
    ServedControl(SHOW_DELETED, _ENTRY_REQUESTS, check_no_value),
)
_BY_OID = {one.oid: one for one in SERVED}

SUPPORTED_CONTROLS = tuple(one.oid for one in SERVED)
"""OIDs for the root DSE"""


@dataclass(frozen=True, slots=True)
class RequestControls:
    """What the controls of one request ask for."""

    show_deleted: bool = False
    paging: Paging | None = None


NO_CONTROLS = RequestControls()


def check_controls(kind: type, controls: tuple[Control, ...]) -> RequestControls:
    """What the controls of a request of type `kind` ask for.

    Raises DirectoryError: unavailableCriticalExtension for a critical control that is not served on this
    request, protocolError for a malformed value or a control that stands twice.
    """
    show_deleted = False
    paging: Paging | None = None
    seen: set[str] = set()
    for control in controls:
        served = _BY_OID.get(control.oid)
        if served is None or kind not in served.requests:
            if control.critical:
                raise DirectoryError(
                    ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, f"the control {control.oid} is not served here"
                )
            continue
        if control.oid in seen:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"the control {control.oid} stands twice")
        seen.add(control.oid)
        try:
            value = served.decode(control)
        except BerError:
            raise DirectoryError(
                ResultCode.PROTOCOL_ERROR, f"the value of the control {control.oid} is malformed"
            ) from None
        if isinstance(value, Paging):
            paging = value
        elif control.oid == SHOW_DELETED:
            show_deleted = True
    return RequestControls(show_deleted, paging)
