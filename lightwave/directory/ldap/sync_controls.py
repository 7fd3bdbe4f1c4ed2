"""Values of the controls and messages by which clients follow a directory's changes.

Content synchronisation (RFC 4533 section 2), Active Directory's DirSync ([MS-ADTS] 3.1.1.3.4.1.3) and persistent
search (draft-ietf-ldapext-psearch-03). Decoders raise BerError for octets that are not the definition's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from lightwave.directory.ldap.controls import MAX_INT, Control
from lightwave.directory.ldap.responses import encode_intermediate
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_boolean,
    decode_integer,
    encode_boolean,
    encode_integer,
    encode_octet_string,
    encode_sequence,
    read_element,
    read_header,
)

SYNC_REQUEST: Final = "1.3.6.1.4.1.4203.1.9.1.1"
SYNC_STATE: Final = "1.3.6.1.4.1.4203.1.9.1.2"
SYNC_DONE: Final = "1.3.6.1.4.1.4203.1.9.1.3"
SYNC_INFO: Final = "1.3.6.1.4.1.4203.1.9.1.4"
DIRSYNC: Final = "1.2.840.113556.1.4.841"
PERSISTENT_SEARCH: Final = "2.16.840.1.113730.3.4.3"
ENTRY_CHANGE_NOTIFICATION: Final = "2.16.840.1.113730.3.4.7"

FOLLOWING: Final = frozenset((SYNC_REQUEST, DIRSYNC, PERSISTENT_SEARCH))
"""controls that make a search follow changes"""
MAX_COOKIE: Final = 4096
"""octets of a cookie; ours have fewer than a hundred, a slapd with many servers sends 41 for each of them"""


class SyncMode(IntEnum):
    """mode of a Sync Request."""

    REFRESH_ONLY = 1
    REFRESH_AND_PERSIST = 3


class SyncState(IntEnum):
    """state of a Sync State."""

    PRESENT = 0
    ADD = 1
    MODIFY = 2
    DELETE = 3


class ChangeType(IntEnum):
    """changeType of an entry change notification; bits of changeTypes in the request."""

    ADD = 1
    DELETE = 2
    MODIFY = 4
    MODIFY_DN = 8


# syncRequestValue ::= SEQUENCE { mode ENUMERATED { refreshOnly (1), refreshAndPersist (3) },
#     cookie syncCookie OPTIONAL, reloadHint BOOLEAN DEFAULT FALSE }
@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A Sync Request control's value (RFC 4533 section 2.2); `cookie` is empty when there is none."""

    mode: SyncMode
    cookie: bytes = b""
    reload_hint: bool = False


def decode_sync_request(value: bytes | None) -> SyncRequest:
    """The value of a Sync Request control."""
    data, pos, end = _sequence(value)
    start, pos = read_element(data, pos, end, 0x0A)
    mode = decode_integer(data, start, pos)
    if mode not in (SyncMode.REFRESH_ONLY, SyncMode.REFRESH_AND_PERSIST):
        raise BerError("mode is neither refreshOnly nor refreshAndPersist")
    cookie, hint = b"", False
    if pos < end:
        tag, start, stop = read_header(data, pos, end)
        if tag == 0x04:
            cookie, pos = _cookie(data, start, stop), stop
            if pos < end:
                tag, start, stop = read_header(data, pos, end)
        if pos < end and tag == 0x01:
            hint, pos = decode_boolean(data, start, stop), stop
    if pos != end:
        raise BerError("octets in a Sync Request that it does not define")
    return SyncRequest(SyncMode(mode), cookie, hint)


# syncStateValue ::= SEQUENCE { state ENUMERATED, entryUUID syncUUID, cookie syncCookie OPTIONAL }
def sync_state(state: SyncState, guid: bytes, cookie: bytes = b"") -> Control:
    """A Sync State control (RFC 4533 section 2.3); `guid` has 16 bytes, an empty cookie is left out."""
    value = encode_sequence(
        encode_integer(state, 0x0A), encode_octet_string(guid), encode_octet_string(cookie) if cookie else b""
    )
    return Control(SYNC_STATE, False, value)


# syncDoneValue ::= SEQUENCE { cookie syncCookie OPTIONAL, refreshDeletes BOOLEAN DEFAULT FALSE }
def sync_done(cookie: bytes, refresh_deletes: bool) -> Control:
    """A Sync Done control (RFC 4533 section 2.4)."""
    value = encode_sequence(
        encode_octet_string(cookie) if cookie else b"", encode_boolean(True) if refresh_deletes else b""
    )
    return Control(SYNC_DONE, False, value)


# syncInfoValue ::= CHOICE {
#     newcookie [0] syncCookie,
#     refreshDelete [1] SEQUENCE { cookie syncCookie OPTIONAL, refreshDone BOOLEAN DEFAULT TRUE },
#     refreshPresent [2] SEQUENCE { cookie syncCookie OPTIONAL, refreshDone BOOLEAN DEFAULT TRUE },
#     syncIdSet [3] SEQUENCE { cookie syncCookie OPTIONAL, refreshDeletes BOOLEAN DEFAULT FALSE,
#         syncUUIDs SET OF syncUUID } }
def encode_new_cookie(message_id: int, cookie: bytes) -> bytes:
    """A Sync Info message with a new cookie (RFC 4533 section 2.5)."""
    return encode_intermediate(message_id, SYNC_INFO, encode_octet_string(cookie, 0x80))


