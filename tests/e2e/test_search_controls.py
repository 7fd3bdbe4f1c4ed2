"""Controls that shape a search, over the wire: what they do, what they refuse, and that slapd does the same."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence

import pytest

from clients import require_client
from node import Node
from reference import wire
from reference.slapd import Slapd, SlapdConfiguration
from serving import PASSWORD, add_user, signed_in, unit

SORT, SORTED = "1.2.840.113556.1.4.473", "1.2.840.113556.1.4.474"
VIEW, VIEWED = "2.16.840.1.113730.3.4.9", "2.16.840.1.113730.3.4.10"
PAGED = "1.2.840.113556.1.4.319"
MATCHED = "1.2.826.0.1.3344810.2.3"
ASSERT = "1.3.6.1.1.12"
SUBENTRIES = "1.3.6.1.4.1.4203.1.10.1"

Key = tuple[str, str | None, bool]


def sort_control(*keys: Key, critical: bool = True) -> bytes:
    parts = []
    for attribute, rule, reverse in keys:
        part = [wire.text(attribute)]
        part += [] if rule is None else [wire.text(rule, 0x80)]
        part += [b"\x81\x01\xff"] if reverse else []
        parts.append(wire.sequence(*part))
    return wire.control(SORT, critical, wire.sequence(*parts))


def view_control(
    before: int,
    after: int,
    target: tuple[int, int] | bytes,
    context: bytes | None = None,
    critical: bool = True,
) -> bytes:
    if isinstance(target, bytes):
        chosen = wire.text(target, 0x81)
    else:
        chosen = wire.sequence(*(wire.integer(one) for one in target), tag=0xA0)
    parts = [wire.integer(before), wire.integer(after), chosen]
    parts += [] if context is None else [wire.text(context)]
    return wire.control(VIEW, critical, wire.sequence(*parts))


def page_control(size: int, cookie: bytes = b"") -> bytes:
    return wire.control(PAGED, True, wire.sequence(wire.integer(size), wire.text(cookie)))


def sort_result(answer: wire.Answer) -> int:
    value = answer.controls[SORTED]
    assert value is not None
    ((_, content),) = wire.elements(value)
    return int.from_bytes(next(wire.elements(content))[1], "big")


def view_result(answer: wire.Answer) -> tuple[int, int, int, bytes]:
    """(target position, content count, result, contextID)"""
    value = answer.controls[VIEWED]
    assert value is not None
    ((_, content),) = wire.elements(value)
    parts = [one for _, one in wire.elements(content)]
    numbers = [int.from_bytes(one, "big") for one in parts[:3]]
    return numbers[0], numbers[1], numbers[2], parts[3] if len(parts) > 3 else b""


def page_cookie(answer: wire.Answer) -> bytes:
    value = answer.controls[PAGED]
    assert value is not None
    ((_, content),) = wire.elements(value)
    return list(wire.elements(content))[1][1]


def names(answer: wire.Answer) -> list[str]:
    plain = (
        name.decode().rpartition(">;")[2] for name, _ in answer.entries
    )  # without an extended name's prefix
    return [name.partition(",")[0].partition("=")[2] for name in plain]


# uid, sn, givenName, uidNumber, further values
PEOPLE = [
    ("p1", "Zuse", "Konrad", 1010, {}),
    ("p2", "abel", "Nils", 1002, {"description": [b"b", b"a"]}),
    ("p3", "Abel", "Anna", 1100, {"description": [b"c"]}),
    ("p4", "Noether", None, 9, {}),
    ("p5", "Hopper", "Grace", 1003, {"description": [b"A", b"z"], "mail": [b"g@a.test", b"grace@b.test"]}),
    ("p6", "Hopper", "Adam", 20, {}),
    ("p7", "O", None, 300, {"mail": [b"o@a.test"]}),
]


def fill(connection: wire.Connection, base: str) -> None:
    assert connection.ask(wire.add(base, unit(base.partition(",")[0].partition("=")[2]))).code == 0
    people = list(PEOPLE)
    random.Random(3).shuffle(people)
    for uid, surname, given, number, further in people:
        attributes: list[tuple[str, list[bytes]]] = [
            ("objectClass", [b"inetOrgPerson", b"posixAccount"]),
            ("uid", [uid.encode()]),
            ("cn", [uid.encode()]),
            ("sn", [surname.encode()]),
            ("uidNumber", [str(number).encode()]),
            ("gidNumber", [b"1"]),
            ("homeDirectory", [b"/"]),
            *further.items(),
        ]
        if given is not None:
            attributes.append(("givenName", [given.encode()]))
        answer = connection.ask(wire.add(f"uid={uid},{base}", attributes))
        assert answer.code == 0, answer


@pytest.fixture(scope="module")
def base(shared_node: Node) -> str:
    base = f"ou=sorted,{shared_node.suffix}"
    with shared_node.local_administrator() as connection:
        fill(connection, base)
    add_user(shared_node, "reader")
    return base


@pytest.fixture
def ours(shared_node: Node, base: str) -> Iterator[wire.Connection]:
    with shared_node.local_administrator() as connection:
        yield connection


@pytest.fixture(scope="module")
def running_slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A slapd with sssvlv over the same people."""
    require_client("slapd")
    settings = SlapdConfiguration(modules=("back_mdb", "sssvlv"), overlays=("sssvlv",))
    server = Slapd(tmp_path_factory.mktemp("slapd"), settings)
    server.load(b"dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n\n")
    with server, wire.Connection("127.0.0.1", server.port) as connection:
        assert connection.ask(wire.bind(settings.root_dn, settings.root_password)).code == 0
        fill(connection, f"ou=sorted,{settings.suffix}")
        yield server


