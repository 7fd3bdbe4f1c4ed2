"""The same generated requests to Debian's slapd and to ours: codes, matched DNs, entries and values agree.

`--reference` sends them to two slapds instead, which shows that nothing here depends on chance.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients import require_client
from differential.comparing import comparable
from differential.differences import DIFFERENCES
from differential.generator import Generator
from differential.protocol_cases import PROTOCOL_CASES
from differential.sequence import Peer, Report, run
from differential.update_cases import ADA, ADDED, POST_READ, PRE_READ, TITLED, UPDATE_CASES, selected
from node import Node
from reference import wire
from reference.slapd import Slapd, SlapdConfiguration

SEEDS = range(12)
REQUESTS = 250

Connect = Callable[[], wire.Connection]


def connector(port: int, name: str, password: str) -> Connect:
    def connect() -> wire.Connection:
        connection = wire.Connection("127.0.0.1", port)
        answer = connection.ask(wire.bind(name, password))
        assert answer.code == 0, answer
        return connection

    return connect


@pytest.fixture(scope="module")
def slapd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slapd")


def start_slapd(folder: Path) -> Slapd:
    require_client("slapd")
    server = Slapd(folder, SlapdConfiguration(database_lines=["dbnosync"]))
    server.load(b"dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n\n")
    server.start()
    return server


@pytest.fixture(scope="module")
def reference(slapd_folder: Path) -> Iterator[Connect]:
    server = start_slapd(slapd_folder / "one")
    settings = server.configuration
    yield connector(server.port, settings.root_dn, settings.root_password)
    server.stop()


@pytest.fixture(scope="module")
def subject(request: pytest.FixtureRequest, slapd_folder: Path) -> Iterator[Connect]:
    if request.config.getoption("--reference"):
        server = start_slapd(slapd_folder / "two")
        settings = server.configuration
        yield connector(server.port, settings.root_dn, settings.root_password)
        server.stop()
        return
    node: Node = request.getfixturevalue("shared_node")
    node.allow_passwords_in_the_clear()
    yield connector(node.port, node.administrator, node.password)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_generated_requests(seed: int, reference: Connect, subject: Connect, soaking: bool) -> None:
    """Only the deliberate differences are found."""
    report = Report()
    theirs, ours = Peer("slapd", reference), Peer("ours", subject)
    generator = Generator(seed)
    count = REQUESTS * (20 if soaking else 1)
    run(theirs, ours, (generator.next() for _ in itertools.repeat(None, count)), report)
    theirs.close()
    ours.close()
    if report.unexplained:
        shown = "\n\n".join(report.unexplained[:40])
        pytest.fail(f"{len(report.unexplained)} of {report.asked} answers differ:\n\n{shown}", pytrace=False)
    assert report.succeeded > report.asked / 4, "the generator no longer meets what is there"


def test_protocol_cases(reference: Connect, subject: Connect) -> None:
    """Requests that are wrong in the protocol rather than in the directory."""
    report = Report()
    theirs, ours = Peer("slapd", reference), Peer("ours", subject)
    run(theirs, ours, PROTOCOL_CASES, report)
    if report.unexplained:
        pytest.fail("\n\n".join(report.unexplained), pytrace=False)


def test_updates_with_controls(reference: Connect, subject: Connect) -> None:
    """Codes, and the tree afterwards; entries that are read around an update are compared too."""
    report = Report()
    theirs, ours = Peer("slapd", reference), Peer("ours", subject)
    run(theirs, ours, UPDATE_CASES, report)
    if report.unexplained:
        pytest.fail("\n\n".join(report.unexplained), pytrace=False)
    for peer in (theirs, ours):
        peer.reset()
        peer.close()


@pytest.mark.parametrize("names", [(), ("cn", "1.1"), ("*",), ("name",)])
def test_entries_read_around_updates(reference: Connect, subject: Connect, names: tuple[str, ...]) -> None:
    """RFC 4527: the same entries before and after."""
    found = []
    for name, connect in (("slapd", reference), ("ours", subject)):
        peer = Peer(name, connect)
        peer.reset()
        with connect() as connection:
            controls = [wire.control(oid, True, selected(*names)) for oid in (PRE_READ, POST_READ)]
            around = []
            renaming = wire.modify_dn(ADA, "uid=countess", True)
            for operation, asked in ((TITLED, controls), (renaming, controls), (ADDED, controls[1:])):
                answer = connection.ask(operation, asked)
                assert answer.code == 0, (name, answer)
                for oid, value in sorted(answer.controls.items()):
                    ((tag, content),) = wire.elements(value or b"")
                    answer.entries = [wire.decode_entry(content)]
                    around.append((oid, tag, comparable(answer).entries))
            found.append(around)
        peer.reset()
        peer.close()
    assert found[0] == found[1]


def test_every_difference_is_documented() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "protocols" / "ldap.md").read_text()
    assert [one.title for one in DIFFERENCES if one.title not in text] == []
