"""Generalized Time and UTC Time: checking and one comparable form (RFC 4517 §3.3.13, §3.3.34, §4.2.16).

The comparable form is `YYYYMMDDHHMMSS[.fraction]` in UTC without trailing zeros in the fraction, so that
equal moments are equal bytes and bytes sort as moments do. Fractions of hours and minutes are worked out
exactly.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from lightwave.directory.schema.errors import InvalidValue

MAX_FRACTION: Final = 64  # digits

_DATE = rb"(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_ZONE = rb"(Z|[+-](?:[01]\d|2[0-3])(?:[0-5]\d)?)"
_GENERALIZED: Final = re.compile(
    _DATE + rb"([01]\d|2[0-3])(?:([0-5]\d)([0-5]\d|60)?)?(?:[.,](\d{1,%d}))?" % MAX_FRACTION + _ZONE
)
_COMMON: Final = re.compile(
    rb"(?!0000)\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|1\d|2[0-8])(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ"
)
_UTC: Final = re.compile(
    rb"(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])([0-5]\d)([0-5]\d)?"
    rb"(Z|[+-](?:[01]\d|2[0-3])[0-5]\d)?"
)


_EPOCH_1601 = 11_644_473_600
"""seconds from 1601 to 1970"""
_TICKS = 10_000_000
"""of 100 ns in a second"""


def filetime(at: float) -> bytes:
    """A time (seconds since 1970) as Active Directory writes it: 100 ns since 1601 ([MS-DTYP] 2.3.3)."""
    return b"%d" % round((at + _EPOCH_1601) * _TICKS)


def filetime_seconds(value: int) -> float:
    """The reverse of `filetime`."""
    return value / _TICKS - _EPOCH_1601


def check_generalized_time(value: bytes) -> None:
    """RFC 4517 §3.3.13; the date has to exist in the calendar."""
    if _COMMON.fullmatch(value) is None:
        generalized_time_key(value)


def generalized_time_key(value: bytes) -> bytes:
    """The comparable form of a Generalized Time; raises `InvalidValue`."""
    if _COMMON.fullmatch(value) is not None:
        return value[:-1]
    found = _GENERALIZED.fullmatch(value)
    if found is None:
        raise InvalidValue("not a Generalized Time")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    seconds, fraction = _scale(minute, second, fraction)
    try:
        moment = datetime(int(year), int(month), int(day), int(hour))  # noqa: DTZ001 - shifted to UTC below
        leap = second == b"60"
        moment += timedelta(seconds=seconds - leap) - _offset(zone)
    except (ValueError, OverflowError):
        raise InvalidValue("a Generalized Time that is not in the calendar") from None
    text = b"%04d%02d%02d%02d%02d%02d" % moment.timetuple()[:6]
    if leap:
        text = text[:-2] + b"60"
    return text + b"." + fraction if fraction else text


def check_utc_time(value: bytes) -> None:
    """RFC 4517 §3.3.34."""
    utc_time_key(value)


def utc_time_key(value: bytes) -> bytes:
    """The comparable form of a UTC Time; two-digit years are of 1950 to 2049 (RFC 5280 §4.1.2.5.1)."""
    found = _UTC.fullmatch(value)
    if found is None:
        raise InvalidValue("not a UTC Time")
    century = b"19" if int(found.group(1)) >= 50 else b"20"
    seconds = found.group(6) or b"00"
    return generalized_time_key(century + value[:10] + seconds + (found.group(7) or b"Z"))


def _scale(minute: bytes | None, second: bytes | None, fraction: bytes | None) -> tuple[int, bytes]:
    """Seconds after the full hour, and the fraction of a second without trailing zeros.

    A fraction belongs to the last element that is given: hours, minutes or seconds (RFC 4517 §3.3.13).
    """
    whole = int(minute or 0) * 60 + int(second or 0)
    if not fraction:
        return whole, b""
    unit = 1 if second is not None else 60 if minute is not None else 3_600
    digits = len(fraction)
    scaled = int(fraction) * unit
    extra, rest = divmod(scaled, 10**digits)
    return whole + extra, _digits(rest, digits)


def _digits(rest: int, digits: int) -> bytes:
    return str(rest).rjust(digits, "0").rstrip("0").encode() if rest else b""


def _offset(zone: bytes) -> timedelta:
    if zone == b"Z":
        return timedelta()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5] or 0))
    return offset if zone[:1] == b"+" else -offset
