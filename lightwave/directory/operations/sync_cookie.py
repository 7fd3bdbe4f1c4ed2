"""Cookies of content synchronisation in OpenLDAP's form, `rid=001,csn=…`, and the positions that they stand for.

A position is a place in `changes`: all changes up to a USN have reached the client, and of the batch behind it
`sent` messages. As a change sequence number, by which slapd orders what it receives, it reads

    20261123201500.123000Z # count, six digits # server, three digits # modification, six digits (all hexadecimal)

with the time of the latest change up to the USN, the USN's low 24 bits as the count, this server, and `sent` as
the modification. Within a batch the time is that of the snapshot, for slapd deletes nothing that it got with a later
number than the one that comes with the deletion. Later positions have larger numbers, octet by octet. The number
alone decides where a client goes on; nothing of it is kept here, so any process of this store continues what another
began, also after a kill.

A number of another server, from the future, or whose time does not fit the changes before its USN (another store,
or 16 million changes ago) stands for no position: the client gets all content again.
"""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from lightwave.directory.store.change_rows import changes_before, latest_clock
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction

_LOW = 0xFF_FFFF
MOST_SENT = _LOW - 1
_MOST_RID = 999
_NUMBER = re.compile(
    rb"([0-9]{14})\.([0-9]{3})[0-9]{3}Z#([0-9a-fA-F]{6})#([0-9a-fA-F]{3})#([0-9a-fA-F]{6})", re.ASCII
)
_MOST_SERVERS = 64
_ROWS_TO_CHECK = 8


class InvalidCookie(ValueError):
    """The cookie is not of the form that this server sends. The text is public."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in `changes`.

    time: milliseconds since 1970, that of the latest change up to `usn`; with `sent`, that of the snapshot from which
    the last message came. clock: the hybrid clock of the latest change, 0 where it is not known.
    """

    usn: int
    time: int
    sent: int = 0
    clock: int = 0

    def with_message(self, time: int) -> Position:
        """The same place, one more message of what is behind it sent from a snapshot of that time."""
        return Position(self.usn, max(self.time, time), min(self.sent + 1, MOST_SENT))

    def followed_by(self, end: Position) -> Position:
        """The end of a batch of which this was the last message; always the later number."""
        return end if end.time >= self.time else Position(end.usn, self.time, 1)

    def may_be_before(self, clock: int) -> bool:
        """Whether a change of that hybrid clock may be behind this place."""
        if self.clock:
            return clock > self.clock
        return bool(self.sent) or clock >> 16 >= self.time

    def is_before(self, clock: int) -> bool:
        """Whether a change of that hybrid clock is certainly behind this place."""
        if self.clock:
            return clock > self.clock
        return not self.sent and clock >> 16 > self.time


class Cookie(NamedTuple):
    """A cookie taken apart: the consumer's number, None where it gave none, and the CSNs by server."""

    rid: int | None
    numbers: tuple[ChangeNumber, ...]


class ChangeNumber(NamedTuple):
    """A CSN taken apart; time in milliseconds since 1970."""

    time: int
    low_usn: int
    server: str
    sent: int


def server_id(guid: bytes) -> str:
    """The three hexadecimal digits by which CSNs name a server."""
    return guid.hex()[:3]


def format_number(position: Position, server: str) -> bytes:
    """A position as a CSN."""
    seconds, milliseconds = divmod(position.time, 1000)
    calendar_time = time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))
    text = f"{calendar_time}.{milliseconds:03}000Z#{position.usn & _LOW:06x}#{server}#{position.sent:06x}"
    return text.encode()


def format_cookie(rid: int | None, number: bytes) -> bytes:
    """A cookie for the consumer of that number."""
    return b"rid=%03d,csn=%b" % (rid or 0, number)


def parse_cookie(cookie: bytes) -> Cookie:
    """Takes a cookie apart: `rid=`, `sid=`, `csn=` with `;` between several, `delcsn=`. Raises InvalidCookie."""
    rid: int | None = None
    numbers: tuple[ChangeNumber, ...] = ()
    seen: set[bytes] = set()
    for part in cookie.split(b","):
        name, equals, value = part.partition(b"=")
        if not equals or name in seen or name not in (b"rid", b"sid", b"csn", b"delcsn"):
            raise InvalidCookie("the cookie is not of the form rid=…,csn=…")
        seen.add(name)
        if name == b"rid":
            if not value.isdigit() or len(value) > 4 or int(value) > _MOST_RID:
                raise InvalidCookie("rid has to be a number from 0 to 999")
            rid = int(value)
        elif name == b"csn":
            texts = value.split(b";")
            if len(texts) > _MOST_SERVERS:
                raise InvalidCookie("the cookie has too many change sequence numbers")
            numbers = tuple(map(parse_number, texts))
    return Cookie(rid, numbers)


def parse_number(text: bytes) -> ChangeNumber:
    """Takes a CSN apart. Raises InvalidCookie."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise InvalidCookie("the cookie has a malformed change sequence number")
    when, milliseconds, count, server, modification = found.groups()
    try:
        parsed = time.strptime(when.decode(), "%Y%m%d%H%M%S")
    except ValueError:
        raise InvalidCookie("the cookie has a time that does not exist") from None
    return ChangeNumber(
        calendar.timegm(parsed) * 1000 + int(milliseconds),
        int(count, 16),
        server.decode().lower(),
        int(modification, 16),
    )


def current_position(txn: ReadTransaction) -> Position:
    """Where a client is that has all content of this snapshot."""
    counters = txn.counters()
    return Position(counters.usn, counters.clock >> 16, clock=counters.clock)


def context_csn(txn: ReadTransaction) -> bytes:
    """contextCSN of every naming context: the snapshot's position."""
    return format_number(current_position(txn), server_id(txn.store.server_guid))


def position_of(txn: ReadTransaction, cookie: Cookie) -> Position | None:
    """The position that a cookie stands for in this store, None where it stands for none."""
    server = server_id(txn.store.server_guid)
    for number in cookie.numbers:
        if number.server == server:
            return _position(txn, number)
    return None


def _position(txn: ReadTransaction, number: ChangeNumber) -> Position | None:
    counters = txn.counters()
    usn = counters.usn & ~_LOW | number.low_usn
    if usn > counters.usn:
        usn -= _LOW + 1
    if usn < 0 or number.time > counters.clock >> 16 or not _fits(txn, usn, number.time):
        return None
    return Position(usn, number.time, number.sent)


def _fits(txn: ReadTransaction, usn: int, milliseconds: int) -> bool:
    """Whether what changed last before `usn` was not changed after that time: else it is another store's."""
    for tenant, entry_id in islice(changes_before(txn, usn + 1), _ROWS_TO_CHECK):
        try:
            stamps = txn.local_stamps(tenant, entry_id)
        except NoSuchEntry:
            continue
        if latest_clock(stamps) >> 16 > milliseconds:
            return False
    return True