@pytest.fixture
def reference(running_slapd: Slapd) -> Iterator[tuple[wire.Connection, str]]:
    """A connection of its own: slapd keeps every list of a connection, and only five."""
    settings = running_slapd.configuration
    with wire.Connection("127.0.0.1", running_slapd.port) as connection:
        assert connection.ask(wire.bind(settings.root_dn, settings.root_password)).code == 0
        yield connection, f"ou=sorted,{settings.suffix}"


def people(base: str, filter: Sequence[object] = ("present", "uidNumber"), **options: object) -> bytes:
    return wire.search(base, wire.ONE, filter, **options)  # type: ignore[arg-type]  # options are search's


FOLD = "caseIgnoreOrderingMatch"
ORDERS: list[tuple[Key, ...]] = [
    (("uidNumber", None, False),),
    (("uidNumber", None, True),),
    (("sn", FOLD, False), ("uidNumber", None, False)),
    (("sn", FOLD, True), ("uidNumber", None, False)),
    (("sn", "2.5.13.3", False), ("uidNumber", None, True)),
    (("givenName", FOLD, False), ("uidNumber", None, False)),
    (("givenName", FOLD, True), ("uidNumber", None, False)),
    (("description", FOLD, False), ("uidNumber", None, False)),
    (("gidNumber", None, False), ("uidNumber", "integerOrderingMatch", True)),
]


@pytest.mark.parametrize("keys", ORDERS)
def test_order_is_slapds(
    ours: wire.Connection, base: str, reference: tuple[wire.Connection, str], keys: tuple[Key, ...]
) -> None:
    theirs, their_base = reference
    control = sort_control(*keys)
    mine, slapds = ours.ask(people(base), [control]), theirs.ask(people(their_base), [control])
    assert (mine.code, sort_result(mine)) == (0, 0)
    assert (slapds.code, sort_result(slapds)) == (0, 0)
    assert names(mine) == names(slapds)
    assert len(mine.entries) == len(PEOPLE)


