"""Names that nobody else has, for entries on the way from one name to another.

When two entries have exchanged their names since a consumer last heard, no order of messages leads there: each name
is taken until the other entry has left it. So whoever leaves is sent once under a name of its GUID, directly below
the base, before anybody arrives. The naming attribute has that value besides its own for as long.
"""

from __future__ import annotations

from lightwave.directory.ldap.dn import AVA, format_rdn, parse_rdn
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import Record, attribute_name, attribute_values, encode_attribute
from lightwave.wire.ber import read_header


def park(schema: Schema, record: Record, attributes: bytes, guid: str) -> tuple[bytes, bytes]:
    """(RDN, attributes) of an entry under the name of its GUID; `attributes` is a run of PartialAttributes."""
    kind = parse_rdn(record.rdn.partition(b"\0")[0])[0].type
    value = guid.encode()
    described = schema.describe(kind)
    try:
        if described is None:
            raise InvalidValue(kind)
        described.type.normalise(value)
    except InvalidValue:  # a naming attribute whose syntax takes no such value
        kind = "cn"
        described = schema.describe(kind)
    return format_rdn((AVA(kind, value),)), _with_value(schema, attributes, kind, value)


def _with_value(schema: Schema, attributes: bytes, kind: str, value: bytes) -> bytes:
    wanted = schema.describe(kind)
    parts: list[bytes] = []
    found = False
    pos, end = 0, len(attributes)
    while pos < end:
        _, _, stop = read_header(attributes, pos, end)
        part, pos = attributes[pos:stop], stop
        name = attribute_name(part)
        described = schema.describe(name.decode())
        if not found and wanted is not None and described is not None and described.key == wanted.key:
            part, found = encode_attribute(name, (*attribute_values(part), value)), True
        parts.append(part)
    if not found:
        parts.append(encode_attribute(kind.encode(), (value,)))
    return b"".join(parts)
