"""What is looked up in one go is what a search finds, octet by octet; all else is left to the search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.directory.ldap.filters import parse_filter
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.responses import TAG_SEARCH_DONE, encode_success
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.operations.lookup import look_up
from lightwave.directory.operations.search import Search
from lightwave.directory.store.indexes import IndexKind
from search_tree import SearchTree, token

SUFFIX = b"dc=example,dc=com"
PEOPLE = b"ou=people,dc=example,dc=com"
ANNA = b"uid=anna,ou=people,dc=example,dc=com"
KINDS = [(name, IndexKind.EQUALITY) for name in ("objectClass", "uid", "sn", "cn")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchTree]:
    made = SearchTree.create(tmp_path_factory.mktemp("store"), KINDS)
    made.add(PEOPLE.decode(), {"objectClass": ["top", "organizationalUnit"], "ou": ["people"]})
    person = ["top", "person", "organizationalPerson", "inetOrgPerson"]
    for name, sn in (("anna", "Abel"), ("bert", "Brown"), ("carl", "Brown")):
        made.add(
            f"uid={name},{PEOPLE.decode()}",
            {"objectClass": person, "uid": [name], "cn": [name, name.title() + " X"], "sn": [sn]},
        )
    made.add(
        f"cn=staff,{SUFFIX.decode()}",
        {"objectClass": ["top", "groupOfNames"], "cn": ["staff"], "member": [ANNA.decode()]},
    )
    made.add(
        f"cn=rule,{SUFFIX.decode()}",
        {"objectClass": ["top", "subentry"], "cn": ["rule"], "subtreeSpecification": ["{}"]},
    )
    yield made
    made.store.close()


def request(
    base: bytes, scope: int, text: str, attributes: Sequence[str] = (), *, deref: int = 0, types: bool = False
) -> SearchRequest:
    return SearchRequest(base, scope, deref, 0, 0, types, parse_filter(text), tuple(attributes))


def looked_up(tree: SearchTree, asked: SearchRequest, who: Token) -> bytes | None:
    with tree.store.read() as txn:
        return look_up(tree.searches, txn, tree.schema, tree.context(who), 7, asked)


def searched(tree: SearchTree, asked: SearchRequest, who: Token) -> bytes | None:
    """What a Search answers; None when it refuses."""
    out: list[bytes] = []
    with tree.store.read() as txn:
        try:
            search = Search(tree.searches, txn, tree.schema, tree.context(who), 7, asked)
            search.advance(txn, out, entries=1 << 60, octets=1 << 60, until=float("inf"))
        except DirectoryError:
            return None
    assert search.finished
    return b"".join(out) + encode_success(7, TAG_SEARCH_DONE)


BASES = (
    b"",
    SUFFIX,
    PEOPLE,
    ANNA,
    b"UID=Anna, " + PEOPLE,
    b"cn=rule," + SUFFIX,
    b"uid=x," + SUFFIX,
    b"nonsense",
)
FILTERS = (
    "(objectClass=*)",
    "(objectclass=*)",
    "(uid=*)",
    "(uid=anna)",
    "(UID=ANNA)",
    "(sn=brown)",
    "(sn=abel)",
    "(cn=anna x)",
    "(cn=rule)",
    "(cn=staff)",
    "(uid=nobody)",
    "(uid=)",
    "(cn;lang-de=anna)",
    "(name=anna)",
    "(userPassword=x)",
    "(unknown=x)",
    "(objectClass=person)",
    "(member=uid=anna,ou=people,dc=example,dc=com)",
    "(entryDN=uid=anna,ou=people,dc=example,dc=com)",
    "(&(uid=anna))",
    "(!(uid=anna))",
)
LISTS = ((), ("*", "+"), ("cn",), ("1.1",), ("memberOf", "entryDN", "userPassword"))


def test_both_give_the_same(tree: SearchTree) -> None:
    everyone = (token(tree.tenant), token(tree.tenant, administrator=False), ANONYMOUS)
    answered = 0
    for base, scope, text, attributes, who, types in product(
        BASES, range(4), FILTERS, LISTS, everyone, (False, True)
    ):
        asked = request(base, scope, text, attributes, types=types)
        answer = looked_up(tree, asked, who)
        if answer is not None:
            answered += 1
            assert answer == searched(tree, asked, who), asked
    assert answered > 150


@pytest.mark.parametrize(
    ("base", "scope", "text", "entries"),
    [
        (ANNA, 0, "(objectClass=*)", 1),
        (b"UID=Anna, " + PEOPLE, 0, "(objectClass=*)", 1),
        (SUFFIX, 2, "(uid=anna)", 1),
        (PEOPLE, 2, "(sn=abel)", 1),
        (ANNA, 2, "(uid=anna)", 1),
        (SUFFIX, 2, "(uid=nobody)", 0),
    ],
)
def test_what_is_looked_up(tree: SearchTree, base: bytes, scope: int, text: str, entries: int) -> None:
    who = token(tree.tenant, administrator=False)
    asked = request(base, scope, text)
    searched(tree, asked, who)  # a Search resolves the attribute once
    answer = looked_up(tree, asked, who)
    assert answer is not None
    assert answer.count(b"objectClass1") == entries


@pytest.mark.parametrize(
    ("base", "scope", "text", "deref"),
    [
        (SUFFIX, 2, "(sn=brown)", 0),  # two
        (SUFFIX, 2, "(cn=rule)", 0),  # a subentry
        (b"uid=bert," + PEOPLE, 2, "(uid=anna)", 0),  # not below
        (b"uid=x," + SUFFIX, 0, "(objectClass=*)", 0),  # not there
        (SUFFIX, 2, "(givenName=x)", 0),  # not indexed
        (SUFFIX, 1, "(uid=anna)", 0),
        (ANNA, 0, "(uid=anna)", 0),
        (ANNA, 0, "(objectClass=*)", 3),  # aliases
        (b"", 2, "(uid=anna)", 0),
    ],
)
def test_what_is_left_to_a_search(tree: SearchTree, base: bytes, scope: int, text: str, deref: int) -> None:
    who = token(tree.tenant, administrator=False)
    asked = request(base, scope, text, deref=deref)
    searched(tree, asked, who)
    assert looked_up(tree, asked, who) is None


def test_the_anonymous_are_told_nothing(tree: SearchTree) -> None:
    for asked in (request(ANNA, 0, "(objectClass=*)"), request(SUFFIX, 2, "(uid=anna)")):
        searched(tree, asked, token(tree.tenant))
        assert looked_up(tree, asked, ANONYMOUS) is None
    assert looked_up(tree, request(SUFFIX, 2, "(uid=nobody)"), ANONYMOUS) is None
