"""Operational attributes that the server keeps: who made and changed an entry, and when.

RFC 4512 §3.4 (creatorsName, createTimestamp, modifiersName, modifyTimestamp, structuralObjectClass); entryCSN in
OpenLDAP's format, so that clients that follow changes by it work. All times are the change's stamp, never the
wall clock: they advance with every change even when the clock is set back.
"""

from __future__ import annotations

import time
from functools import lru_cache

from lightwave.directory.store.stamps import Stamp


@lru_cache(maxsize=64)
def _calendar(seconds: int) -> bytes:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds)).encode()


def generalized_time(stamp: Stamp) -> bytes:
    """The stamp's second as GeneralizedTime (RFC 4517 §3.3.13): `20261123201500Z`."""
    return _calendar((stamp.clock >> 16) // 1000) + b"Z"


def entry_csn(stamp: Stamp) -> bytes:
    """The stamp as a change sequence number: time in microseconds, count, server, modification.

    `YYYYmmddHHMMSS.ffffffZ#000000#sid#000000`. The server's three hexadecimal digits are the first of its GUID;
    they tell servers apart for a reader and decide nothing.
    """
    milliseconds = stamp.clock >> 16
    return b"%s.%06dZ#%06x#%s#000000" % (
        _calendar(milliseconds // 1000),
        milliseconds % 1000 * 1000,
        stamp.clock & 0xFFFF,
        stamp.server.hex()[:3].encode(),
    )
