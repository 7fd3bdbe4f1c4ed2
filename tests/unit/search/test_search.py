"""What a search finds and sends, over a real store: with indexes and without, the answers are the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lightwave.directory.access.token import ANONYMOUS
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Limits
from lightwave.directory.operations.search import SHORT_LIST
from lightwave.directory.store.indexes import IndexKind
from search_tree import SearchTree, token

ALL_KINDS = [
    *((name, IndexKind.EQUALITY) for name in ("objectClass", "cn", "uid", "sn", "uidNumber")),
    *((name, IndexKind.SUBSTRING) for name in ("cn", "uid")),
    *((name, IndexKind.PRESENCE) for name in ("uid", "description")),
    ("uidNumber", IndexKind.ORDERING),
]


def _fill(tree: SearchTree) -> None:
    tree.add("ou=people,dc=example,dc=com", {"objectClass": ["top", "organizationalUnit"], "ou": ["people"]})
    tree.add("ou=groups,dc=example,dc=com", {"objectClass": ["top", "organizationalUnit"], "ou": ["groups"]})
    person = ["top", "person", "organizationalPerson", "inetOrgPerson"]
    for number, (name, sn) in enumerate([("anna", "Abel"), ("bert", "Brown"), ("carl", "Brown")]):
        tree.add(
            f"uid={name},ou=people,dc=example,dc=com",
            {
                "objectClass": [*person, "posixAccount"],
                "uid": [name],
                "cn": [f"{name.title()}  {sn}", name],
                "sn": [sn],
                "uidNumber": [str(1000 + number * 50)],
                "gidNumber": ["100"],
                "homeDirectory": [f"/home/{name}"],
            },
        )
    tree.add(
        "uid=dora,ou=people,dc=example,dc=com",
        {
            "objectClass": person,
            "uid": ["dora"],
            "cn": ["Dora"],
            "cn;lang-de": ["Dorothea"],
            "sn": ["Ärmel"],
            "description": ["x" * 600],
        },
    )
    tree.add(
        "cn=staff,ou=groups,dc=example,dc=com",
        {
            "objectClass": ["top", "groupOfNames"],
            "cn": ["staff"],
            "member": ["uid=anna,ou=people,dc=example,dc=com", "uid=dora,ou=people,dc=example,dc=com"],
        },
    )


@pytest.fixture(scope="module", params=["indexed", "unindexed"])
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchTree]:
    kinds = ALL_KINDS if request.param == "indexed" else []
    made = SearchTree.create(tmp_path_factory.mktemp("store"), kinds)
    _fill(made)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(uid=anna)", ["anna"]),
        ("(uid=ANNA)", ["anna"]),
        ("(cn=anna abel)", ["anna"]),  # case and inner spaces, RFC 4518
        ("(sn=brown)", ["bert", "carl"]),
        ("(uid=nobody)", []),
        ("(objectClass=person)", ["anna", "bert", "carl", "dora"]),  # by descent, RFC 4512 §2.4.1
        ("(objectClass=posixAccount)", ["anna", "bert", "carl"]),
        ("(objectClass=2.5.6.6)", ["anna", "bert", "carl", "dora"]),
        ("(objectClass=noSuchClass)", []),
        ("(&(sn=Brown)(uid=b*))", ["bert"]),
        ("(|(uid=anna)(uid=carl))", ["anna", "carl"]),
        ("(&(objectClass=person)(!(sn=Brown)))", ["anna", "dora"]),
        ("(cn=*rown*)", ["bert", "carl"]),
        ("(cn=A*l)", ["anna"]),
        ("(cn=*e*b*)", ["bert"]),
        ("(cn=*b*e*b*)", ["bert"]),
        ("(uid=*r*)", ["bert", "carl", "dora"]),
        ("(uidNumber>=1050)", ["bert", "carl"]),
        ("(uidNumber<=1000)", ["anna"]),
        ("(&(uidNumber>=1001)(uidNumber<=1099))", ["bert"]),
        ("(uidNumber=1000)", ["anna"]),
        ("(uidNumber=abc)", []),
        ("(!(uidNumber=abc))", []),  # Undefined stays Undefined, RFC 4511 §4.5.1.7
        ("(noSuchAttribute=x)", []),
        ("(!(noSuchAttribute=x))", []),
        ("(uid~=anna)", ["anna"]),
        ("(description=*)", ["dora"]),
        ("(cn=Dorothea)", ["dora"]),  # an option is covered by the plain description, RFC 4512 §2.5.2
        ("(cn;lang-de=*)", ["dora"]),
        ("(cn;lang-de=Dora)", []),
        ("(name=dora)", ["dora"]),  # a supertype covers its subtypes
        ("(cn:caseExactMatch:=anna)", ["anna"]),
        ("(cn:caseExactMatch:=ANNA)", []),
        ("(ou:dn:=people)", ["anna", "bert", "carl", "dora", "people"]),
        ("(ou:dn:caseIgnoreMatch:=groups)", ["groups", "staff"]),
        ("(:caseExactMatch:=Abel)", ["anna"]),
        ("(cn:noSuchRule:=anna)", []),
        ("(member=uid=anna,ou=people,dc=example,dc=com)", ["staff"]),
        ("(member=UID=Anna, OU=People, DC=example, DC=com)", ["staff"]),
        ("(member=uid=nobody,dc=example,dc=com)", []),
        ("(member=*)", ["staff"]),
        ("(!(member=*))", ["anna", "bert", "carl", "dora", "example", "groups", "people"]),
        ("(memberOf=cn=staff,ou=groups,dc=example,dc=com)", ["anna", "dora"]),
        ("(entryDN=uid=bert,ou=people,dc=example,dc=com)", ["bert"]),
        ("(entryUUID=00000000-0000-0000-0000-000000000004)", ["anna"]),
        ("(hasSubordinates=TRUE)", ["example", "groups", "people"]),
        ("(&)", ["anna", "bert", "carl", "dora", "example", "groups", "people", "staff"]),  # RFC 4526
        ("(|)", []),
        ("(userPassword=*)", []),
        ("(!(userPassword=*))", []),
        ("(sn=ärmel)", ["dora"]),
    ],
)
def test_a_filter_finds(tree: SearchTree, text: str, expected: list[str]) -> None:
    assert tree.names(text) == expected


def test_scopes(tree: SearchTree) -> None:
    people = b"ou=people,dc=example,dc=com"
    assert tree.names(base=people, scope=0) == ["people"]
    assert tree.names(base=people, scope=1) == ["anna", "bert", "carl", "dora"]
    assert tree.names(base=people, scope=2) == ["anna", "bert", "carl", "dora", "people"]
    assert tree.names(base=people, scope=3) == ["anna", "bert", "carl", "dora"]
    assert tree.names("(sn=Brown)", base=b"ou=groups,dc=example,dc=com") == []
    assert tree.names("(uid=anna)", base=people, scope=1) == ["anna"]
    assert tree.names("(uid=anna)", scope=1) == []


def test_selection(tree: SearchTree) -> None:
    def attributes(*asked: str, **options: object) -> dict[str, list[str]]:
        [found] = tree.search("(uid=dora)", attributes=asked, **options).values()
        return found

    assert set(attributes()) == {"objectClass", "uid", "cn", "cn;lang-de", "sn", "description"}
    assert attributes("1.1") == {}
    assert attributes("cn") == {"cn": ["Dora"], "cn;lang-de": ["Dorothea"]}
    assert attributes("cn;lang-de") == {"cn;lang-de": ["Dorothea"]}
    assert attributes("cn;lang-") == {"cn;lang-de": ["Dorothea"]}
    assert attributes("commonName") == {"cn": ["Dora"], "cn;lang-de": ["Dorothea"]}
    assert set(attributes("name")) == {"name", "cn", "cn;lang-de", "sn"}  # its subtypes, and the RDN's value
    assert set(attributes("@person")) == {"objectClass", "cn", "cn;lang-de", "sn", "description"}
    assert attributes("noSuch", "@noSuch") == {}
    assert attributes("userPassword") == {}
    assert attributes("uid", types_only=True) == {"uid": []}
    operational = attributes("+")
    assert {"entryUUID", "entryDN", "hasSubordinates", "memberOf", "subschemaSubentry"} <= set(operational)
    assert "cn" not in operational
    assert operational["memberOf"] == ["cn=staff,ou=groups,dc=example,dc=com"]
    assert "sn" in attributes("*", "entryUUID")
    assert "entryUUID" in attributes("*", "entryUUID")


def test_links_are_sent_as_names(tree: SearchTree) -> None:
    [group] = tree.search("(cn=staff)").values()
    assert group["member"] == ["uid=anna,ou=people,dc=example,dc=com", "uid=dora,ou=people,dc=example,dc=com"]
    [group] = tree.search("(cn=staff)", attributes=("member",)).values()
    assert list(group) == ["member"]
    [group] = tree.search("(cn=staff)", attributes=("cn",)).values()
    assert list(group) == ["cn"]


def test_a_missing_base_names_the_deepest_superior(tree: SearchTree) -> None:
    with pytest.raises(DirectoryError) as caught:
        tree.search(base=b"cn=a,cn=b,ou=people,dc=example,dc=com")
    assert caught.value.code is ResultCode.NO_SUCH_OBJECT
    assert caught.value.matched == b"ou=people,dc=example,dc=com"
    with pytest.raises(DirectoryError) as caught:
        tree.search(base=b"dc=elsewhere")
    assert (caught.value.code, caught.value.matched) == (ResultCode.NO_SUCH_OBJECT, b"")


@pytest.mark.parametrize("base", [b"no name", b"uid=a,,dc=com", b"uid=\xff", b"uid=a\\", b"noSuchType=a"])
def test_a_base_that_is_no_name(tree: SearchTree, base: bytes) -> None:
    with pytest.raises(DirectoryError) as caught:
        tree.search(base=base)
    assert caught.value.code is ResultCode.INVALID_DN_SYNTAX


def test_the_size_limit_gives_what_was_found(tree: SearchTree) -> None:
    search = tree.begin("(objectClass=person)", size=2)
    with pytest.raises(DirectoryError) as caught:
        tree.advance(search)
    assert caught.value.code is ResultCode.SIZE_LIMIT_EXCEEDED
    assert search.returned == 2
    assert len(tree.search("(sn=Brown)", size=2)) == 2  # exactly as many as allowed is no excess


def test_an_identity_is_limited(tree: SearchTree) -> None:
    who = token(tree.tenant, administrator=False)
    for limits, code in (
        (Limits(size=1), ResultCode.SIZE_LIMIT_EXCEEDED),
        (Limits(look_through=2), ResultCode.ADMIN_LIMIT_EXCEEDED),
    ):
        with pytest.raises(DirectoryError) as caught:
            tree.search("(cn=*)", who=who, limits=limits, size=100)
        assert caught.value.code is code


def test_pages_hold_all_entries_once(tree: SearchTree) -> None:
    search = tree.begin("(objectClass=*)", paged=True)
    pages = []
    while not search.finished:
        pages.append(tree.advance(search, entries=3))
    names = [dn for page in pages for dn in page]
    assert len(names) == len(set(names)) == 8
    assert [len(page) for page in pages[:2]] == [3, 3]


def test_a_search_goes_on_in_later_transactions(tree: SearchTree) -> None:
    search = tree.begin("(objectClass=*)")
    found: dict[str, object] = {}
    rounds = 0
    while not search.finished:
        out: list[bytes] = []
        with tree.store.read() as txn:
            search.advance(txn, out, entries=1 << 60, octets=1, until=1e18)  # one entry fills the budget
        rounds += 1
        found.update(dict.fromkeys(map(bytes.hex, out)))
    assert rounds >= 8
    assert len(found) == 8


def test_strangers_see_nothing(tree: SearchTree) -> None:
    with pytest.raises(DirectoryError) as caught:
        tree.search(base=b"ou=people,dc=example,dc=com", who=ANONYMOUS)
    assert (caught.value.code, caught.value.matched) == (ResultCode.NO_SUCH_OBJECT, b"")


def test_who_is_signed_in_reads(tree: SearchTree) -> None:
    assert tree.names("(uid=anna)", who=token(tree.tenant, administrator=False)) == ["anna"]


def test_an_index_is_used_where_there_is_one(tree: SearchTree) -> None:
    indexed = tree.begin("(uid=anna)").plan
    assert indexed is not None
    with tree.store.read() as txn:
        has_index = bool(list(txn.definitions()))
    assert ("index" in indexed.text and indexed.estimate == 1) is has_index


def test_long_attribute_lists_are_not_kept(tree: SearchTree) -> None:
    """Others may ask for the same short list; a thousand long ones would fill the memory."""
    with tree.store.read() as txn:
        table = tree.searches.table(txn, tree.schema)
    kept, long = ("cn", "sn"), ("cn", "x" * SHORT_LIST)
    assert tree.searches.selection(table, kept, False) is tree.searches.selection(table, kept, False)
    assert tree.searches.selection(table, long, False) is not tree.searches.selection(table, long, False)
