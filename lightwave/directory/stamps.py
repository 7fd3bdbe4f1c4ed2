"""Stamps as every server understands them: who changed what when, per entry, attribute and value.

A stamp is a hybrid clock value and the GUID of the server where the change was made; the order of stamps
is total and the same on every server. What has no stamp of its own has its attribute's, else the entry's
creation stamp. Pure values, for the store that keeps them and for the merge that compares them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

_LONGEST_IDENTITY = 64


class Stamp(NamedTuple):
    """When (hybrid clock) and where (GUID of the originating server). Compares as a tuple: the later
    one wins.
    """

    clock: int
    server: bytes


@dataclass(slots=True)
class EntryStamps:
    """All stamps of one entry. Attributes by their key (`AttributeDescription.key`), values by
    `value_identity`.

    `values[key][identity] = (stamp, present)`: `present` False is a removal that still has to win against
    an older add. A value stamp not later than its attribute's own stamp is meaningless and dropped by
    `set_attribute`. `deleted` is the stamp of the last deletion, `revived` that of the last restoration:
    the later one holds, and neither is ever forgotten while the entry exists. `former_parent` is the GUID
    of the last parent that differs from the present one, b"" when there was none: where an entry stays
    when its move is undone in merging.
    """

    created: Stamp
    name: Stamp
    deleted: Stamp | None = None
    revived: Stamp | None = None
    former_parent: bytes = b""
    attributes: dict[str, Stamp] = field(default_factory=dict)
    values: dict[str, dict[bytes, tuple[Stamp, bool]]] = field(default_factory=dict)

    @property
    def is_deleted(self) -> bool:
        """Whether the entry is a tombstone."""
        return self.deleted is not None and (self.revived is None or self.deleted > self.revived)

    def attribute_stamp(self, key: str) -> Stamp:
        """The stamp of an attribute as a whole: its own, else the entry's creation stamp."""
        return self.attributes.get(key, self.created)

    def value_stamp(self, key: str, identity: bytes) -> Stamp:
        """The stamp of one value: its own, else its attribute's, else the entry's creation stamp."""
        own = self.values.get(key, {}).get(identity)
        return own[0] if own is not None else self.attribute_stamp(key)


def value_identity(normalised: bytes) -> bytes:
    """What a value is called among stamps: its equality-normalised form, or a digest of it where that
    is long.
    """
    if len(normalised) <= _LONGEST_IDENTITY:
        return normalised
    return b"\xff" + hashlib.sha256(normalised).digest() + b"\xff" * (_LONGEST_IDENTITY - 32)
