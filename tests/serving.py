"""What tests of a whole node share: people to look for, its settings, its memory and its log."""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from node import Node, run_lightwave
from reference import wire

PASSWORD = "Made-up 4 people"


def people_ldif(suffix: str, count: int, size: int = 0) -> Iterator[bytes]:
    """Content records of `count` people below ou=people; each with `size` bytes of description."""
    unit = f"ou=people,{suffix}"
    yield f"dn: {unit}\nobjectClass: organizationalUnit\nou: people\n\n".encode()
    text = f"description: {'d' * size}\n" if size else ""
    for number in range(count):
        yield (
            f"dn: uid=p{number},{unit}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: Person {number}\n"
            f"sn: Name{number}\nroomNumber: a{number}\n{text}\n"
        ).encode()


def import_people(node: Node, count: int, size: int = 0) -> None:
    """Loads people into a node that is not running."""
    path = node.folder.parent / "people.ldif"
    path.write_bytes(b"".join(people_ldif(node.suffix, count, size)))
    run_lightwave(["import", "--data", node.folder, path])
    path.unlink()


def person(uid: str) -> list[tuple[str, list[bytes]]]:
    """The attributes of a person to add."""
    return [
        ("objectClass", [b"inetOrgPerson"]),
        ("cn", [uid.encode()]),
        ("sn", [b"x"]),
        ("uid", [uid.encode()]),
    ]


def unit(name: str) -> list[tuple[str, list[bytes]]]:
    """The attributes of an organisational unit to add."""
    return [("objectClass", [b"organizationalUnit"]), ("ou", [name.encode()])]


def add_user(node: Node, uid: str, password: str = PASSWORD) -> str:
    """Adds someone who may sign in; the DN."""
    name = f"uid={uid},{node.suffix}"
    with node.local_administrator() as connection:
        answer = connection.ask(wire.add(name, [*person(uid), ("userPassword", [password.encode()])]))
        assert answer.code == 0, answer
    return name


def change_settings(node: Node, **settings: object) -> None:
    """Sets attributes of the node's own entry; they hold for the next connections."""
    with node.local_administrator() as connection:
        found = connection.ask(
            wire.search("cn=config", filter=("equal", "objectClass", b"lwNode"), attributes=["1.1"])
        )
        ((name, _),) = found.entries
        changes = [(wire.REPLACE, key, [str(value).encode()]) for key, value in settings.items()]
        answer = connection.ask(wire.modify(name, changes))
        assert answer.code == 0, answer


def connect(node: Node, timeout: float = 20) -> wire.Connection:
    """A clear connection."""
    return wire.Connection("127.0.0.1", node.port, timeout)


def trust(node: Node) -> ssl.SSLContext:
    """TLS that believes the node's authority and nobody else."""
    return ssl.create_default_context(cafile=str(node.certificate_authority))


def connect_tls(node: Node, context: ssl.SSLContext | None = None, timeout: float = 20) -> wire.Connection:
    """A connection under TLS from its first octet."""
    connection = wire.Connection("127.0.0.1", node.tls_port, timeout)
    connection.wrap(context or trust(node))
    return connection


def signed_in(node: Node, name: str, password: str = PASSWORD, timeout: float = 20) -> wire.Connection:
    """A connection under TLS, signed in by a simple bind."""
    connection = connect_tls(node, timeout=timeout)
    answer = connection.ask(wire.bind(name, password))
    assert answer.code == 0, answer
    return connection


def root_dse(connection: wire.Connection, *attributes: str) -> wire.Answer:
    """The root DSE."""
    return connection.ask(wire.search("", wire.BASE, attributes=attributes))


def is_serving(node: Node, within: float = 1.0) -> bool:
    """Whether a new client gets the root DSE in time."""
    began = time.monotonic()
    with connect(node, timeout=within) as connection:
        return root_dse(connection).code == 0 and time.monotonic() - began < within


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Polls; whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def resident(pid: int) -> int:
    """Bytes of private resident memory (the mapped store is shared with its file)."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"RssAnon:\s+(\d+) kB", text)[0]) * 1024


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def log_text(node: Node) -> str:
    """All that the node wrote to standard error so far."""
    return node.log.read_text(errors="replace")


def percentile(times: Sequence[float], part: float) -> float:
    """The value that `part` of the times do not pass."""
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]
