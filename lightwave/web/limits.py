"""What a client may send and how long it may take: bounds of the listener, checked before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BODY = 64 * 1024
"""bytes of a request's content unless its route says otherwise"""


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Sizes are bytes, times seconds.

    A client has `header_seconds` from the first byte of a request to the end of its header section, and for
    the content `body_seconds` and a second more for each `body_rate` bytes that arrived.
    """

    line: int = 32 * 1024
    """of the request line and of one header field; RFC 9112 §3 asks for 8,000 at least, and filters are long"""
    header_section: int = 64 * 1024
    header_fields: int = 100
    held: int = 64 * 1024 * 1024
    """of content of all requests together, so that many clients with a little each are not too much"""
    pipelined: int = 16 * 1024
    """of later requests that are read while one is being answered"""
    query_fields: int = 100
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    body_rate: int = 16 * 1024
    idle_seconds: float = 60.0
    """between two requests of a connection"""
    stalled_seconds: float = 30.0
    """that a client does not take what it was sent"""
    closing_seconds: float = 1.0
    """that a refused client may go on sending before the connection ends"""
    requests_in_turn: int = 16
    """that came together and are answered before other connections have their turn"""
    requests: int = 10_000
    """of one connection; then it is closed"""
    connections: int = 2_000
    """open at the same time, those of the local socket aside"""


DEFAULT_LIMITS = WebLimits()
