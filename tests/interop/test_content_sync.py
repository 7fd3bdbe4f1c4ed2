"""Content synchronisation (RFC 4533) with python-ldap's consumer: its copy is what a search gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import ldap
import pytest

from node import Node
from reference import wire
from serving import change_settings, import_people, person, unit, until
from syncing import Consumer, copy_of

PEOPLE = 40


@pytest.fixture(scope="module")
def node(promoted_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    copy = promoted_node.copy(tmp_path_factory.mktemp("lw") / "node")
    import_people(copy, PEOPLE)
    copy.start()
    copy.allow_passwords_in_the_clear()
    yield copy
    copy.stop()


@pytest.fixture
def base(node: Node, short_folder: Path) -> str:
    """A subtree of this test's own: `ou=a` with two people, and an empty `ou=b`."""
    name = f"ou={short_folder.name},{node.suffix}"
    change(
        node,
        wire.add(name, unit(short_folder.name)),
        wire.add(f"ou=a,{name}", unit("a")),
        wire.add(f"ou=b,{name}", unit("b")),
        wire.add(f"uid=ada,ou=a,{name}", person("ada")),
        wire.add(f"uid=alan,ou=a,{name}", person("alan")),
    )
    return name


def change(node: Node, *operations: bytes) -> None:
    with node.local_administrator() as writer:
        for operation in operations:
            answer = writer.ask(operation)
            assert answer.code == 0, answer


def consumer(node: Node, before: Consumer | None = None) -> Consumer:
    made = Consumer(node.url)
    made.simple_bind_s(node.administrator, node.password)
    if before is not None:
        made.resume(before)
    return made


def assert_equal(node: Node, follower: Consumer, base: str, **options: object) -> None:
    """The copy holds what a search gives, but for operational attributes, of which it may hold more."""
    wanted = copy_of(consumer(node), base, **options)
    held = {
        guid: (dn, {name: values for name, values in entry.items() if name in wanted.get(guid, ("", {}))[1]})
        for guid, (dn, entry) in follower.content.items()
    }
    assert held == wanted


def follow(follower: Consumer, number: int, done: object) -> None:
    """Takes what comes until `done` says so."""
    deadline = time.monotonic() + 20
    assert callable(done)
    while not done():
        assert time.monotonic() < deadline, "it did not come"
        try:
            follower.syncrepl_poll(number, timeout=0.1)
        except ldap.TIMEOUT:
            continue


def group(name: str, *members: str) -> list[tuple[str, list[bytes]]]:
    return [
        ("objectClass", [b"groupOfNames"]),
        ("cn", [name.encode()]),
        ("member", [member.encode() for member in members]),
    ]


def test_polls_give_what_changed(node: Node, base: str) -> None:
    follower = consumer(node)
    follower.poll(base)
    assert len(follower.given) == 5
    assert_equal(node, follower, base)
    follower.poll(base)
    assert (follower.given, follower.deleted) == ([], [])
    change(
        node,
        wire.modify(f"uid=ada,ou=a,{base}", [(wire.REPLACE, "sn", [b"Lovelace"])]),
        wire.delete(f"uid=alan,ou=a,{base}"),
        wire.add(f"uid=grace,ou=b,{base}", person("grace")),
        wire.add(f"uid=out,{node.suffix}", person("out")),
        wire.delete(f"uid=out,{node.suffix}"),
    )
    follower.poll(base)
    assert sorted(follower.given) == [f"uid=ada,ou=a,{base}", f"uid=grace,ou=b,{base}"]
    assert follower.deleted == [f"uid=alan,ou=a,{base}"]
    assert_equal(node, follower, base)


def test_what_enters_and_leaves_the_content(node: Node, base: str) -> None:
    """By scope, by filter, alone and with all that is below it."""
    inner = f"ou=a,{base}"
    options = {"filterstr": "(!(sn=hidden))"}
    follower = consumer(node)
    follower.poll(inner, **options)
    change(
        node,
        wire.modify(f"uid=ada,{inner}", [(wire.REPLACE, "sn", [b"hidden"])]),
        wire.modify_dn(f"uid=alan,{inner}", "uid=alan", True, f"ou=b,{base}"),
        wire.add(f"ou=deep,ou=b,{base}", unit("deep")),
        wire.add(f"uid=low,ou=deep,ou=b,{base}", person("low")),
    )
    follower.poll(inner, **options)
    assert sorted(follower.deleted) == [f"uid=ada,{inner}", f"uid=alan,{inner}"]
    assert_equal(node, follower, inner, **options)
    change(node, wire.modify_dn(f"ou=deep,ou=b,{base}", "ou=deep", True, inner))
    follower.poll(inner, **options)
    assert sorted(follower.given) == [f"ou=deep,{inner}", f"uid=low,ou=deep,{inner}"]
    change(node, wire.modify_dn(f"ou=deep,{inner}", "ou=deeper", True, f"ou=b,{base}"))
    follower.poll(inner, **options)
    assert sorted(follower.deleted) == [f"ou=deep,{inner}", f"uid=low,ou=deep,{inner}"]
    change(node, wire.modify(f"uid=ada,{inner}", [(wire.REPLACE, "sn", [b"seen"])]))
    follower.poll(inner, **options)
    assert_equal(node, follower, inner, **options)