def test_orders_by_hand(ours: wire.Connection, base: str) -> None:
    def order(*keys: Key) -> list[str]:
        return names(ours.ask(people(base), [sort_control(*keys)]))

    assert order(("uidNumber", None, False)) == ["p4", "p6", "p7", "p2", "p5", "p1", "p3"]
    # RFC 4519 gives sn no ordering rule: the one of its equality rule is taken
    assert order(("sn", None, False), ("uidNumber", None, False)) == [
        "p2",
        "p3",
        "p6",
        "p5",
        "p4",
        "p7",
        "p1",
    ]
    # a rule that is named is taken; slapd compares values that its equality rule has folded before
    exact = order(("sn", "caseExactOrderingMatch", False), ("uidNumber", None, False))
    assert exact == ["p3", "p6", "p5", "p4", "p7", "p1", "p2"]
    # missing values come last, and first in reverse (RFC 2891 section 2.2)
    assert order(("givenName", None, False), ("uidNumber", None, False))[-2:] == ["p4", "p7"]
    assert order(("givenName", None, True), ("uidNumber", None, False))[:2] == ["p4", "p7"]
    # the least of several values counts, in both directions
    assert order(("description", None, False), ("uidNumber", None, False))[:3] == ["p2", "p5", "p3"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("noSuchAttribute", None, False), 16),
        (("userPassword", None, False), 16),
        (("unicodePwd", None, True), 16),
        (("sn", "noSuchRule", False), 18),
        (("sn", "caseIgnoreMatch", False), 18),
        (("uidNumber", FOLD, False), 18),
        (("seeAlso", None, False), 18),
        (("objectClass", None, False), 18),
    ],
)
def test_orders_that_cannot_be_made(ours: wire.Connection, base: str, key: Key, expected: int) -> None:
    refused = ours.ask(people(base), [sort_control(key)])
    assert (refused.code, refused.entries, sort_result(refused)) == (12, [], expected)
    unsorted = ours.ask(people(base), [sort_control(key, critical=False)])
    assert (unsorted.code, len(unsorted.entries), sort_result(unsorted)) == (0, len(PEOPLE), expected)


def test_too_many_keys(ours: wire.Connection, base: str) -> None:
    refused = ours.ask(people(base), [sort_control(*[("sn", None, False)] * 9)])
    assert (refused.code, sort_result(refused)) == (12, 53)
    assert ours.ask(people(base), [sort_control(*[("sn", None, False)] * 40)]).code == 2


def test_a_size_limit_cuts_the_ordered_entries(shared_node: Node, base: str) -> None:
    order = sort_control(("uidNumber", None, False))
    with signed_in(shared_node, f"uid=reader,{shared_node.suffix}", PASSWORD) as connection:
        assert names(connection.ask(people(base), [order])) == ["p4", "p6", "p7", "p2", "p5", "p1", "p3"]
        limited = connection.ask(people(base, size_limit=3), [order])
        assert (limited.code, names(limited), sort_result(limited)) == (4, ["p4", "p6", "p7"], 0)


def test_pages_of_an_order(ours: wire.Connection, base: str) -> None:
    control = sort_control(("uidNumber", None, False))
    found: list[str] = []
    cookie = b""
    for _ in range(4):
        answer = ours.ask(people(base), [control, page_control(2, cookie)])
        assert (answer.code, sort_result(answer)) == (0, 0)
        found += names(answer)
        cookie = page_cookie(answer)
    assert cookie == b""
    assert found == ["p4", "p6", "p7", "p2", "p5", "p1", "p3"]


def test_nothing_to_sort(ours: wire.Connection, base: str) -> None:
    answer = ours.ask(people(base, ("equal", "uid", b"nobody")), [sort_control(("cn", None, False))])
    assert (answer.code, answer.entries, sort_result(answer)) == (0, [], 0)


# --- virtual list views

VIEWS: list[tuple[int, int, tuple[int, int] | bytes]] = [
    (0, 2, (1, 0)),
    (1, 1, (3, 0)),
    (2, 0, (7, 7)),
    (1, 1, (50, 100)),
    (1, 1, (100, 100)),
    (0, 9, (2, 7)),
    (5, 5, (4, 0)),
    (0, 1, b"1002"),
    (1, 1, b"1003"),
    (1, 0, b"21"),
    (2, 2, b"99999"),
    (0, 0, b"1"),
]


