"""The values of the controls by which clients follow changes: what is taken, what is refused, what is sent."""

from __future__ import annotations

import pytest
from ldap.syncrepl import SyncDoneControl, SyncInfoMessage, SyncStateControl

from lightwave.directory.ldap import sync_controls as controls
from lightwave.directory.ldap.controls import encode_controls
from lightwave.directory.ldap.responses import encode_entry
from lightwave.wire.ber import BerError
from reference import wire

GUID = bytes(range(16))
GUID_TEXT = "00010203-0405-0607-0809-0a0b0c0d0e0f"
TRUE, FALSE = b"\x01\x01\xff", b"\x01\x01\x00"


def test_a_sync_request_is_read() -> None:
    only = controls.decode_sync_request(wire.sequence(wire.integer(1, 0x0A)))
    assert only == controls.SyncRequest(controls.SyncMode.REFRESH_ONLY)
    full = wire.sequence(wire.integer(3, 0x0A), wire.text("rid=001"), TRUE)
    mode = controls.SyncMode.REFRESH_AND_PERSIST
    assert controls.decode_sync_request(full) == controls.SyncRequest(mode, b"rid=001", True)
    hint = wire.sequence(wire.integer(3, 0x0A), TRUE)
    assert controls.decode_sync_request(hint) == controls.SyncRequest(mode, b"", True)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        wire.sequence(),
        wire.sequence(wire.integer(2, 0x0A)),
        wire.sequence(wire.integer(0, 0x0A)),
        wire.sequence(wire.integer(1)),
        wire.sequence(wire.integer(1, 0x0A), TRUE, wire.text("x")),
        wire.sequence(wire.integer(1, 0x0A), wire.text("x"), wire.text("x")),
        wire.sequence(wire.integer(1, 0x0A), wire.text(b"x" * 4097)),
        wire.sequence(wire.integer(1, 0x0A)) + b"\0",
    ],
)
def test_a_sync_request_is_refused(value: bytes | None) -> None:
    with pytest.raises(BerError):
        controls.decode_sync_request(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        wire.sequence(wire.integer(0), TRUE, TRUE),
        wire.sequence(wire.integer(16), TRUE, TRUE),
        wire.sequence(wire.integer(-1), TRUE, TRUE),
        wire.sequence(wire.integer(1), TRUE),
        wire.sequence(wire.text("1"), TRUE, TRUE),
    ],
)
def test_a_persistent_search_is_refused(value: bytes | None) -> None:
    with pytest.raises(BerError):
        controls.decode_persistent_search(value)


def test_a_persistent_search_is_read() -> None:
    value = wire.sequence(wire.integer(9), FALSE, TRUE)
    assert controls.decode_persistent_search(value) == controls.PersistentSearchRequest(9, False, True)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        wire.sequence(wire.integer(0), wire.integer(0)),
        wire.sequence(wire.integer(1 << 32), wire.integer(0), wire.text("")),
        wire.sequence(wire.integer(0), wire.integer(-1), wire.text("")),
        wire.sequence(wire.integer(0), wire.integer(0), wire.text(b"x" * 4097)),
    ],
)
def test_a_dirsync_request_is_refused(value: bytes | None) -> None:
    with pytest.raises(BerError):
        controls.decode_dirsync(value)


def test_flags_of_dirsync_with_and_without_a_sign() -> None:
    for flags in (b"\x02\x04\x80\x00\x00\x00", wire.integer(1 << 31)):
        value = wire.sequence(flags, wire.integer(0), wire.text(b"c"))
        assert controls.decode_dirsync(value) == controls.DirSyncRequest(1 << 31, 0, b"c")


@pytest.mark.parametrize("cookie", [b"", b"rid=000,csn=x"])
def test_python_ldap_reads_sync_states(cookie: bytes) -> None:
    ours = controls.sync_state(controls.SyncState.MODIFY, GUID, cookie)
    theirs = SyncStateControl()
    theirs.decodeControlValue(ours.value)
    assert (theirs.state, theirs.entryUUID, theirs.cookie) == ("modify", GUID_TEXT, cookie.decode() or None)


@pytest.mark.parametrize("deletes", [False, True])
def test_python_ldap_reads_sync_dones(deletes: bool) -> None:
    theirs = SyncDoneControl()
    theirs.decodeControlValue(controls.sync_done(b"c", deletes).value)
    assert (theirs.cookie, theirs.refreshDeletes) == ("c", deletes)


def _information(message: bytes) -> SyncInfoMessage:
    ((_, content),) = wire.elements(message)
    (_, number), (tag, inner) = wire.elements(content)
    assert (number, tag) == (b"\x07", 0x79)
    (_, oid), (_, value) = wire.elements(inner)
    assert oid.decode() == controls.SYNC_INFO
    return SyncInfoMessage(value)


def test_python_ldap_reads_sync_information() -> None:
    assert _information(controls.encode_new_cookie(7, b"c")).newcookie == "c"
    done = {"cookie": "c", "refreshDone": True}
    assert _information(controls.encode_refresh_done(7, b"c", deletes=True)).refreshDelete == done
    assert _information(controls.encode_refresh_done(7, b"c", deletes=False)).refreshPresent == done
    guids = _information(controls.encode_id_set(7, [GUID], deletes=True, cookie=b"c")).syncIdSet
    assert guids == {"cookie": "c", "refreshDeletes": True, "syncUUIDs": [GUID_TEXT]}


def test_encoded_controls_go_behind_an_entry() -> None:
    control = controls.sync_state(controls.SyncState.ADD, GUID)
    assert encode_entry(5, b"dc=x", bytes(200), (), encode_controls((control,))) == encode_entry(
        5, b"dc=x", bytes(200), (control,)
    )
