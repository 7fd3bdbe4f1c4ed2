"""Entity tags of entries (RFC 9110 §8.8.3): an entry's GUID and the change number that it stands at here.

Attributes that are computed from other entries (`memberOf`) are not in it. A precondition becomes an assertion
(RFC 4528) of the write, so it is decided in the write's own transaction; what the write made of the entry is told by
a post-read (RFC 4527), so no other change can come between.
"""

from __future__ import annotations

import re
import uuid

from lightwave.directory.ldap.client_messages import SearchEntry, decode_response
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import And, Equality, Filter, Or, encode_filter
from lightwave.directory.ldap.search_controls import ASSERTION
from lightwave.directory.ldap.update_controls import POST_READ
from lightwave.directory.store.record import Record
from lightwave.web.problems import Problem
from lightwave.wire.ber import encode_integer, encode_octet_string, encode_sequence

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_OURS = re.compile(r"([0-9a-f]{32})-([0-9]{1,19})")
MOST_TAGS = 32
_GUID, _USN = "entryUUID", "uSNChanged"


def entity_tag(record: Record) -> str:
    """The strong tag of an entry."""
    return f'"{record.guid.hex()}-{record.usn_changed}"'


def tag_of(guid: str, usn: int) -> str:
    """The strong tag of an entry, of its entryUUID and its uSNChanged."""
    return f'"{uuid.UUID(guid).hex}-{usn}"'


def tag_asked() -> Control:
    """The control that asks a write for the entry's new tag."""
    attributes = encode_sequence(*(encode_octet_string(name.encode()) for name in (_GUID, _USN)))
    return Control(POST_READ, False, attributes)


def tag_told(controls: tuple[Control, ...]) -> str | None:
    """The tag out of the controls of a write's outcome; None where the requester may not read it."""
    for control in controls:
        if control.oid == POST_READ and control.value is not None:
            entry = decode_response(encode_sequence(encode_integer(1), control.value)).response
            assert isinstance(entry, SearchEntry)
            found = dict(entry.attributes)
            if found.keys() >= {_GUID, _USN}:
                return tag_of(found[_GUID][0].decode(), int(found[_USN][0]))
    return None


def decode_tags(header: str) -> list[tuple[bool, str]] | None:
    """(is weak, opaque tag) of an If-Match or If-None-Match header; None for `*`. Raises Problem 400."""
    if header.strip() == "*":
        return None
    found: list[tuple[bool, str]] = []
    position = 0
    while position < len(header):
        match = _TAG.match(header, position)
        if match is None or len(found) == MOST_TAGS:
            raise Problem(400, "the precondition is not a list of entity tags")
        found.append((match[1] is not None, match[2]))
        position = match.end()
    if not found:
        raise Problem(400, "the precondition is empty")
    return found


def matches_none(header: str, tag: str) -> bool:
    """Whether If-None-Match holds for an entry with `tag`, by weak comparison (RFC 9110 §13.1.2)."""
    tags = decode_tags(header)
    return tags is not None and all(f'"{opaque}"' != tag for _, opaque in tags)


def precondition(header: str | None) -> tuple[Control, ...]:
    """The assertion control that If-Match stands for (RFC 9110 §13.1.1); weak tags match nothing."""
    if header is None:
        return ()
    tags = decode_tags(header)
    if tags is None:
        return ()  # the entry has to exist: any write but an add asks that
    versions = [found for weak, opaque in tags if not weak and (found := _OURS.fullmatch(opaque))]
    if not versions:
        raise Problem(412, "the entry is not the one that If-Match names")
    states: list[Filter] = [_state(found[1], found[2]) for found in versions]
    asserted = states[0] if len(states) == 1 else Or(tuple(states))
    return (Control(ASSERTION, True, encode_filter(asserted)),)


def precondition_of_add(if_match: str | None, if_none_match: str | None) -> tuple[Control, ...]:
    """The assertion control that both headers of a PUT stand for, which only adds; raises Problem 400.

    No entry is there before, so every If-None-Match holds and no If-Match does.
    """
    if if_none_match is not None:
        decode_tags(if_none_match)
    if if_match is None:
        return ()
    decode_tags(if_match)
    return (Control(ASSERTION, True, encode_filter(Or(()))),)  # RFC 4526: false of every entry


def asks_for_none(if_none_match: str | None) -> bool:
    """Whether If-None-Match is `*`: nothing may be there (RFC 9110 §13.1.2)."""
    return if_none_match is not None and decode_tags(if_none_match) is None


def _state(guid: str, usn: str) -> Filter:
    identity = Equality(_GUID, str(uuid.UUID(guid)).encode())
    return And((identity, Equality(_USN, usn.encode())))