@pytest.mark.parametrize(("before", "after", "target"), VIEWS)
def test_views_are_slapds(
    ours: wire.Connection,
    base: str,
    reference: tuple[wire.Connection, str],
    before: int,
    after: int,
    target: tuple[int, int] | bytes,
) -> None:
    theirs, their_base = reference
    controls = [sort_control(("uidNumber", None, False)), view_control(before, after, target)]
    mine, slapds = ours.ask(people(base), controls), theirs.ask(people(their_base), controls)
    assert (mine.code, view_result(mine)[:3]) == (slapds.code, view_result(slapds)[:3])
    assert names(mine) == names(slapds)


def test_a_view_is_scrolled(ours: wire.Connection, base: str) -> None:
    order = sort_control(("uidNumber", None, False))
    first = ours.ask(people(base), [order, view_control(0, 2, (1, 0))])
    position, count, result, context = view_result(first)
    assert (names(first), position, count, result) == (["p4", "p6", "p7"], 1, 7, 0)
    assert context
    second = ours.ask(people(base), [order, view_control(0, 2, (4, 7), context)])
    assert (names(second), view_result(second)) == (["p2", "p5", "p1"], (4, 7, 0, context))
    # a change is seen at once, the list being made anew
    assert ours.ask(wire.modify(f"uid=p3,{base}", [(wire.REPLACE, "uidNumber", [b"1"])])).code == 0
    try:
        third = ours.ask(people(base), [order, view_control(0, 0, (1, 7), context)])
        assert names(third) == ["p3"]
    finally:
        assert ours.ask(wire.modify(f"uid=p3,{base}", [(wire.REPLACE, "uidNumber", [b"1100"])])).code == 0


def test_neg_017_views_out_of_range_and_foreign_contexts(shared_node: Node, base: str) -> None:
    order = sort_control(("uidNumber", None, False))
    with shared_node.local_administrator() as connection:
        good = view_result(connection.ask(people(base), [order, view_control(0, 1, (1, 0))]))[3]
        for context in (b"forged", bytes(16), good[::-1], good + b"x"):
            answer = connection.ask(people(base), [order, view_control(0, 1, (1, 0), context)])
            assert (answer.code, view_result(answer)[2], answer.entries) == (76, 53, [])
        # of another search
        other = people(base, ("equal", "sn", b"Hopper"))
        assert view_result(connection.ask(other, [order, view_control(0, 1, (1, 0), good)]))[2] == 53
        for target, result in (((0, 0), 61), ((2147483647, 0), 61), ((8, 7), 61)):
            answer = connection.ask(people(base), [order, view_control(0, 1, target)])
            assert (answer.code, view_result(answer)[2], answer.entries) == (76, result, [])
        far = connection.ask(people(base), [order, view_control(2147483647, 2147483647, (3, 0))])
        assert (far.code, len(far.entries)) == (0, 7)
        for wrong in (view_control(-1, 0, (1, 0)), view_control(0, -1, (1, 0)), view_control(0, 0, (-1, 0))):
            assert connection.ask(people(base), [order, wrong]).code == 2
        assert connection.ask(people(base), [order, view_control(0, 2147483648, (1, 0))]).code == 2
        alone = connection.ask(people(base), [view_control(0, 1, (1, 0))])
        assert (alone.code, view_result(alone)[2]) == (76, 60)
        both = connection.ask(people(base), [order, view_control(0, 1, (1, 0)), page_control(2)])
        assert (both.code, view_result(both)[2]) == (76, 53)
        text = connection.ask(people(base), [order, view_control(0, 1, b"no number")])
        assert (text.code, view_result(text)[2]) == (76, 18)
    with signed_in(shared_node, f"uid=reader,{shared_node.suffix}", PASSWORD) as connection:
        answer = connection.ask(people(base), [order, view_control(0, 1, (1, 0), good)])
        assert (answer.code, view_result(answer)[2]) == (76, 53)
        assert connection.ask(people(base), [order, view_control(0, 1, (1, 0))]).code == 0


def test_neg_017_pages_and_forged_cookies_of_an_order(ours: wire.Connection, base: str) -> None:
    order = sort_control(("uidNumber", None, False))
    answer = ours.ask(people(base), [order, page_control(2, b"forged cookie 16")])
    assert (answer.code, answer.entries) == (53, [])
    assert ours.ask(people(base), [order, page_control(-1)]).code == 2