@pytest.mark.parametrize("scope", [ldap.SCOPE_BASE, ldap.SCOPE_ONELEVEL, ldap.SCOPE_SUBORDINATE])
def test_other_scopes(node: Node, base: str, scope: int) -> None:
    follower = consumer(node)
    follower.poll(base, scope=scope)
    assert_equal(node, follower, base, scope=scope)
    change(
        node,
        wire.modify(base, [(wire.REPLACE, "description", [b"new"])]),
        wire.modify_dn(f"ou=a,{base}", "ou=c", True),
        wire.modify_dn(f"uid=ada,ou=c,{base}", "uid=ada", True, base),
    )
    follower.poll(base, scope=scope)
    assert_equal(node, follower, base, scope=scope)


def test_names_in_groups_follow_a_renamed_subtree(node: Node, base: str) -> None:
    change(node, wire.add(f"cn=g,{base}", group("g", f"uid=ada,ou=a,{base}")))
    follower = consumer(node)
    follower.poll(base)
    change(node, wire.modify_dn(f"ou=a,{base}", "ou=z", True, f"ou=b,{base}"))
    follower.poll(base)
    assert_equal(node, follower, base)
    change(node, wire.delete(f"uid=ada,ou=z,ou=b,{base}"))
    follower.poll(base)
    assert_equal(node, follower, base)
    assert all("member" not in entry for _, entry in follower.content.values())


def test_refresh_and_persist(node: Node, base: str) -> None:
    follower = consumer(node)
    number = follower.start(base)
    follow(follower, number, lambda: follower.refreshed)
    assert_equal(node, follower, base)
    change(node, wire.add(f"uid=grace,ou=b,{base}", person("grace")))
    follow(follower, number, lambda: f"uid=grace,ou=b,{base}" in follower.given)
    change(
        node,
        wire.modify_dn(f"ou=a,{base}", "ou=z", True),
        wire.delete(f"uid=grace,ou=b,{base}"),
    )
    follow(follower, number, lambda: f"uid=grace,ou=b,{base}" in follower.deleted)
    follow(follower, number, lambda: len(follower.content) == 5)
    assert_equal(node, follower, base)
    again = consumer(node, follower)
    change(node, wire.modify(base, [(wire.REPLACE, "description", [b"later"])]))
    number = again.start(base)
    follow(again, number, lambda: again.refreshed)
    assert again.given == [base]
    assert_equal(node, again, base)


def test_cookies_go_on_without_changes_of_the_content(node: Node, base: str) -> None:
    """contextCSN of a follower at rest is the node's, so that lags can be measured."""
    follower = consumer(node)
    number = follower.start(f"ou=b,{base}")
    follow(follower, number, lambda: follower.refreshed)
    change(node, wire.modify(f"ou=a,{base}", [(wire.REPLACE, "description", [b"elsewhere"])]))
    ((_, found),) = consumer(node).search_s(node.suffix, ldap.SCOPE_BASE, attrlist=["contextCSN"])
    (current,) = found["contextCSN"]
    follow(follower, number, lambda: str(follower.cookie).endswith(current.decode()))


def test_the_base_may_not_go(node: Node, base: str) -> None:
    follower = consumer(node)
    number = follower.start(f"ou=b,{base}")
    follow(follower, number, lambda: follower.refreshed)
    change(node, wire.modify_dn(f"ou=b,{base}", "ou=elsewhere", True))
    with pytest.raises(ldap.LDAPError) as refused:
        follow(follower, number, lambda: False)
    assert refused.value.args[0]["result"] == 4096  # e-syncRefreshRequired


