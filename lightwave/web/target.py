"""The request target (RFC 9112 §3.2): from octets to segments and query, or no target at all.

Host and X-Forwarded headers are never read here: nothing that is served depends on what a client calls us.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from lightwave.web.problems import Problem
from lightwave.web.routing import Segments

_SCHEMES = (b"http://", b"https://")
_HEX = frozenset(b"0123456789abcdefABCDEF")


class Target(NamedTuple):
    """segments: of the path, decoded one by one. query: names and values in their order."""

    segments: Segments
    query: tuple[tuple[str, str], ...]
    raw_query: bytes


def decode_target(octets: bytes, query_fields: int) -> Target:
    """The target in origin-form or absolute-form; raises Problem 400 for anything else."""
    if octets[:8].lower().startswith(_SCHEMES):  # §3.2.2: a server takes it, and looks at the path alone
        slash = octets.find(b"/", 8)
        octets = octets[slash:] if slash > 0 else b"/"
    if not octets.startswith(b"/") or not octets.isascii() or b"#" in octets:
        raise Problem(400, "the request target is not a path")
    path, _, query = octets.partition(b"?")
    return Target(_segments(path), _query(query, query_fields), query)


def _segments(path: bytes) -> Segments:
    try:
        return tuple(_decoded(segment) for segment in path.split(b"/")[1:])
    except ValueError:
        raise Problem(400, "the path is not UTF-8, percent-encoded") from None


def _decoded(segment: bytes) -> str:
    parts = segment.split(b"%")
    if any(len(part) < 2 or part[0] not in _HEX or part[1] not in _HEX for part in parts[1:]):
        raise ValueError("a percent sign without two hexadecimal digits")
    text = unquote_to_bytes(segment).decode("utf-8")
    if "\0" in text:
        raise ValueError("NUL in a path")
    return text


def _query(query: bytes, most: int) -> tuple[tuple[str, str], ...]:
    if not query:
        return ()
    try:
        return tuple(
            parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most)
        )
    except ValueError:
        raise Problem(400, "the query is not UTF-8, percent-encoded, or has too many fields") from None
