"""An entry's attributes as they are sent, taken apart and put together again: for controls that change them."""

from __future__ import annotations

from collections.abc import Iterator

from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.record import attribute_name, attribute_values
from lightwave.wire.ber import read_header

RANGE = ";range="


def split_run(run: bytes) -> Iterator[bytes]:
    """The PartialAttribute encodings that stand side by side in `run`, which is our own."""
    pos, end = 0, len(run)
    while pos < end:
        _, _, stop = read_header(run, pos, end)
        yield run[pos:stop]
        pos = stop


def name_and_values(encoded: bytes) -> tuple[bytes, list[bytes]]:
    """The attribute description and the values of one PartialAttribute encoding of ours."""
    return attribute_name(encoded), attribute_values(encoded)


def description_of_name(schema: Schema, name: bytes) -> AttributeDescription | None:
    """What an attribute is that was sent under `name`; a range option counts for nothing."""
    return schema.describe(name.decode("ascii", "replace").partition(RANGE)[0])
