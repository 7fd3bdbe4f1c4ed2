"""`lightwave status`: is the node up, and what does it hold."""

from __future__ import annotations

import socket
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.directory.store.reading import ReadTransaction
from lightwave.server.configuration import NodeConfiguration, load_configuration
from lightwave.server.node import open_store

CONNECT_SECONDS = 2.0


@click.command(epilog="Exit code 0: it serves. 3: the store is fine, but nothing answers.")
@data_option
@json_option
def command(data: Path, as_json: bool) -> None:
    """Show whether the node in DATA serves, and what its store holds."""
    configuration = load_configuration(data.absolute())
    with open_store(configuration, read_only=True) as store, store.read() as txn:
        facts = _facts(configuration, txn)
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    if not facts["serving"]:
        raise click.exceptions.Exit(3)


def _facts(configuration: NodeConfiguration, txn: ReadTransaction) -> dict[str, object]:
    contexts = sorted(context.dn.decode() for context in txn.naming_contexts().values())
    size = (configuration.store_path / "data.mdb").stat()
    return {
        "domain": configuration.domain,
        "hostname": configuration.hostname,
        "serving": _answers(configuration.ldapi_path),
        "ldapPort": configuration.ldap_port,
        "ldapsPort": configuration.ldaps_port,
        "ldapi": str(configuration.ldapi_path),
        "namingContexts": contexts,
        "entries": txn.entry_count(),
        "lastUSN": txn.last_usn(),
        "bytesOnDisk": size.st_blocks * 512,
        "indexes": {state: count for state, count in _index_states(txn).items() if count},
    }


def _index_states(txn: ReadTransaction) -> dict[str, int]:
    states: dict[str, int] = {}
    for definition in txn.definitions():
        name = definition.state.name.lower()
        states[name] = states.get(name, 0) + 1
    return states


def _answers(path: Path) -> bool:
    """Whether a server takes connections on the node's local socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _print(facts: dict[str, object]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        if name == "serving":
            shown = "[green]yes[/]" if value else "[red]no[/] (start it with lightwave serve)"
        elif isinstance(value, list):
            shown = "\n".join(map(str, value))
        elif isinstance(value, dict):
            shown = ", ".join(f"{count} {state}" for state, count in value.items()) or "none"
        elif isinstance(value, int):
            shown = f"{value:,}" if name in ("entries", "lastUSN", "bytesOnDisk") else str(value)
        else:
            shown = str(value)
        table.add_row(name, shown)
    Console(soft_wrap=True).print(table)