# --- matched values


def matched_control(*items: bytes) -> bytes:
    return wire.control(MATCHED, True, wire.sequence(*items))


FILTERS: list[list[tuple[object, ...]]] = [
    [("equal", "mail", b"G@A.TEST")],
    [("substrings", "mail", b"grace", (), None)],
    [("present", "mail")],
    [("equal", "mail", b"nobody@x")],
    [("equal", "objectClass", b"posixAccount"), ("present", "sn")],
    [("greater", "uidNumber", b"1000")],
    [("less", "uidNumber", b"1000")],
    [("equal", "noSuchAttribute", b"x"), ("equal", "description", b"z")],
    [("extensible", "caseExactMatch", "description", b"A", False)],
]


@pytest.mark.parametrize("items", FILTERS)
def test_matched_values_are_slapds(
    ours: wire.Connection,
    base: str,
    reference: tuple[wire.Connection, str],
    items: list[tuple[object, ...]],
) -> None:
    theirs, their_base = reference
    control = matched_control(*(wire.filter_bytes(item) for item in items))
    wanted = ["mail", "description", "sn", "uidNumber", "objectClass"]
    mine = ours.ask(people(base, attributes=wanted), [control])
    slapds = theirs.ask(people(their_base, attributes=wanted), [control])
    assert mine.code == slapds.code == 0

    def values(answer: wire.Answer) -> dict[str, dict[str, list[bytes]]]:
        return {
            name.decode().partition(",")[0]: {key: sorted(held) for key, held in attributes.items()}
            for name, attributes in answer.entries
        }

    assert values(mine) == values(slapds)


def test_matched_values_that_are_no_simple_items(ours: wire.Connection, base: str) -> None:
    item = wire.filter_bytes(("equal", "mail", b"x"))
    for wrong in (
        wire.filter_bytes(("not", ("equal", "mail", b"x"))),
        wire.filter_bytes(("and", ("equal", "mail", b"x"))),
        wire.filter_bytes(("extensible", "caseIgnoreMatch", "mail", b"x", True)),
    ):
        assert ours.ask(people(base), [matched_control(wrong)]).code == 2
    assert ours.ask(people(base), [matched_control()]).code == 2
    assert ours.ask(people(base), [matched_control(*[item] * 65)]).code == 2
    secret = matched_control(wire.filter_bytes(("present", "userPassword")))
    ((_, held),) = ours.ask(wire.search(f"uid=p1,{base}", wire.BASE), [secret]).entries
    assert held == {}


# --- assertion, subentries, and what comes from Active Directory


def assertion(*filter: object) -> bytes:
    return wire.control(ASSERT, True, wire.filter_bytes(filter))


def test_assertions_about_the_base(ours: wire.Connection, base: str) -> None:
    here = assertion("equal", "ou", b"sorted")
    elsewhere = assertion("equal", "ou", b"elsewhere")
    assert len(ours.ask(people(base), [here]).entries) == len(PEOPLE)
    answer = ours.ask(people(base), [elsewhere])
    assert (answer.code, answer.entries) == (122, [])
    for undefined in (("equal", "noSuch", b"x"), ("not", ("equal", "noSuch", b"x"))):
        assert ours.ask(people(base), [assertion(*undefined)]).code == 122
    name = f"uid=p1,{base}"
    assert ours.ask(wire.compare(name, "sn", b"Zuse"), [assertion("equal", "uid", b"p1")]).code == 6
    assert ours.ask(wire.compare(name, "sn", b"Zuse"), [assertion("equal", "uid", b"p2")]).code == 122
    assert ours.ask(wire.search("", wire.BASE), [assertion("present", "vendorName")]).code == 0
    assert ours.ask(wire.search("", wire.BASE), [assertion("equal", "vendorName", b"x")]).code == 122


