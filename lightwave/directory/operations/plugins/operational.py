"""Operational attributes that the server keeps: who made and changed an entry, and when.

RFC 4512 §3.4 (creatorsName, createTimestamp, modifiersName, modifyTimestamp, structuralObjectClass); entryCSN in
OpenLDAP's format, so that clients that follow changes by it work. All times are the change's stamp, never the
wall clock: they advance with every change even when the clock is set back.
"""

from __future__ import annotations

import time
from functools import lru_cache

from lightwave.directory.operations.context import Context
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.objectclass import ObjectClass
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.stamps import Stamp
from lightwave.directory.store.writing import AttributeChange, Change


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


class OperationalTypes:
    """The descriptions of the stored operational attributes in one schema."""

    __slots__ = ("create_timestamp", "creator", "csn", "modifier", "modify_timestamp", "structural")

    def __init__(self, schema: Schema) -> None:
        self.create_timestamp = _builtin(schema, "createTimestamp")
        self.modify_timestamp = _builtin(schema, "modifyTimestamp")
        self.creator = _builtin(schema, "creatorsName")
        self.modifier = _builtin(schema, "modifiersName")
        self.structural = _builtin(schema, "structuralObjectClass")
        self.csn = _builtin(schema, "entryCSN")


def _builtin(schema: Schema, name: str) -> AttributeDescription:
    description = schema.describe(name)
    assert description is not None, name  # it comes with the server
    return description


@lru_cache(maxsize=8)
def operational_types(schema: Schema) -> OperationalTypes:
    """The descriptions of the stored operational attributes."""
    return OperationalTypes(schema)


def creation_attributes(
    schema: Schema, actor: bytes, stamp: Stamp, structural: ObjectClass
) -> list[tuple[AttributeDescription, tuple[bytes, ...]]]:
    """The operational attributes of a new entry; `actor` is the DN of who adds it."""
    types = operational_types(schema)
    time_now = (generalized_time(stamp),)
    name = (actor,)
    return [
        (types.structural, (structural.name.encode(),)),
        (types.creator, name),
        (types.create_timestamp, time_now),
        (types.modifier, name),
        (types.modify_timestamp, time_now),
        (types.csn, (entry_csn(stamp),)),
    ]


def modification_attributes(
    schema: Schema, actor: bytes, stamp: Stamp
) -> list[tuple[AttributeDescription, tuple[bytes, ...]]]:
    """The operational attributes that every change of an entry sets."""
    types = operational_types(schema)
    return [
        (types.modifier, (actor,)),
        (types.modify_timestamp, (generalized_time(stamp),)),
        (types.csn, (entry_csn(stamp),)),
    ]


def stamp_modification(schema: Schema, context: Context, change: Change) -> list[AttributeChange]:
    """`modification_attributes` as changes to the record."""
    return [
        AttributeChange(description, values)
        for description, values in modification_attributes(schema, context.token.dn, change.stamp)
    ]
