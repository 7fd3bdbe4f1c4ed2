"""Invariants of security descriptors: what is written is read again, nothing but DescriptorError comes out of
a decoder, and what `evaluate` grants is what `explain` says of each single right.
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from lightwave.directory.access import security_descriptor as sd
from lightwave.directory.access.access_mask import GENERIC
from lightwave.directory.access.ace import CONTAINER_INHERIT, INHERIT_ONLY, INHERITED, OBJECT_INHERIT, Ace
from lightwave.directory.access.descriptor_errors import DescriptorError, SddlError
from lightwave.directory.access.evaluation import Asker, Granted, evaluate
from lightwave.directory.access.explanation import Level, explain, in_force
from lightwave.directory.access.inheritance import EffectiveDescriptors, digest, effective
from lightwave.directory.access.rights import Right
from lightwave.directory.access.sddl import format_sddl, parse_sddl
from lightwave.directory.access.sddl_names import SddlNames
from lightwave.directory.access.security_descriptor import (
    SecurityDescriptor,
    decode_security_descriptor,
    encode_security_descriptor,
    explicit_parts,
    merge_parts,
)
from lightwave.directory.access.sid import (
    CREATOR_GROUP,
    CREATOR_OWNER,
    Sid,
    decode_sid,
    format_sid,
    parse_sid,
)
from reference.descriptors import (
    ACCESS_TYPES,
    ALICE,
    ATTRIBUTE_GUIDS,
    ATTRIBUTES,
    CLASSES,
    CONTROL_RIGHTS,
    DOMAIN,
    PEOPLE,
    SETS,
    TRUSTEES,
    TYPES,
    VALIDATED,
    aces,
    any_descriptor,
    descriptors,
    generic_masks,
    sids,
    tokens,
)

NAMES = SddlNames(DOMAIN)
# The control bits that SDDL has letters for.
_LETTERED = (
    sd.DACL_PRESENT
    | sd.DACL_PROTECTED
    | sd.DACL_AUTO_INHERITED
    | sd.DACL_AUTO_INHERIT_REQUIRED
    | sd.SACL_PROTECTED
    | sd.SACL_AUTO_INHERITED
    | sd.SACL_AUTO_INHERIT_REQUIRED
)
flags = st.sampled_from([0, 0, CONTAINER_INHERIT, CONTAINER_INHERIT | INHERIT_ONLY, INHERITED]) | st.integers(
    0, 31
)
access_ace = aces(st.sampled_from(ACCESS_TYPES), flags, generic_masks, st.sampled_from(TRUSTEES))
people = st.none() | st.sampled_from(PEOPLE)
access_descriptor = descriptors(access_ace, people)
levels = st.builds(
    Level,
    st.text("abc", min_size=1),
    access_descriptor,
    st.sampled_from(CLASSES),
    st.frozensets(st.sampled_from(CLASSES)),
)
paths = st.lists(levels, min_size=1, max_size=4)
askers = st.builds(Asker, tokens, st.booleans(), st.booleans())


@given(sids)
def test_a_sid_is_read_as_it_was_written(sid: Sid) -> None:
    assert parse_sid(format_sid(sid)) == sid
    assert decode_sid(sid) == sid


@given(any_descriptor)
def test_a_descriptor_is_read_as_it_was_encoded(descriptor: SecurityDescriptor) -> None:
    encoded = encode_security_descriptor(descriptor)
    assert decode_security_descriptor(encoded) == descriptor
    assert encode_security_descriptor(decode_security_descriptor(encoded)) == encoded


@given(any_descriptor, st.data())
def test_only_a_descriptor_error_comes_out_of_damaged_octets(
    descriptor: SecurityDescriptor, data: st.DataObject
) -> None:
    """And what is still legal is stable after one encoding."""
    encoded = bytearray(encode_security_descriptor(descriptor))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    cut = (
        bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
        if data.draw(st.booleans())
        else bytes(encoded)
    )
    with suppress(DescriptorError):
        read = decode_security_descriptor(cut)
        assert decode_security_descriptor(encode_security_descriptor(read)) == read


@given(st.binary(max_size=200))
def test_only_a_descriptor_error_comes_out_of_any_octets(octets: bytes) -> None:
    for decode in (decode_security_descriptor, decode_sid):
        with suppress(DescriptorError):
            decode(octets)


@given(any_descriptor, st.booleans())
def test_a_descriptor_is_read_from_the_sddl_that_it_is_written_in(
    descriptor: SecurityDescriptor, with_domain: bool
) -> None:
    names = NAMES if with_domain else SddlNames()
    told = SecurityDescriptor(
        descriptor.control & (_LETTERED | sd.SACL_PRESENT) | sd.SELF_RELATIVE,
        descriptor.owner,
        descriptor.group,
        descriptor.dacl,
        descriptor.sacl,
    )
    if not told.control & sd.DACL_PRESENT:
        told = merge_parts(told, SecurityDescriptor(), sd.DACL_PART)  # flags of a list that is not there
    if not told.control & sd.SACL_PRESENT:
        told = merge_parts(told, SecurityDescriptor(), sd.SACL_PART)
    assert parse_sddl(format_sddl(told, names), names) == told


@example("O:")
@example("D:(A;;RP;;;S-1-5-21-4294967296)")
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "O:",
                "G:",
                "D:",
                "S:",
                "(",
                ")",
                ";",
                "A",
                "OA",
                "RP",
                "0x",
                "WD",
                "S-1-5-",
                "CI",
                "P",
                "AI",
                "(#00)",
                "7",
            ]
        )
    ).map("".join)
)
def test_only_a_placed_error_comes_out_of_any_text(text: str) -> None:
    place = 0
    try:
        parse_sddl(text, NAMES)
    except SddlError as wrong:
        place = wrong.position
    assert 0 <= place <= len(text)


@given(any_descriptor, any_descriptor, st.integers(0, 15))
def test_a_merge_takes_the_parts_that_are_named_and_no_others(
    present: SecurityDescriptor, written: SecurityDescriptor, parts: int
) -> None:
    merged = merge_parts(present, written, parts)
    parts = parts or sd.ALL_PARTS
    assert merged.dacl == (written if parts & sd.DACL_PART else present).dacl
    assert merged.sacl == (written if parts & sd.SACL_PART else present).sacl
    assert merged.owner == ((written.owner if parts & sd.OWNER_PART else None) or present.owner)
    assert merged.group == ((written.group if parts & sd.GROUP_PART else None) or present.group)
    assert merge_parts(merged, written, parts) == merged
    assert merge_parts(present, present, parts) == present


@given(paths)
def test_what_is_in_force_holds_for_the_object_itself(path: list[Level]) -> None:
    """No generic right and no creator in an entry in force, own entries before inherited ones; and reading a
    descriptor and writing it back changes nothing.
    """
    parent: SecurityDescriptor | None = None
    for level in path:
        classes = level.auxiliary | {level.structural}
        descriptor = effective(parent, level.own, classes)
        acl = descriptor.dacl
        assert acl is not None
        inherited = [bool(ace.flags & INHERITED) for ace in acl]
        assert inherited == sorted(inherited)
        for ace in acl:
            if not ace.flags & INHERIT_ONLY:
                assert not ace.mask & GENERIC
                assert ace.sid not in (CREATOR_OWNER, CREATOR_GROUP)
            else:
                assert ace.flags & (CONTAINER_INHERIT | OBJECT_INHERIT)
        assert effective(parent, descriptor, classes) == descriptor
        assert effective(parent, explicit_parts(descriptor), classes) == descriptor
        parent = descriptor


@given(paths)
def test_interning_gives_what_computing_gives(path: list[Level]) -> None:
    table = EffectiveDescriptors(limit=2)
    parent: SecurityDescriptor | None = None
    interned = None
    for level in path:
        classes = level.auxiliary | {level.structural}
        interned = table.of(interned, level.own, digest(level.own), classes)
        parent = effective(parent, level.own, classes)
        assert interned.descriptor == parent
        assert interned.digest == digest(parent)


@given(any_descriptor, any_descriptor)
def test_a_digest_names_the_content(one: SecurityDescriptor, other: SecurityDescriptor) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def granted_part(granted: Granted, right: Right, object_type: bytes | None) -> bool:
    """What the masks of `granted` say of one right on one part."""
    if object_type is None:
        return bool(granted.rights & right)
    mask, table = {
        Right.READ_PROPERTY: (granted.readable, TYPES.attributes),
        Right.WRITE_PROPERTY: (granted.writable, TYPES.attributes),
        Right.CREATE_CHILD: (granted.creatable, TYPES.classes),
        Right.DELETE_CHILD: (granted.deletable, TYPES.classes),
        Right.CONTROL_ACCESS: (granted.control_rights, TYPES.control_rights),
        Right.SELF_WRITE: (granted.validated_writes, TYPES.validated_writes),
    }[right]
    wanted = dict(table)[object_type]  # type: ignore[index]
    return mask & wanted == wanted


QUESTIONS: list[tuple[Right, bytes | None]] = [
    *((right, None) for right in Right if right),
    *(
        (right, guid)
        for right in (Right.READ_PROPERTY, Right.WRITE_PROPERTY)
        for guid in ATTRIBUTE_GUIDS + SETS
    ),
    *((right, guid) for right in (Right.CREATE_CHILD, Right.DELETE_CHILD) for guid in CLASSES),
    *((Right.CONTROL_ACCESS, guid) for guid in CONTROL_RIGHTS),
    *((Right.SELF_WRITE, guid) for guid in VALIDATED),
]


@given(paths, askers)
def test_evaluation_and_explanation_agree(path: list[Level], asking: Asker) -> None:
    parent: SecurityDescriptor | None = None
    for level in path:
        parent = effective(parent, level.own, level.auxiliary | {level.structural})
    assert parent is not None
    assert in_force(path)[0] == parent.dacl
    granted = evaluate(parent, asking, TYPES, path[-1].structural)
    for right, object_type in QUESTIONS:
        explained = explain(path, asking, TYPES, right, object_type)  # type: ignore[arg-type]
        assert all(one.is_granted for one in explained) == granted_part(granted, right, object_type)
        for one in explained:
            if one.index is not None:
                assert parent.dacl is not None
                assert parent.dacl[one.index] == one.ace
                assert one.written_at in {level.name for level in path}


@given(access_descriptor, askers, access_ace)
def test_an_entry_at_the_end_takes_nothing_away(
    descriptor: SecurityDescriptor, asking: Asker, last: Ace
) -> None:
    """The first entry that names a right decides: what was granted before an entry stays granted."""
    if any(ace.sid == last.sid for ace in descriptor.dacl or ()) or last.sid not in PEOPLE:
        last = last._replace(sid=ALICE)
    before = evaluate(descriptor, asking, TYPES, CLASSES[0])
    longer = SecurityDescriptor(
        descriptor.control | sd.DACL_PRESENT,
        descriptor.owner,
        descriptor.group,
        (*(descriptor.dacl or ()), last),
        descriptor.sacl,
    )
    after = evaluate(longer, asking, TYPES, CLASSES[0])
    for now, then in zip(
        (after.rights, after.readable, after.writable, after.creatable, after.control_rights),
        (before.rights, before.readable, before.writable, before.creatable, before.control_rights),
        strict=True,
    ):
        assert now & then == then


def test_the_world_has_what_the_questions_ask() -> None:
    """Each attribute is confidential, in a set, or alone somewhere: else the tests above say less than it seems."""
    assert {(a.property_set is None, a.is_confidential) for a in ATTRIBUTES} == {
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    }
