"""The directory's own decisions, schema, store, inheritance and masks included, against Samba's libraries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descriptors import put_descriptor, token_of
from fresh_directory import BASE, BUILTIN, Directory
from lightwave.directory.access.ace import (
    CONTAINER_INHERIT,
    HAS_GUIDS,
    INHERIT_ONLY,
    NO_PROPAGATE_INHERIT,
    Ace,
    AceType,
)
from lightwave.directory.access.control_rights import PROPERTY_SETS
from lightwave.directory.access.decision import Decision, decide
from lightwave.directory.access.guid import Guid
from lightwave.directory.access.rights import Right
from lightwave.directory.access.schema_guids import attribute_facts, class_guid
from lightwave.directory.access.sddl import format_acl, parse_sddl
from lightwave.directory.access.security_descriptor import encode_security_descriptor
from lightwave.directory.access.sid import Sid, format_sid, make_sid
from lightwave.directory.operations.descriptors import descriptor_in_force, own_of
from reference.descriptors import ACCESS_TYPES, ALICE, BOB, DOMAIN, STAFF
from reference.samba_libraries import Samba

UNIT = b"ou=people," + BASE
PERSON = b"cn=ann," + UNIT
OWNER = "O:S-1-5-18G:S-1-5-18"
WHO = [ALICE, BOB, STAFF]
ATTRIBUTES = ("telephoneNumber", "mail", "description", "sn")
CLASSES = ("user", "group", "organizationalUnit")


def attribute_guids(name: str) -> tuple[str, Guid, Guid | None]:
    attribute = BUILTIN.attribute(name)
    assert attribute is not None
    facts = attribute_facts(attribute)
    assert facts.guid is not None
    return attribute.oid, facts.guid, facts.property_set


def class_of(name: str) -> tuple[str, Guid]:
    found = BUILTIN.object_class(name)
    assert found is not None
    return found.oid, class_guid(found)


CLASS_GUIDS = [class_of(name)[1] for name in CLASSES]
GUIDS = [
    *(attribute_guids(name)[1] for name in ATTRIBUTES),
    *(PROPERTY_SETS[name] for name in ("Personal-Information", "General-Information", "Public-Information")),
    *CLASS_GUIDS,
]
PLAIN = [Right.LIST_CONTENTS, Right.DELETE, Right.READ_CONTROL, Right.WRITE_DAC, Right.LIST_OBJECT]
MASKS = st.lists(
    st.sampled_from(
        [*PLAIN, Right.READ_PROPERTY, Right.WRITE_PROPERTY, Right.CREATE_CHILD, Right.DELETE_CHILD]
    ),
    min_size=1,
    max_size=4,
).map(lambda rights: sum({int(one) for one in rights}))
FLAGS = st.sampled_from(
    [
        0,
        CONTAINER_INHERIT,
        CONTAINER_INHERIT | INHERIT_ONLY,
        CONTAINER_INHERIT | NO_PROPAGATE_INHERIT,
    ]
)


@st.composite
def entries(draw: st.DrawFn) -> Ace:
    kind: AceType = draw(st.sampled_from(ACCESS_TYPES))
    guids = st.none() | st.sampled_from(GUIDS)
    return Ace(
        kind,
        draw(FLAGS),
        draw(MASKS),
        draw(st.sampled_from(WHO)),
        draw(guids) if HAS_GUIDS[kind] else None,
        draw(st.none() | st.sampled_from(CLASS_GUIDS)) if HAS_GUIDS[kind] else None,
    )


lists = st.lists(entries(), max_size=6).map(tuple)


@pytest.fixture(scope="module")
def samba() -> Iterator[Samba]:
    with Samba(format_sid(DOMAIN)) as libraries:
        yield libraries


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    made = Directory(Path(tmp_path_factory.mktemp("wired")))
    made.add(UNIT, objectClass=["organizationalUnit"], ou="people")
    made.add(PERSON, objectClass=["user"], cn="ann", sn="a", mail="a@x", telephoneNumber="1")
    yield made
    made.close()


@settings(max_examples=40, deadline=None)
@given(lists, lists, st.booleans(), st.frozensets(st.sampled_from(WHO), min_size=1))
def test_decisions_agree(
    samba: Samba,
    directory: Directory,
    above: tuple[Ace, ...],
    own: tuple[Ace, ...],
    is_protected: bool,
    sids: frozenset[Sid],
) -> None:
    schema = BUILTIN
    protected = "P" if is_protected else ""
    put_descriptor(directory.store, schema, UNIT, f"{OWNER}D:P{format_acl(above)}")
    put_descriptor(directory.store, schema, PERSON, f"{OWNER}D:{protected}{format_acl(own)}")
    first, *others = sorted(sids)
    with directory.store.read() as txn:
        place = directory.find(PERSON)
        decision = decide(txn, schema, token_of(directory, first, *others), *place)
        parent = descriptor_in_force(txn, schema, *directory.find(UNIT))
        stored = own_of(txn, schema, *place)
    theirs = samba.inherit(
        encode_security_descriptor(parent),
        encode_security_descriptor(stored.descriptor),
        sorted(stored.classes.all),
    )
    token = [*map(format_sid, sids), "S-1-5-11", "S-1-1-0"]
    compare(samba, theirs, token, decision, stored.classes.structural)


def compare(samba: Samba, theirs: bytes, token: list[str], decision: Decision, structural: Guid) -> None:
    """Every right on every part."""
    for name in ATTRIBUTES:
        oid, guid, property_set = attribute_guids(name)
        path = [structural, *([] if property_set is None else [property_set]), guid]
        for right, granted in (
            (Right.READ_PROPERTY, decision.readable),
            (Right.WRITE_PROPERTY, decision.writable),
        ):
            assert samba.object_access(theirs, token, int(right), path) == (oid in granted), (name, right)
    for name in CLASSES:
        oid, guid = class_of(name)
        for right, granted in (
            (Right.CREATE_CHILD, decision.creatable),
            (Right.DELETE_CHILD, decision.deletable),
        ):
            assert samba.object_access(theirs, token, int(right), [guid]) == (oid in granted), (name, right)
    for right in PLAIN:
        assert samba.object_access(theirs, token, int(right), [structural]) == decision.allows(right), right


def test_the_comparison_can_fail(samba: Samba) -> None:
    """Nothing is granted by an empty list, and a decision that says otherwise is seen."""
    empty = encode_security_descriptor(parse_sddl(f"{OWNER}D:P"))
    everything = Decision(Right.LIST_CONTENTS, frozenset(), frozenset())
    with pytest.raises(AssertionError):
        compare(samba, empty, [format_sid(make_sid(5, 21, 1, 1))], everything, CLASS_GUIDS[0])