def encode_refresh_done(message_id: int, cookie: bytes, *, deletes: bool) -> bytes:
    """The Sync Info message that ends the refresh stage: refreshDelete or refreshPresent."""
    value = encode_sequence(encode_octet_string(cookie), tag=0xA1 if deletes else 0xA2)
    return encode_intermediate(message_id, SYNC_INFO, value)


def encode_id_set(message_id: int, guids: Iterable[bytes], *, deletes: bool, cookie: bytes = b"") -> bytes:
    """A Sync Info message with the GUIDs of entries that are deleted, or present and unchanged."""
    value = encode_sequence(
        encode_octet_string(cookie) if cookie else b"",
        encode_boolean(True) if deletes else b"",
        encode_sequence(*map(encode_octet_string, guids), tag=0x31),
        tag=0xA3,
    )
    return encode_intermediate(message_id, SYNC_INFO, value)


# PersistentSearch ::= SEQUENCE { changeTypes INTEGER, changesOnly BOOLEAN, returnECs BOOLEAN }
@dataclass(frozen=True, slots=True)
class PersistentSearchRequest:
    """A persistent search control's value; `change_types` are bits of `ChangeType`."""

    change_types: int
    changes_only: bool
    return_controls: bool


def decode_persistent_search(value: bytes | None) -> PersistentSearchRequest:
    """The value of a persistent search control."""
    data, pos, end = _sequence(value)
    start, pos = read_element(data, pos, end, 0x02)
    kinds = decode_integer(data, start, pos)
    if not 0 < kinds <= 15:
        raise BerError("changeTypes has other bits than the four that are defined, or none")
    start, pos = read_element(data, pos, end, 0x01)
    changes_only = decode_boolean(data, start, pos)
    start, pos = read_element(data, pos, end, 0x01)
    controls = decode_boolean(data, start, pos)
    check_elements(data, pos, end)
    return PersistentSearchRequest(kinds, changes_only, controls)


# EntryChangeNotification ::= SEQUENCE { changeType ENUMERATED, previousDN LDAPDN OPTIONAL,
#     changeNumber INTEGER OPTIONAL }
def entry_change(kind: ChangeType, number: int) -> Control:
    """An entry change notification without the previous DN, which nobody keeps."""
    return Control(
        ENTRY_CHANGE_NOTIFICATION, False, encode_sequence(encode_integer(kind, 0x0A), encode_integer(number))
    )


INCREMENTAL_VALUES: Final = 0x8000_0000
ANCESTORS_FIRST: Final = 0x800
PUBLIC_DATA_ONLY: Final = 0x2000
OBJECT_SECURITY: Final = 0x1


# DirSyncRequestValue ::= SEQUENCE { Flags INTEGER, MaxBytes INTEGER, Cookie OCTET STRING }
@dataclass(frozen=True, slots=True)
class DirSyncRequest:
    """A DirSync control's value: flags, the most octets of one answer (0 for the server's choice), a cookie."""

    flags: int
    max_bytes: int
    cookie: bytes


def decode_dirsync(value: bytes | None) -> DirSyncRequest:
    """The value of a DirSync control. Flags come as 32 bits with or without a sign."""
    data, pos, end = _sequence(value)
    start, pos = read_element(data, pos, end, 0x02)
    flags = decode_integer(data, start, pos)
    if not -(1 << 31) <= flags < 1 << 32:
        raise BerError("flags have more than 32 bits")
    start, pos = read_element(data, pos, end, 0x02)
    most = decode_integer(data, start, pos)
    if not 0 <= most <= MAX_INT:
        raise BerError("MaxBytes out of range")
    start, pos = read_element(data, pos, end, 0x04)
    cookie = _cookie(data, start, pos)
    check_elements(data, pos, end)
    return DirSyncRequest(flags & 0xFFFF_FFFF, most, cookie)


# DirSyncResponseValue ::= SEQUENCE { MoreResults INTEGER, unused INTEGER, CookieServer OCTET STRING }
def dirsync_answer(more: bool, cookie: bytes) -> Control:
    """The DirSync control of an answer."""
    value = encode_sequence(encode_integer(int(more)), encode_integer(0), encode_octet_string(cookie))
    return Control(DIRSYNC, False, value)


def _sequence(value: bytes | None) -> tuple[bytes, int, int]:
    if value is None:
        raise BerError("control without value")
    pos, end = read_element(value, 0, len(value), 0x30)
    if end != len(value):
        raise BerError("octets after the control value")
    return value, pos, end


def _cookie(data: bytes, start: int, stop: int) -> bytes:
    if stop - start > MAX_COOKIE:
        raise BerError("cookie too long")
    return data[start:stop]