def test_neg_020_assertions_about_secrets(shared_node: Node, base: str) -> None:
    """Whatever is asserted of a secret, the answer is the same."""
    reader = f"uid=reader,{shared_node.suffix}"
    with signed_in(shared_node, reader, PASSWORD) as connection:
        for value in (PASSWORD.encode(), b"x", b""):
            for node in (("equal", "userPassword", value), ("not", ("equal", "userPassword", value))):
                assert connection.ask(wire.search(reader, wire.BASE), [assertion(*node)]).code == 122
        missing = connection.ask(wire.search("uid=nobody," + base, wire.BASE), [assertion("present", "uid")])
        assert missing.code == 32


def test_subentries(ours: wire.Connection, base: str) -> None:
    name = f"cn=policy,{base}"
    attributes = [("objectClass", [b"subentry"]), ("cn", [b"policy"]), ("subtreeSpecification", [b"{}"])]
    assert ours.ask(wire.add(name, attributes)).code == 0
    everything = wire.search(base, wire.SUBTREE)

    def shown(*controls: bytes, request: bytes = everything) -> set[str]:
        return set(names(ours.ask(request, controls)))

    only = wire.control(SUBENTRIES, True, b"\x01\x01\xff")
    none = wire.control(SUBENTRIES, True, b"\x01\x01\x00")
    try:
        ordinary = {uid for uid, *_ in PEOPLE} | {"sorted"}
        assert shown() == ordinary
        assert shown(only) == {"policy"}
        assert shown(none) == ordinary
        by_name = wire.search(name, wire.BASE)
        assert shown(request=by_name) == {"policy"}
        assert shown(only, request=by_name) == {"policy"}
        assert shown(none, request=by_name) == set()
        assert shown(request=wire.search(base, wire.ONE)) == ordinary - {"sorted"}
    finally:
        assert ours.ask(wire.delete(name)).code == 0


def test_dont_use_copy_is_critical(ours: wire.Connection, base: str) -> None:
    """RFC 6171 section 3"""
    assert ours.ask(people(base), [wire.control("1.3.6.1.1.22", True)]).code == 0
    assert ours.ask(people(base), [wire.control("1.3.6.1.1.22", False)]).code == 2
    assert ours.ask(wire.compare(base, "ou", b"sorted"), [wire.control("1.3.6.1.1.22", True)]).code == 6


def test_domain_scope_leaves_references_out(ours: wire.Connection, base: str) -> None:
    name = f"ou=elsewhere,{base}"
    attributes = [
        ("objectClass", [b"referral", b"extensibleObject"]),
        ("ou", [b"elsewhere"]),
        ("ref", [b"ldap://other.test/"]),
    ]
    manage = wire.control("2.16.840.1.113730.3.4.2", True)
    assert ours.ask(wire.add(name, attributes)).code == 0
    order = sort_control(("uidNumber", None, False))
    try:
        assert len(ours.ask(people(base)).references) == 1
        assert len(ours.ask(people(base), [order]).references) == 1
        assert len(ours.ask(people(base), [order, page_control(2)]).references) == 1
        scoped = [
            wire.control("1.2.840.113556.1.4.1339", True),
            wire.control("1.2.840.113556.1.4.1340", True, wire.sequence(wire.integer(1))),
        ]
        for control in scoped:
            answer = ours.ask(people(base), [control])
            assert (answer.code, answer.references, len(answer.entries)) == (0, [], len(PEOPLE))
        assert len(ours.ask(people(base), [manage]).references) == 0
    finally:
        assert ours.ask(wire.delete(name), [manage]).code == 0


