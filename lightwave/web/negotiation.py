"""Content negotiation (RFC 9110 §12.5.1): does a client accept what a route gives, and what does it send."""

from __future__ import annotations

MOST_RANGES = 64


def accepts(header: str | None, produced: str) -> bool:
    """Whether an Accept header allows the media type `produced`; without one everything is accepted.

    The most specific range that fits decides, by its weight. Parameters other than q are not looked at.
    """
    if header is None or not header.strip():
        return True
    kind = produced.partition(";")[0].strip()
    major = kind.partition("/")[0]
    weights: dict[int, float] = {}
    for part in header.split(",")[:MOST_RANGES]:
        named, *parameters = (one.strip() for one in part.split(";"))
        named = named.casefold()
        specific = {kind: 2, f"{major}/*": 1, "*/*": 0}.get(named)
        if specific is not None:
            weights[specific] = max(weights.get(specific, 0.0), _weight(parameters))
    return bool(weights) and weights[max(weights)] > 0


def media_type(header: str | None) -> str:
    """The type of a Content-Type header without its parameters, in lower case; empty without one."""
    return (header or "").partition(";")[0].strip().casefold()


def _weight(parameters: list[str]) -> float:
    for one in parameters:
        name, _, value = one.partition("=")
        if name.strip().casefold() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
