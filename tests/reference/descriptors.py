"""Hypothesis strategies of security descriptors over a small world, so that entries meet tokens and classes."""

from __future__ import annotations

from hypothesis import strategies as st

from lightwave.directory.access import security_descriptor as sd
from lightwave.directory.access.ace import HAS_DATA, HAS_GUIDS, Ace, AceType
from lightwave.directory.access.acl import Acl
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.object_types import AttributeType, object_types
from lightwave.directory.access.security_descriptor import SecurityDescriptor
from lightwave.directory.access.sid import (
    AUTHENTICATED_USERS,
    BUILTIN_ADMINISTRATORS,
    CREATOR_GROUP,
    CREATOR_OWNER,
    EVERYONE,
    OWNER_RIGHTS,
    PRINCIPAL_SELF,
    Sid,
    make_sid,
    with_rid,
)

DOMAIN = make_sid(5, 21, 1111, 2222, 3333)
ALICE, BOB, STAFF, ADMINS = (with_rid(DOMAIN, rid) for rid in (1001, 1002, 1003, 512))
PEOPLE = [ALICE, BOB, STAFF, ADMINS, AUTHENTICATED_USERS, EVERYONE, BUILTIN_ADMINISTRATORS]
TRUSTEES = [*PEOPLE, PRINCIPAL_SELF, CREATOR_OWNER, CREATOR_GROUP, OWNER_RIGHTS]


def guid(number: int) -> Guid:
    return Guid(number.to_bytes(1, "big") * 16)


# Eight attributes: 0 to 2 in one property set, 3 and 4 in another, 5 to 7 in none; 2 and 7 are confidential.
SETS = [guid(0xA1), guid(0xA2)]
ATTRIBUTES = [
    AttributeType(
        number,
        guid(0x10 + number),
        SETS[0] if number < 3 else SETS[1] if number < 5 else None,
        number in (2, 7),
    )
    for number in range(8)
]
CLASSES = [guid(0x50 + number) for number in range(3)]
CONTROL_RIGHTS = [guid(0x70 + number) for number in range(3)]
VALIDATED = [guid(0x80 + number) for number in range(2)]
UNKNOWN = guid(0xEE)
TYPES = object_types(ATTRIBUTES, enumerate(CLASSES), enumerate(CONTROL_RIGHTS), enumerate(VALIDATED))
ATTRIBUTE_GUIDS = [attribute.guid for attribute in ATTRIBUTES if attribute.guid is not None]
GUIDS = [*ATTRIBUTE_GUIDS, *SETS, *CLASSES, *CONTROL_RIGHTS, *VALIDATED, UNKNOWN]

_BITS = [0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000]
GENERIC_BITS = [0x1000_0000, 0x2000_0000, 0x4000_0000, 0x8000_0000]

# Of rights on directory objects, few at a time; now and then generic.
masks = st.lists(st.sampled_from(_BITS), max_size=4).map(lambda bits: sum(set(bits)))
generic_masks = st.lists(st.sampled_from(_BITS + GENERIC_BITS), max_size=4).map(lambda bits: sum(set(bits)))

sids: st.SearchStrategy[Sid] = st.builds(
    make_sid,
    st.integers(0, 20) | st.integers(0, (1 << 48) - 1),
    *[st.integers(0, (1 << 32) - 1)] * 2,
) | st.lists(st.integers(0, (1 << 32) - 1), max_size=15).map(lambda subs: make_sid(5, *subs))


@st.composite
def aces(
    draw: st.DrawFn,
    types: st.SearchStrategy[AceType],
    ace_flags: st.SearchStrategy[int],
    ace_masks: st.SearchStrategy[int],
    trustees: st.SearchStrategy[Sid],
) -> Ace:
    kind = draw(types)
    guids = st.none() | st.sampled_from(GUIDS)
    has_guids = HAS_GUIDS[kind]
    return Ace(
        kind,
        draw(ace_flags),
        draw(ace_masks),
        draw(trustees),
        draw(guids) if has_guids else None,
        draw(st.none() | st.sampled_from([*CLASSES, UNKNOWN])) if has_guids else None,
        draw(st.integers(0, 3).flatmap(lambda units: st.binary(min_size=4 * units, max_size=4 * units)))
        if HAS_DATA[kind]
        else b"",
    )


@st.composite
def descriptors(
    draw: st.DrawFn,
    entries: st.SearchStrategy[Ace],
    owners: st.SearchStrategy[Sid | None],
    control: int = 0x3FFF,
) -> SecurityDescriptor:
    """Any descriptor with entries of `entries`, whose control bits are among those of `control`."""
    lists: st.SearchStrategy[Acl | None] = st.none() | st.lists(entries, max_size=6).map(tuple)
    dacl, sacl = draw(lists), draw(lists)
    bits = sd.SELF_RELATIVE | draw(st.integers(0, 0xFFFF)) & control
    bits |= sd.DACL_PRESENT if dacl is not None else 0
    bits = bits | sd.SACL_PRESENT if sacl is not None else bits & ~sd.SACL_PRESENT
    return SecurityDescriptor(bits, draw(owners), draw(owners), dacl, sacl)


any_ace = aces(
    st.sampled_from(AceType),
    st.integers(0, 255),
    st.integers(0, (1 << 32) - 1),
    st.sampled_from(TRUSTEES) | sids,
)
any_descriptor = descriptors(any_ace, st.none() | sids)

ACCESS_TYPES = [
    AceType.ACCESS_ALLOWED,
    AceType.ACCESS_DENIED,
    AceType.ACCESS_ALLOWED_OBJECT,
    AceType.ACCESS_DENIED_OBJECT,
]
tokens = st.frozensets(st.sampled_from(PEOPLE), min_size=1, max_size=4)
