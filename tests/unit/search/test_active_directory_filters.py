"""Filters and attributes that clients of Active Directory use, over a real store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations import chains, resolved_filter
from lightwave.directory.operations.context import Limits
from lightwave.directory.operations.range_retrieval import MOST_VALUES
from lightwave.directory.operations.resolved_filter import MOST_FOLLOWED
from lightwave.directory.operations.search import Searches
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store.indexes import IndexKind
from search_tree import SearchTree

SUFFIX = "dc=example,dc=com"
NAMES = ("cn", "sn", "givenName", "mail", "displayName", "uid")
INDEXES = [
    *((name, IndexKind.EQUALITY) for name in ("objectClass", *NAMES)),
    *((name, IndexKind.SUBSTRING) for name in NAMES),
]
PERSON = ["top", "person", "organizationalPerson", "inetOrgPerson"]
IN_CHAIN = "1.2.840.113556.1.4.1941"


def _person(
    tree: SearchTree, given: str, surname: str, classes: list[str] = PERSON, **further: list[str]
) -> str:
    uid = given.lower()
    dn = f"uid={uid},{SUFFIX}"
    structural = ["user" if "user" in classes else "inetOrgPerson"]
    attributes = {
        "objectClass": classes,
        "structuralObjectClass": structural,
        "uid": [uid],
        "cn": [f"{given} {surname}"],
        "givenName": [given],
        "sn": [surname],
        **further,
    }
    tree.add(dn, attributes)
    return dn


def _group(tree: SearchTree, name: str, *members: str) -> str:
    dn = f"cn={name},{SUFFIX}"
    attributes = {"objectClass": ["top", "groupOfNames"], "structuralObjectClass": ["groupOfNames"]}
    tree.add(dn, {**attributes, "cn": [name], "member": list(members)})
    return dn


@pytest.fixture(scope="module", params=["indexed", "unindexed"])
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchTree]:
    made = SearchTree.create(tmp_path_factory.mktemp("store"), INDEXES if request.param == "indexed" else [])
    ada = _person(made, "Ada", "Lovelace", displayName=["Countess"], mail=["ada@example.com"])
    grace = _person(made, "Grace", "Hopper", manager=[ada])
    alan = _person(made, "Alan", "Hopper", [*PERSON, "user"], manager=[grace], sAMAccountName=["alan"])
    _person(made, "Hopper", "Alan", manager=[ada])
    inner = _group(made, "inner", alan)
    middle = _group(made, "middle", inner, grace)
    outer = _group(made, "outer", middle)
    _group(made, "empty-handed", ada)
    made.add(f"ou=unit,{SUFFIX}", {"objectClass": ["top", "organizationalUnit"], "ou": ["unit"]})
    assert outer
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(anr=ada)", ["ada"]),
        ("(anr=ad)", ["ada"]),
        ("(anr=count)", ["ada"]),
        ("(anr=ada@)", ["ada"]),
        ("(anr=hop)", ["alan", "grace", "hopper"]),
        ("(anr=grace hopper)", ["grace"]),
        ("(anr=hopper gr)", ["grace"]),
        ("(anr=alan hopper)", ["alan", "hopper"]),  # in either order
        ("(anr==alan)", ["alan", "hopper"]),
        ("(anr==ala)", []),
        ("(anr==hopper al)", []),
        ("(anr=ad*)", ["ada"]),
        ("(anr=)", []),
        ("(anr==)", []),
        ("(anr=*)", []),
        ("(anr= )", []),
        ("(&(anr=hopper)(!(anr=grace)))", ["alan", "hopper"]),
        ("(anr>=a)", []),
        (f"(member:{IN_CHAIN}:=uid=alan,{SUFFIX})", ["inner", "middle", "outer"]),
        (f"(member:{IN_CHAIN}:=uid=grace,{SUFFIX})", ["middle", "outer"]),
        (f"(member:inChainMatch:=UID=GRACE, {SUFFIX})", ["middle", "outer"]),
        (f"(member:{IN_CHAIN}:=cn=outer,{SUFFIX})", []),
        (f"(member:{IN_CHAIN}:=uid=nobody,{SUFFIX})", []),
        (f"(member:{IN_CHAIN}:=no name)", []),
        (f"(member:{IN_CHAIN}:=)", []),
        (f"(!(member:{IN_CHAIN}:=no name))", []),  # Undefined, not False
        (f"({IN_CHAIN}:=uid=alan,{SUFFIX})", []),  # without an attribute: Undefined
        (f"(entryDN:{IN_CHAIN}:=uid=alan,{SUFFIX})", []),  # no link
        (f"(&(member:{IN_CHAIN}:=uid=alan,{SUFFIX})(cn=m*))", ["middle"]),
        (f"(memberOf:{IN_CHAIN}:=cn=outer,{SUFFIX})", ["alan", "grace", "inner", "middle"]),
        (f"(memberOf:{IN_CHAIN}:=cn=inner,{SUFFIX})", ["alan"]),
        (f"(memberOf=cn=outer,{SUFFIX})", ["alan", "grace", "inner", "middle"]),
        (f"(lwMemberOfDirect=cn=outer,{SUFFIX})", ["middle"]),
        (f"(memberOf=cn=nothing,{SUFFIX})", []),
        (f"(manager:{IN_CHAIN}:=uid=ada,{SUFFIX})", ["alan", "grace", "hopper"]),
        (f"(manager:{IN_CHAIN}:=uid=grace,{SUFFIX})", ["alan"]),
        (f"(manager=uid=ada,{SUFFIX})", ["grace", "hopper"]),
        ("(objectCategory=person)", ["ada", "alan", "grace", "hopper"]),
        ("(objectCategory=user)", ["ada", "alan", "grace", "hopper"]),
        ("(objectCategory=cn=Person,cn=schemacontext)", ["ada", "alan", "grace", "hopper"]),
        ("(&(objectCategory=person)(objectClass=user))", ["alan"]),
        ("(objectCategory=groupOfNames)", ["empty-handed", "inner", "middle", "outer"]),
        ("(objectCategory=group)", []),
        ("(objectCategory=noSuchClass)", []),
        ("(objectCategory=)", []),
        ("(!(objectCategory=noSuchClass))", []),
        ("(sAMAccountType=805306368)", ["alan"]),
        ("(sAMAccountType:1.2.840.113556.1.4.803:=805306368)", ["alan"]),
        ("(instanceType=5)", ["example"]),
    ],
)
def test_filters(tree: SearchTree, text: str, expected: list[str]) -> None:
    assert tree.names(text) == expected


def test_circles_end(tmp_path: Path) -> None:
    tree = SearchTree.create(tmp_path / "store")
    ada = _person(tree, "Ada", "Lovelace")
    first = _group(tree, "first", ada)
    second = _group(tree, "second", first)
    member = tree.schema.describe("member")
    assert member is not None
    with tree.store.write() as txn:
        (_, one), (_, two) = (
            txn.find(normalise_dn_text(tree.schema, name.encode())) for name in (first, second)
        )
        txn.add_links(tree.tenant, one, member, [two], txn.begin_change())
    assert tree.names(f"(member:{IN_CHAIN}:={ada})") == ["first", "second"]
    assert tree.names(f"(member:{IN_CHAIN}:={first})") == ["second"]
    assert tree.names(f"(memberOf:{IN_CHAIN}:={first})") == ["ada", "second"]
    tree.store.close()


def test_many_groups_of_the_same_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch ends although it found nothing; the search goes on with the next."""
    monkeypatch.setattr(chains, "STEPS", 10)
    tree = SearchTree.create(tmp_path / "store")
    people = [_person(tree, f"P{number}", "X") for number in range(30)]
    groups = [_group(tree, f"g{number}", *people) for number in range(8)]
    top = _group(tree, "top", *groups)
    expected = sorted([f"g{number}" for number in range(8)] + [f"p{number}" for number in range(30)])
    assert tree.names(f"(memberOf={top})") == expected
    assert tree.names(f"(&(memberOf={top})(objectClass=inetOrgPerson))") == [
        n for n in expected if n[0] == "p"
    ]
    assert tree.names(f"(member:{IN_CHAIN}:={people[3]})") == [*expected[:8], "top"]
    monkeypatch.setattr(chains, "MOST_VISITED", 6)
    with pytest.raises(DirectoryError):
        tree.names(f"(memberOf={top})")
    tree.store.close()


