"""How fast all content goes to a consumer: content synchronisation (RFC 4533), ours beside slapd with syncprov.

    python bench/refresh.py --people 100000

Same entries, same request (refreshOnly, no cookie, all attributes), one after the other on one processor; the client
reads on another as fast as it can and looks at nothing but where messages end. Rounds alternate, the median counts.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click

BENCH = Path(__file__).resolve().parent
# The reference server and the node are the tests' own; the folder itself is not on a safe path.
sys.path[:0] = [str(BENCH), str(BENCH.parent / "tests")]

import people  # noqa: E402 - only now are the shared modules on the path
from node import Node, run_lightwave  # noqa: E402
from reference import wire  # noqa: E402
from reference.slapd import Slapd, SlapdConfiguration, slapd_version  # noqa: E402
from sides import processor_seconds  # noqa: E402

SYNC_REQUEST = "1.3.6.1.4.1.4203.1.9.1.1"
REFRESH_ONLY = wire.control(SYNC_REQUEST, True, wire.sequence(wire.integer(1, 0x0A)))
CHUNK = 1 << 18


def refresh(port: int, name: str, password: str) -> tuple[int, int, float]:
    """(entries, octets, seconds) of one refresh, from the request to the result."""
    with wire.Connection("127.0.0.1", port, timeout=600) as connection:
        answer = connection.ask(wire.bind(name, password))
        if answer.code:
            raise click.ClickException(f"bind: {answer.code} {answer.diagnostic}")
        began = time.monotonic()
        connection.send(wire.search(people.SUFFIX, attributes=["*", "+"]), [REFRESH_ONLY])
        entries, octets = read_to_the_end(connection.socket)
        return entries, octets, time.monotonic() - began


def read_to_the_end(sock: socket.socket) -> tuple[int, int]:
    """(SearchResultEntries, octets) up to the SearchResultDone."""
    buffer, start, entries, octets = b"", 0, 0, 0
    while True:
        data = sock.recv(CHUNK)
        if not data:
            raise click.ClickException("the server closed the connection")
        octets += len(data)
        buffer = buffer[start:] + data
        start = 0
        while len(buffer) - start > 16:
            size, at = _length(buffer, start + 1)
            if at + size > len(buffer):
                break
            tag = buffer[at + 2 + buffer[at + 1]]  # behind the message id
            if tag == wire.SEARCH_DONE:
                return entries, octets
            entries += tag == wire.ENTRY
            start = at + size


def _length(data: bytes, at: int) -> tuple[int, int]:
    """(length, offset of the content) of a length at `at`."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    stop = at + 1 + (first & 0x7F)
    return int.from_bytes(data[at + 1 : stop], "big"), stop


def start_slapd(folder: Path, ldif: Path, cpus: set[int]) -> Slapd:
    """Debian's slapd with syncprov, its defaults otherwise."""
    settings = SlapdConfiguration(
        suffix=people.SUFFIX,
        max_size=1 << 36,
        modules=("back_mdb", "syncprov"),
        indices=("objectClass eq", "uid,cn,sn,mail eq", "entryUUID,entryCSN eq"),
        overlays=("syncprov",),
    )
    server = Slapd(folder, settings)
    server.load(people.BASE_RECORD)
    server.load(ldif)
    server.start(cpus=cpus)
    return server


def start_node(folder: Path, ldif: Path, cpus: set[int]) -> Node:
    """Ours with its default settings, but for passwords in the clear."""
    node = Node.promote(folder)
    run_lightwave(["import", ldif, "--data", folder], timeout=3600)
    node.start(cpus=cpus)
    node.allow_passwords_in_the_clear()
    return node


@click.command(help=__doc__)
@click.option("--people", "count", default=100_000, show_default=True, help="Entries to refresh.")
@click.option("--rounds", default=3, show_default=True, help="Refreshes of each server.")
def main(count: int, rounds: int) -> None:
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        raise click.ClickException("two processors are needed: one for the servers and one for the client")
    servers, client = {processors[0]}, {processors[1]}
    os.sched_setaffinity(0, client)
    with tempfile.TemporaryDirectory(prefix="lw-") as name:
        folder = Path(name)
        ldif = folder / "people.ldif"
        people.write_ldif(ldif, count)
        slapd = start_slapd(folder / "slapd", ldif, servers)
        node = start_node(folder / "node", ldif, servers)
        try:
            root = (slapd.configuration.root_dn, slapd.configuration.root_password)
            sides = (
                (slapd_version(), slapd.port, slapd.pid, root),
                ("lightwave", node.port, node.pid, (node.administrator, node.password)),
            )
            report(sides, rounds)
        finally:
            node.stop()
            slapd.stop()


def report(sides: tuple[tuple[str, int, int, tuple[str, str]], ...], rounds: int) -> None:
    """Measures in turns and prints a line for each server."""
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for _ in range(rounds):
        for name, port, pid, login in sides:
            spent = processor_seconds(pid)
            entries, octets, seconds = refresh(port, *login)
            rates.setdefault(name, []).append(entries / seconds)
            costs.setdefault(name, []).append((processor_seconds(pid) - spent) / entries * 1e6)
            sizes[name] = (entries, octets)
    click.echo(f"{'server':16} {'entries':>9} {'MB':>7} {'entries/s':>10} {'µs/entry of the server':>24}")
    for name, measured in rates.items():
        entries, octets = sizes[name]
        rate, cost = statistics.median(measured), statistics.median(costs[name])
        click.echo(f"{name:16} {entries:9,} {octets / 1e6:7.1f} {rate:10,.0f} {cost:24.1f}")


if __name__ == "__main__":
    main()