def test_extended_names(ours: wire.Connection, base: str) -> None:
    name = f"cn=group,{base}"
    member = f"uid=p1,{base}"
    group = [("objectClass", [b"groupOfNames"]), ("cn", [b"group"]), ("member", [member.encode()])]
    assert ours.ask(wire.add(name, group)).code == 0
    try:
        for value in (None, wire.sequence(wire.integer(0)), wire.sequence(wire.integer(1))):
            control = wire.control("1.2.840.113556.1.4.529", True, value)
            request = wire.search(name, wire.BASE, attributes=["member", "cn"])
            ((extended, held),) = ours.ask(request, [control]).entries
            (guid,) = ours.ask(wire.search(member, wire.BASE, attributes=["objectGUID"])).entries[0][1][
                "objectGUID"
            ]
            prefix, _, plain = held["member"][0].partition(b">;")
            assert plain == member.encode()
            assert extended.endswith(b">;" + name.encode())
            assert held["cn"] == [b"group"]
            if value is not None and value[-1:] == b"\1":
                assert prefix == f"<GUID={uuid.UUID(bytes_le=guid)}".encode()
            else:
                assert prefix == b"<GUID=" + guid.hex().encode()
        wrong = wire.control("1.2.840.113556.1.4.529", True, wire.sequence(wire.integer(2)))
        assert ours.ask(wire.search(name, wire.BASE), [wrong]).code == 2
    finally:
        assert ours.ask(wire.delete(name)).code == 0


@pytest.mark.parametrize("oid", ["1.2.840.113556.1.4.417", "1.2.840.113556.1.4.2064"])
def test_deleted_entries_are_shown_to_whom_asks(
    shared_node: Node, ours: wire.Connection, base: str, oid: str
) -> None:
    name = f"ou=gone{oid.rpartition('.')[2]},{base}"
    assert ours.ask(wire.add(name, unit(name.partition(",")[0][3:]))).code == 0
    assert ours.ask(wire.delete(name)).code == 0
    deleted = wire.search(
        shared_node.suffix, wire.SUBTREE, ("equal", "lastKnownParent", base.encode()), ["1.1"]
    )
    assert not [one for one in names(ours.ask(deleted)) if one.startswith("gone")]
    shown = ours.ask(deleted, [wire.control(oid, True)])
    assert [one for one in names(shown) if one.startswith(name.partition(",")[0][3:])]
    order = sort_control(("whenChanged", None, True))
    assert len(ours.ask(deleted, [wire.control(oid, True), order]).entries) == len(shown.entries)


def test_search_options_beyond_one_context(ours: wire.Connection, base: str) -> None:
    """The phantom root flag asks for naming contexts below the base; there are none, so all is well."""
    control = wire.control("1.2.840.113556.1.4.1340", True, wire.sequence(wire.integer(2)))
    assert len(ours.ask(people(base), [control]).entries) == len(PEOPLE)


def test_controls_together(ours: wire.Connection, base: str) -> None:
    """Order, pages, matched values, extended names and an assertion in one request; a view with the rest."""
    order = sort_control(("uidNumber", None, False))
    matched = matched_control(wire.filter_bytes(("equal", "objectClass", b"posixAccount")))
    extended = wire.control("1.2.840.113556.1.4.529", True, wire.sequence(wire.integer(1)))
    others = [matched, extended, assertion("equal", "ou", b"sorted")]
    page = ours.ask(people(base), [order, page_control(2), *others])
    assert (page.code, names(page), sort_result(page)) == (0, ["p4", "p6"], 0)
    view = ours.ask(people(base), [order, view_control(0, 1, b"300"), *others])
    assert (view.code, names(view), view_result(view)[:3]) == (0, ["p7", "p2"], (3, 7, 0))
    for answer in (page, view):
        for name, held in answer.entries:
            assert name.startswith(b"<GUID=")
            assert held == {"objectClass": [b"posixAccount"]}
    refused = ours.ask(people(base), [order, matched, assertion("equal", "ou", b"x")])
    assert (refused.code, refused.entries) == (122, [])


def test_abandoned_and_left_sorts(shared_node: Node, base: str) -> None:
    """A client that goes while it sorts, or gives up its pages, leaves nothing that keeps others waiting."""
    order = sort_control(("uidNumber", None, False))
    with shared_node.local_administrator() as connection:
        sent = connection.send(people(base), [order])
        connection.send(wire.abandon(sent))
        first = connection.ask(people(base), [order, page_control(1)])
        ended = connection.ask(people(base), [order, page_control(0, page_cookie(first))])
        assert (ended.code, ended.entries, page_cookie(ended)) == (0, [], b"")
        again = connection.ask(people(base), [order, page_control(1, page_cookie(first))])
        assert again.code == 53
