"""Requests that break the protocol, or ask for what no server has: what is answered, and whether it closes."""

from __future__ import annotations

from differential import pools
from differential.generator import Request
from reference import wire

_BASE = pools.BASE


def _case(text: str, operation: bytes, *controls: bytes) -> Request:
    return Request("search", text, operation, _BASE, (), controls)


def _search_of(*parts: bytes) -> bytes:
    return wire.sequence(*parts, tag=0x63)


def _search_with(filter_bytes: bytes) -> bytes:
    """A search with a filter of bytes that need not be a filter."""
    return _search_of(
        wire.text(_BASE),
        wire.integer(2, 0x0A),
        wire.integer(0, 0x0A),
        wire.integer(0),
        wire.integer(0),
        b"\x01\x01\x00",
        filter_bytes,
        wire.sequence(),
    )


_PERSON = f"uid=ada,ou=people,{_BASE}"

PROTOCOL_CASES: tuple[Request, ...] = (
    _case("extended operation that nobody knows", wire.extended("1.2.3.4.5")),
    _case("StartTLS with a value", wire.extended("1.3.6.1.4.1.1466.20037", b"x")),
    _case("Who am I", wire.extended("1.3.6.1.4.1.4203.1.11.3")),
    _case("Cancel of nothing", wire.extended("1.3.6.1.1.8", wire.sequence(wire.integer(99)))),
    _case("unknown control, not critical", wire.search(_BASE, wire.BASE), wire.control("1.2.3.4.5")),
    _case(
        "unknown control, critical", wire.search(_BASE, wire.BASE), wire.control("1.2.3.4.5", critical=True)
    ),
    _case("paged results without a value", wire.search(_BASE), wire.control("1.2.840.113556.1.4.319", True)),
    _case(
        "paged results with a value that is none",
        wire.search(_BASE),
        wire.control("1.2.840.113556.1.4.319", True, b"\x30\x03\x02\x01"),
    ),
    _case("compare of nothing", wire.compare(_PERSON, "cn", b"")),
    _case("modify without changes", wire.modify(_PERSON, [])),
    _case("add without attributes", wire.add(f"uid=none,{_BASE}", [])),
    _case("add with an attribute that has no values", wire.add(f"uid=none,{_BASE}", [("objectClass", [])])),
    _case("search with a true filter", _search_with(wire.sequence(tag=0xA0))),
    _case("search with a false filter", _search_with(wire.sequence(tag=0xA1))),
    _case("search of a base that is no name", wire.search("no name", wire.BASE)),
    _case("search of a base that nobody has", wire.search("dc=nowhere", wire.BASE)),
    _case("search of the root, one level down", wire.search("dc=com", wire.ONE)),
    _case("search with size limit 1", wire.search(_BASE, wire.BASE, size_limit=1)),
    _case(
        "bind with version 2", wire.sequence(wire.integer(2), wire.text(""), wire.text("", 0x80), tag=0x60)
    ),
    _case("anonymous bind", wire.bind("", "")),
    _case("bind of a name that is none", wire.bind("no name", "x")),
    _case("bind of a name that nobody has", wire.bind(f"uid=nobody,{_BASE}", "x")),
    _case("bind with a name and no password", wire.bind(_PERSON, "")),
    _case("bind with a mechanism that nobody knows", wire.sasl_bind("NO-SUCH-MECHANISM")),
)
