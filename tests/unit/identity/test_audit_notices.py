"""Sign-ins and refusals in the audit: stored soon, repeats counted, nothing lost while the store is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from customers import make, sign_in
from fresh_directory import Directory
from lightwave.directory.access.token import ANONYMOUS
from lightwave.directory.ldap.messages import DeleteRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.store.audit_rows import Event, events
from lightwave.directory.store.errors import StoreFull
from lightwave.identity import audit_notices
from lightwave.identity.audit_notices import AuditNotices, Claimed, Way, shown_name

USERS = "cn=Users,dc=lightwave,dc=local"
WAY = Way("ldap", "192.0.2.1:4711", "ab-c1")


class World:
    def __init__(self, folder: Path) -> None:
        self.directory = Directory(folder)
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.notices = AuditNotices(
            self.directory.store, self.directory.committer, self.directory.schemas, self.now, self.call_later
        )
        made: Any = self.directory
        self.pipeline = WritePipeline(
            made.store, made.committer, made.schemas, (), (), made.pipeline._threads, recorder=self.notices
        )

    def now(self) -> float:
        return self.directory.time

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.append((self.directory.time + seconds, call))

    def wait(self, seconds: float) -> None:
        end = self.directory.time + seconds
        while due := sorted((one for one in self.timers if one[0] <= end), key=lambda one: one[0]):
            self.timers.remove(due[0])
            self.directory.time = due[0][0]
            due[0][1]()
        self.directory.time = end

    def fail(self, name: str = "ann@lightwave.local", peer: str = WAY.peer) -> None:
        way = WAY._replace(peer=peer)
        self.notices.sign_in_refused(Claimed(0, None, name), way, "invalidCredentials", "nobody")

    def audit(self) -> list[Event]:
        with self.directory.store.read() as txn:
            node = self.directory.store.server_number
            return [one.event for one in events(txn, self.directory.tree.tenant, node)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.directory.close()


def test_a_sign_in_is_stored_soon(world: World) -> None:
    world.notices.signed_in(world.directory.token, WAY, "SCRAM-SHA-256")
    world.notices.signed_in(ANONYMOUS, WAY, "simple")
    assert world.audit() == []
    assert not world.notices.is_idle
    world.wait(0.1)
    assert world.notices.is_idle
    (one,) = world.audit()
    assert (one.action, one.outcome, one.detail) == ("sign-in", "success", "SCRAM-SHA-256")
    assert (one.actor.dn, one.peer, one.protocol, one.correlation) == (
        world.directory.token.dn,
        WAY.peer,
        "ldap",
        "ab-c1",
    )


def test_repeats_are_counted(world: World) -> None:
    for port in range(50):
        world.fail(peer=f"192.0.2.1:{port}")
    world.fail(peer="192.0.2.2:1")
    world.wait(1)
    assert [(one.times, one.peer) for one in world.audit()] == [(1, "192.0.2.1:0"), (1, "192.0.2.2:1")]
    world.wait(audit_notices.INTERVAL)
    assert [(one.times, one.peer) for one in world.audit()[2:]] == [(49, "192.0.2.1:49")]
    world.fail()
    world.wait(2 * audit_notices.INTERVAL)
    assert [one.times for one in world.audit()] == [1, 1, 49, 1]


def test_many_names_do_not_fill_the_store(world: World) -> None:
    for number in range(5_000):
        world.fail(f"user{number}@lightwave.local")
    world.wait(audit_notices.INTERVAL + 1)
    found = world.audit()
    assert len(found) <= audit_notices.MOST_OF_A_PEER + 2
    assert sum(one.times for one in found) == 5_000


def test_refused_writes(world: World) -> None:
    directory = world.directory
    context = directory.context()
    anonymous = directory.context(anonymous=True)
    change = Modification(ModifyKind.REPLACE, "noSuchThing", (b"Canary",))
    requests: list[tuple[Context, WriteRequest]] = [
        (context, DeleteRequest(f"cn=Nobody,{USERS}".encode())),
        (context, DeleteRequest(f"cn=Nobody2,{USERS}".encode())),
        (anonymous, DeleteRequest(USERS.encode())),
        (context, ModifyRequest(USERS.encode(), (change, replace(change, attribute="sn")))),
        (context, DeleteRequest(b"Canary")),
    ]
    for asked, request in requests:
        world.pipeline.submit(asked, request, lambda outcome: None)
    world.wait(1)
    found = [(one.action, one.outcome, one.target.dn.decode(), one.detail) for one in world.audit()]
    assert found == [
        ("delete", "noSuchObject", f"cn=Nobody,{USERS}", ""),
        ("delete", "strongerAuthRequired", USERS, ""),
        ("modify", "undefinedAttributeType", USERS, "? sn"),
        ("delete", "invalidDNSyntax", "", ""),
    ]


def test_what_another_tenant_may_not_know_stays_with_who_asked(world: World) -> None:
    """noSuchObject of a name in another's tree is told to the asker's own administrators."""
    directory = world.directory
    token = directory.token
    with directory.store.write() as txn:
        second = txn.create_tenant(bytes(16))
    foreign = Context(
        type(token)(
            tenant=second,
            entry_id=1,
            guid=bytes(16),
            dn=b"cn=x,dc=acme,dc=example",
            is_administrator=False,
            is_anonymous=False,
            authenticated_by=token.authenticated_by,
        ),
        Limits(),
        (),
        world.now,
    )
    world.pipeline.submit(foreign, DeleteRequest(f"cn=Nobody,{USERS}".encode()), lambda outcome: None)
    world.wait(1)
    assert world.audit() == []
    with directory.store.read() as txn:
        (one,) = events(txn, second, directory.store.server_number)
    assert one.event.outcome == ResultCode.NO_SUCH_OBJECT.label


def test_neg_103_a_request_that_is_malformed_names_its_asker_to_no_other_tenant(world: World) -> None:
    """It is refused before anybody asks whether he may see the entry: in his own audit, be the name anybody's."""
    directory = world.directory
    mine, others = make(directory, "acme.example"), make(directory, "beta.example")
    asked = replace(directory.context(), token=sign_in(directory, "Administrator@acme.example"))
    change = Modification(ModifyKind.REPLACE, "noSuchThing", (b"x",))
    places = ("dc=beta,dc=example", "dc=lightwave,dc=local", "dc=nobodys,dc=example", "dc=acme,dc=example")
    for place in places:
        world.pipeline.submit(
            asked,
            ModifyRequest(f"cn=Administrator,cn=Users,{place}".encode(), (change,)),
            lambda outcome: None,
        )
        world.wait(audit_notices.INTERVAL + 1)

    def refusals(tenant: int) -> list[str]:
        with directory.store.read() as txn:
            found = [one.event for one in events(txn, tenant, directory.store.server_number)]
        label = ResultCode.UNDEFINED_ATTRIBUTE_TYPE.label
        return [one.target.dn.decode().partition("cn=Users,")[2] for one in found if one.outcome == label]

    assert refusals(mine) == list(places)
    assert refusals(others) == refusals(directory.tree.tenant) == []


def test_a_full_store_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreFull("full")

    with monkeypatch.context() as patched:
        patched.setattr(audit_notices, "append", full)
        world.fail()
        world.wait(3)
        assert not world.notices.is_idle
    world.fail("bob@lightwave.local")
    world.wait(3)
    assert [one.actor.dn for one in world.audit()] == [b"ann@lightwave.local", b"bob@lightwave.local"]
    assert world.notices.lost == 0


def test_what_can_not_wait_is_given_up_and_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_notices, "MOST_WAITING", 3)
    for _ in range(5):
        world.notices.signed_in(world.directory.token, WAY, "simple")
    world.wait(1)
    assert (len(world.audit()), world.notices.lost) == (3, 2)


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("ann@example.com", True),
        ("cn=Ann, dc=example , dc=com", True),
        ("ACME\\ann", True),
        ("ann", False),
        ("Summer@2024", False),
        ("pass=word", False),
        ("My\\secret", False),
        ("Tr0ub4dor&3@", False),
        ("", False),
    ],
)
def test_neg_112_what_may_be_a_password_in_the_wrong_field(name: str, is_shown: bool) -> None:
    assert shown_name(name) == (name if is_shown else "")
