"""Events go out by syslog and to a file: once each, in their order, and none is lost while nobody takes them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fresh_directory import Directory
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store.audit_rows import Event, Subject, append
from lightwave.rest.audit import AuditEvent
from lightwave.server.audit_destinations import LineFile, Syslog
from lightwave.server.audit_formats import counted, json_line, syslog_message
from lightwave.server.audit_output import KINDS, RETRY, AuditOutput

EVENT = AuditEvent(
    time=datetime(2026, 11, 24, 3, 10, 21, 60_000, UTC),
    action="sign-in",
    outcome="invalidCredentials",
    actor='cn=A "quoted\\" ] name\n,dc=example,dc=com',
    node="n",
    sequence=7,
    hash="ff",
)


class World:
    def __init__(self, folder: Path) -> None:
        self.directory = Directory(folder)
        with self.directory.store.read() as txn:
            schema = self.directory.schemas.current(txn)
            _, nodes = txn.find(normalise_dn_text(schema, b"cn=nodes,cn=config"))
            (node,) = (entry_id for _, entry_id in txn.children(1, nodes))
            self.node = txn.dn(1, node)
        self.outputs = [
            AuditOutput(
                kind,
                self.directory.store,
                self.directory.committer,
                self.directory.schemas,
                normalise_dn_text(schema, self.node),
                "ldap1.example.com",
                lambda: self.directory.time,
                self.run,
            )
            for kind in KINDS
        ]

    @staticmethod
    def run(work: Callable[[], None], done: Callable[[BaseException | None], None]) -> None:
        try:
            work()
        except OSError as error:
            done(error)
        else:
            done(None)

    def set(self, attribute: str, *values: str) -> None:
        assert self.directory.modify(self.node, ("replace", attribute, list(values))).code.name == "SUCCESS"

    def tell(self, *actions: str) -> None:
        with self.directory.store.write() as txn:
            for action in actions:
                append(txn, Event(self.directory.time, 1, action, actor=Subject(bytes(16), b"cn=Ann")))

    def work(self) -> None:
        for _ in range(50):
            busy = [output.run_slice() for output in self.outputs]
            if not any(busy):
                break


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for output in made.outputs:
        output.close()
    made.directory.close()


def lines(path: Path) -> list[str]:
    return [json.loads(line)["action"] for line in path.read_text().splitlines()]


def test_a_file_of_lines(world: World, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    world.tell("before")
    world.directory.time += 10
    world.set("lwAuditFile", str(path))
    world.work()
    world.directory.time += 10
    world.tell(*(f"n{number}" for number in range(450)))
    world.work()
    assert lines(path) == [f"n{number}" for number in range(450)]
    assert json.loads(path.read_text().splitlines()[0])["tenant"] == "lightwave.local"
    world.work()
    path.rename(tmp_path / "rotated")
    world.tell("after")
    world.work()
    assert lines(path) == ["after"]


def test_nothing_is_lost_while_it_is_away(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    world.set("lwAuditFile", str(folder / "audit.json"))
    world.work()
    world.directory.time += 10
    world.tell("one")
    world.work()
    folder.mkdir()
    world.tell("two")
    world.work()
    assert list(folder.iterdir()) == []
    world.directory.time += RETRY
    world.work()
    assert lines(folder / "audit.json") == ["one", "two"]


def test_a_restart_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    world.set("lwAuditFile", str(path))
    world.work()
    world.directory.time += 10
    world.tell("one")
    world.work()
    again = AuditOutput(
        KINDS[1],
        world.directory.store,
        world.directory.committer,
        world.directory.schemas,
        world.outputs[1]._node,
        "x",
        lambda: world.directory.time,
        world.run,
    )
    world.tell("two")
    while again.run_slice():
        pass
    assert lines(path) == ["one", "two"]


def test_syslog_over_udp_and_tcp(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        world.set("lwAuditSyslog", f"udp://127.0.0.1:{receiver.getsockname()[1]}")
        world.work()
        world.directory.time += 10
        world.tell("one")
        world.work()
        assert b" one [audit@32473 " in receiver.recv(65_536)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        world.set("lwAuditSyslog", f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        world.tell("two", "three")
        world.work()
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(5)
            got = b""
            while got.count(b"<110>1 ") < 2:
                got += connection.recv(65_536)
        length, _, rest = got.partition(b" ")
        assert rest[int(length) :].partition(b" ")[2].startswith(b"<110>1 ")
        world.tell("four")  # the receiver has closed: a new connection is made
        world.work()
        connection, _ = listening.accept()
        with connection:
            assert b" four [audit@32473 " in connection.recv(65_536)


def test_syslog_over_a_unix_socket(world: World, short_folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(short_folder / "log"))
        receiver.settimeout(5)
        syslog = Syslog(f"unix://{short_folder / 'log'}")
        syslog.send([b"<110>1 message"])
        assert receiver.recv(100) == b"<110>1 message"
        syslog.close()


def test_the_form_of_a_message() -> None:
    """RFC 5424 §6: header, structured data with escapes, then text that is marked as UTF-8."""
    message = syslog_message(EVENT, "example.com", "ldap1.example.com").decode()
    match = re.match(
        r"<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) \[([^ ]+) (.*)\] \ufeff(.*)\Z", message, re.DOTALL
    )
    assert match is not None
    assert match.groups()[:7] == (
        "109",
        "2026-11-24T03:10:21.060Z",
        "ldap1.example.com",
        "lightwave",
        "-",
        "sign-in",
        "audit@32473",
    )
    assert 'actor="cn=A \\"quoted\\\\\\" \\] name\n,dc=example,dc=com"' in match[8]
    assert "\n" not in match[9]
    assert counted(b"abc") == b"3 abc"
    assert json.loads(json_line(EVENT, "example.com"))["sequence"] == 7


@pytest.mark.parametrize("address", ["", "udp://", "http://x", "unix://x", "tcp://h/path", "tcp://h:99999"])
def test_neg_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match=r"is not of|[Pp]ort"):
        Syslog(address)
    with pytest.raises(ValueError, match="absolute"):
        LineFile("relative")
