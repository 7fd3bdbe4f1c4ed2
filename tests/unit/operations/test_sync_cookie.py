"""Cookies of content synchronisation: their form, their order, and which of them stand for a position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.operations.sync_cookie import (
    Cookie,
    InvalidCookie,
    Position,
    current_position,
    format_cookie,
    format_number,
    parse_cookie,
    parse_number,
    position_of,
)

NUMBER = b"20261123201500.123000Z#00002a#29c#000003"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    yield made
    made.close()


def test_the_form_is_openldaps() -> None:
    position = Position(0x2A, 1_795_464_900_123, 3)
    assert format_number(position, "29c") == NUMBER
    assert format_cookie(1, NUMBER) == b"rid=001,csn=" + NUMBER
    cookie = parse_cookie(b"rid=001,sid=00a,csn=" + NUMBER + b";" + NUMBER.replace(b"29c", b"FFF"))
    assert cookie.rid == 1
    assert [(one.server, one.low_usn, one.sent) for one in cookie.numbers] == [("29c", 42, 3), ("fff", 42, 3)]


@pytest.mark.parametrize(
    "cookie",
    [
        b"x",
        b"rid=",
        b"rid=1000",
        b"rid=-1",
        b"rid=1,rid=2",
        b"rid=001,csn=",
        b"rid=001,csn=" + NUMBER + b";",
        b"rid=001,csn=" + NUMBER[:-1],
        b"rid=001,csn=" + NUMBER + b"0",
        b"rid=001,csn=" + NUMBER.replace(b"2026112320", b"2026133120"),
        b"rid=001,csn=" + NUMBER.replace(b"#", b"-"),
        b"rid=001,csn=" + b";".join([NUMBER] * 65),
        b"rid=001,other=1",
        b"\xff" * 100,
        "rid=١".encode(),
    ],
)
def test_what_is_malformed_is_refused(cookie: bytes) -> None:
    with pytest.raises(InvalidCookie):
        parse_cookie(cookie)


def test_later_positions_have_larger_numbers() -> None:
    first = Position(41, 1_000, clock=1_000 << 16)
    second = first.with_message(1_000)
    third = second.with_message(1_005)
    end = third.followed_by(Position(42, 1_003, clock=1_003 << 16))
    after = end.followed_by(Position(43, 1_006, clock=1_006 << 16))
    numbers = [format_number(one, "29c") for one in (first, second, third, end, after)]
    assert numbers == sorted(set(numbers))


def test_what_is_not_known_exactly_may_be_before() -> None:
    exact = Position(1, 1_000, clock=1_000 << 16 | 5)
    assert not exact.may_be_before(1_000 << 16 | 5)
    assert exact.is_before(1_000 << 16 | 6)
    told = replace(exact, clock=0)
    assert told.may_be_before(1_000 << 16)
    assert not told.may_be_before(999 << 16 | 0xFFFF)
    assert not told.is_before(1_000 << 16 | 0xFFFF)
    assert told.is_before(1_001 << 16)
    cut = told.with_message(5_000)
    assert cut.may_be_before(1)
    assert not cut.is_before(1 << 60)


def _cookie(directory: Directory, position: Position, server: str | None = None) -> Cookie:
    known = server or directory.store.server_guid.hex()[:3]
    return parse_cookie(format_cookie(None, format_number(position, known)))


def test_positions_of_this_store(directory: Directory) -> None:
    with directory.store.read() as txn:
        before = current_position(txn)
    directory.time += 10
    directory.add(b"ou=a," + BASE, objectClass="organizationalUnit", ou="a")
    with directory.store.read() as txn:
        found = position_of(txn, _cookie(directory, before.with_message(before.time)))
        assert found == Position(before.usn, before.time, 1)
        # Of another server; from the future; and with a time before what it says has been seen.
        other = f"{(int(directory.store.server_guid.hex()[:3], 16) + 1) % 4096:03x}"
        assert position_of(txn, _cookie(directory, before, other)) is None
        now = current_position(txn)
        assert position_of(txn, _cookie(directory, Position(now.usn, now.time + 1))) is None
        assert position_of(txn, _cookie(directory, Position(now.usn + 1, now.time))) is None
        assert position_of(txn, _cookie(directory, Position(now.usn, before.time))) is None
        assert position_of(txn, Cookie(1, ())) is None
        several = Cookie(
            1, (parse_number(NUMBER.replace(b"29c", other.encode())), *_cookie(directory, now).numbers)
        )
        assert position_of(txn, several) == Position(now.usn, now.time)