def test_what_is_followed_is_bounded(tree: SearchTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MOST_VISITED", 1)
    with pytest.raises(DirectoryError) as refused:
        tree.names(f"(member:{IN_CHAIN}:=uid=alan,{SUFFIX})")
    assert refused.value.code is ResultCode.ADMIN_LIMIT_EXCEEDED


def test_plans(tree: SearchTree) -> None:
    """None of these looks at the whole directory: at four candidates of nine, or fewer."""
    for text in (
        f"(member:{IN_CHAIN}:=uid=alan,{SUFFIX})",
        f"(memberOf=cn=outer,{SUFFIX})",
        f"(manager:{IN_CHAIN}:=uid=ada,{SUFFIX})",
    ):
        search = tree.begin(text, limits=Limits(look_through=4))
        assert tree.advance(search)
        assert search.examined <= 4


def test_plans_with_indexes(tmp_path: Path) -> None:
    tree = SearchTree.create(tmp_path / "store", INDEXES)
    _person(tree, "Ada", "Lovelace")
    for number in range(80):
        tree.add(
            f"ou=u{number},{SUFFIX}", {"objectClass": ["top", "organizationalUnit"], "ou": [f"u{number}"]}
        )
    for text in ("(anr=ada)", "(anr=ada lovelace)", "(anr==ada)", "(objectCategory=person)"):
        search = tree.begin(text)
        assert len(tree.advance(search)) == 1
        assert search.examined <= 2, text
    tree.store.close()


def test_bits_are_narrowed_by_presence(tmp_path: Path) -> None:
    tree = SearchTree.create(tmp_path / "store", [("userAccountControl", IndexKind.PRESENCE)])
    for number, control in enumerate(["512", "514", "66050", "2"]):
        _person(tree, f"P{number}", "X", [*PERSON, "user"], userAccountControl=[control])
    for number in range(80):
        tree.add(
            f"ou=u{number},{SUFFIX}", {"objectClass": ["top", "organizationalUnit"], "ou": [f"u{number}"]}
        )
    for text, expected in (
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", ["p1", "p2", "p3"]),
        ("(userAccountControl:1.2.840.113556.1.4.803:=514)", ["p1", "p2"]),
        ("(userAccountControl:1.2.840.113556.1.4.804:=65536)", ["p2"]),
        ("(userAccountControl:1.2.840.113556.1.4.803:=x)", []),
        ("(userAccountControl:1.2.840.113556.1.4.803:=)", []),
    ):
        search = tree.begin(text)
        found = [dn.partition(",")[0].partition("=")[2] for dn in tree.advance(search)]
        assert sorted(found) == expected
        assert search.examined <= 4, text
    tree.store.close()


def test_attributes(tree: SearchTree) -> None:
    def values(text: str, *asked: str) -> dict[str, list[str]]:
        [found] = tree.search(text, attributes=asked).values()
        return found

    asked = (
        "objectCategory",
        "instanceType",
        "canonicalName",
        "distinguishedName",
        "sAMAccountType",
        "directReports",
    )
    assert values("(uid=alan)", *asked) == {
        "objectCategory": ["cn=Person,cn=schemacontext"],
        "instanceType": ["4"],
        "canonicalName": ["example.com/alan"],
        "distinguishedName": ["UID=alan,DC=example,DC=com"],
        "sAMAccountType": ["805306368"],
    }
    assert values("(uid=ada)", "directReports", "sAMAccountType") == {
        "directReports": [f"uid=grace,{SUFFIX}", f"uid=hopper,{SUFFIX}"]
    }
    assert values("(dc=example)", "instanceType", "canonicalName", "name") == {
        "instanceType": ["5"],
        "canonicalName": ["example.com/"],
        "name": ["example"],
    }
    assert values("(cn=inner)", "name")["name"] == ["inner"]


def test_names_with_slashes(tmp_path: Path) -> None:
    tree = SearchTree.create(tmp_path / "store")
    tree.add(f"ou=a/b\\\\c,{SUFFIX}", {"objectClass": ["top", "organizationalUnit"], "ou": ["a/b\\c"]})
    [found] = tree.search("(ou=*)", attributes=("canonicalName",)).values()
    assert found == {"canonicalName": ["example.com/a\\/b\\\\c"]}
    tree.store.close()


@pytest.mark.parametrize(
    "part",
    [
        f"(memberOf=cn=inner,{SUFFIX})",
        f"(memberOf:1.2.840.113556.1.4.1941:=cn=inner,{SUFFIX})",
        f"(member:1.2.840.113556.1.4.1941:=uid=alan,{SUFFIX})",
        "(memberOf=*)",
    ],
)
def test_memberships_and_chains_of_a_filter_are_bounded(tree: SearchTree, part: str) -> None:
    """Each follows links from every candidate, in one step."""
    assert tree.search(f"(&{part * MOST_FOLLOWED})") == tree.search(part)
    with pytest.raises(DirectoryError) as refused:
        tree.search(f"(&{part * (MOST_FOLLOWED + 1)})")
    assert refused.value.code is ResultCode.ADMIN_LIMIT_EXCEEDED


def test_the_rule_of_a_link_looks_at_one_target(tree: SearchTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of `(member:distinguishedNameMatch:=…)` on one large group held the reactor for minutes."""
    name = f"uid=alan,{SUFFIX}"
    asked = f"(member:distinguishedNameMatch:={name})"
    plain = tree.names(f"(member={name})")
    assert plain
    monkeypatch.setattr(resolved_filter, "LinkValueMatch", None)
    assert tree.names(asked) == plain
    assert tree.names(f"(!{asked})") == tree.names(f"(!(member={name}))")
    assert tree.names("(member:distinguishedNameMatch:=cn=nobody,dc=nowhere)") == []


def test_ranges(tree: SearchTree) -> None:
    def ranged(*asked: str, text: str = "(cn=middle)", **options: object) -> dict[str, list[str]]:
        [found] = tree.search(text, attributes=asked, **options).values()
        return found

    both = ranged("member")["member"]
    assert len(both) == 2
    assert ranged("member;range=0-0") == {"member;range=0-0": both[:1]}
    assert ranged("member;range=1-1") == {"member;range=1-*": both[1:]}
    assert ranged("member;range=0-*") == {"member;range=0-*": both}
    assert ranged("MEMBER;Range=0-1499") == {"member;range=0-*": both}
    assert ranged("member;range=2-*") == {"member;range=2-*": []}
    assert ranged("member;range=999999999-*") == {"member;range=999999999-*": []}
    assert ranged("member;range=0-0", "cn") == {"cn": ["middle"], "member;range=0-0": both[:1]}
    assert "member" not in ranged("member;range=0-0", "*")
    # one range of each attribute: two thousand of a large group would hold the reactor for seconds
    assert ranged("member;range=1-1", *["member;range=0-0"] * 3) == {"member;range=1-*": both[1:]}
    assert len(ranged("member;range=0-0", "cn;range=0-0")) == 2
    assert ranged("cn;range=0-5") == {"cn;range=0-*": ["middle"]}
    assert ranged("memberOf;range=0-0", text="(uid=alan)") == {"memberOf;range=0-0": [f"cn=inner,{SUFFIX}"]}
    assert ranged("mail;range=0-5") == {}
    assert ranged("userPassword;range=0-5") == {}
    for wrong in (
        "range=1-0",
        "range=",
        "range=-",
        "range=a-b",
        "range=0",
        "range=*-0",
        "range=0-1-2",
        "range=-1-2",
    ):
        assert ranged(f"member;{wrong}") == {}, wrong


def test_ranges_of_a_large_group(tmp_path: Path) -> None:
    tree = SearchTree.create(tmp_path / "store")
    members = [_person(tree, f"P{number}", "X") for number in range(40)]
    _group(tree, "all", *members)

    def read(step: int) -> list[str]:
        low, found = 0, []
        while True:
            asked = f"member;range={low}-{low + step - 1}"
            [[(name, values)]] = [
                list(one.items()) for one in tree.search("(cn=all)", attributes=(asked,)).values()
            ]
            found += values
            if name.endswith("-*"):
                return found
            assert name == asked
            low += step

    for step in (1, 7, 39, 40, 41, MOST_VALUES):
        assert read(step) == members
    # where a range ended was forgotten: it is found by counting
    tree.searches = Searches(tree.store, time.monotonic)
    [found] = tree.search("(cn=all)", attributes=("member;range=35-*",)).values()
    assert found == {"member;range=35-*": members[35:]}
    tree.store.close()