def test_a_cookie_of_another_store(node: Node, base: str) -> None:
    """With the reload hint all content comes; without it the client is told (RFC 4533 section 3.3.2)."""
    follower = consumer(node)
    follower.poll(base)
    good = str(follower.cookie)
    csn = good.partition("csn=")[2]
    year, server = csn[:4], csn[30:33]
    other = f"{(int(server, 16) + 1) % 4096:03x}"
    for bad in (good.replace(f"#{server}#", f"#{other}#"), good.replace(f"csn={year}", "csn=2099")):
        follower.cookie = bad
        with pytest.raises(ldap.LDAPError) as refused:
            follower.poll(base)
        assert refused.value.args[0]["result"] == 4096
    several = good.replace("csn=", f"csn={csn.replace(f'#{server}#', f'#{other}#')};")
    follower.cookie = several.replace("rid=000", "rid=007,sid=00a")
    follower.poll(base)
    assert follower.given == []
    assert str(follower.cookie).startswith("rid=007,")


def test_who_may_follow(node: Node, base: str) -> None:
    anonymous = Consumer(node.url)
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        anonymous.poll(base)
    follower = consumer(node)
    follower.set_option(ldap.OPT_DEREF, ldap.DEREF_ALWAYS)
    with pytest.raises(ldap.PROTOCOL_ERROR):  # RFC 4533 section 3.5.2
        follower.poll(base)


def test_limits_hold_for_the_refresh(node: Node, base: str) -> None:
    name = f"uid=reader,{node.suffix}"
    with node.local_administrator() as writer:
        added = writer.ask(wire.add(name, [*person("reader"), ("userPassword", [b"Made-up 4 followers"])]))
        assert added.code == 0
    change_settings(node, lwSizeLimit=3)
    try:
        follower = Consumer(node.url)
        follower.simple_bind_s(name, "Made-up 4 followers")
        with pytest.raises(ldap.SIZELIMIT_EXCEEDED):
            follower.poll(base)
    finally:
        change_settings(node, lwSizeLimit=5000)


def test_followers_of_a_connection_are_limited(node: Node, base: str) -> None:
    value = wire.sequence(wire.integer(3, 0x0A))
    with node.local_administrator() as connection:
        numbers = [
            connection.send(
                wire.search(base, wire.BASE), [wire.control("1.3.6.1.4.1.4203.1.9.1.1", True, value)]
            )
            for _ in range(17)
        ]
        while True:
            number, tag, content, _ = connection.receive()
            if tag == wire.SEARCH_DONE:
                break
        assert number == numbers[-1]
        assert wire.decode_result(tag, content).code == 11


def test_a_reader_that_stops_holds_nobody_up(node: Node) -> None:
    """It is paused; the others are told, and it gets the rest when it reads on."""
    value = wire.sequence(wire.integer(3, 0x0A))
    people = f"ou=people,{node.suffix}"
    with node.local_administrator() as slow:
        slow.send(wire.search(people), [wire.control("1.3.6.1.4.1.4203.1.9.1.1", True, value)])
        follower = consumer(node)
        number = follower.start(people)
        follow(follower, number, lambda: follower.refreshed)
        follower.given = []
        changes = [
            wire.modify(
                f"uid=p{at % PEOPLE},{people}",
                [(wire.REPLACE, "description", [b"%d" % at, b"d" * 20_000])],
            )
            for at in range(600)
        ]
        change(node, *changes)
        follow(
            follower,
            number,
            lambda: any(b"599" in entry.get("description", ()) for _, entry in follower.content.values()),
        )
        seen = b""

        def is_there() -> bool:
            nonlocal seen
            _, tag, content, _ = slow.receive()
            if tag == wire.ENTRY:
                _, attributes = wire.decode_entry(content)
                seen = attributes.get("description", [b""])[0]
            return seen == b"599"

        assert until(is_there)


def test_a_filter_with_a_name_that_goes_to_another_entry(node: Node, base: str) -> None:
    name = f"uid=one,{base}"
    change(
        node,
        wire.add(name, person("one")),
        wire.add(f"cn=other,{base}", group("other", base)),  # so that no attribute is new
    )
    follower = consumer(node)
    number = follower.start(base, filterstr=f"(member={name})")
    follow(follower, number, lambda: follower.refreshed)
    assert follower.content == {}
    change(
        node,
        wire.modify_dn(name, "uid=former", True),
        wire.add(name, person("one")),
        wire.add(f"cn=g,{base}", group("g", name)),
    )
    follow(follower, number, lambda: f"cn=g,{base}" in follower.given)
