"""`lightwave status`: is the node up, and what does it hold."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from lightwave.cli.client import NodeClient, NotReachable, Refused
from lightwave.cli.options import json_option, print_json
from lightwave.cli.server_options import remote_client, server_options
from lightwave.server.configuration import NodeConfiguration, load_configuration

LOCAL_SECONDS = 5.0
_COUNTS = ("entries", "lastUSN", "bytesOnDisk", "ldapConnections", "httpConnections")

EPILOG = """\b
Examples:
  lightwave status --data ./data
  lightwave status --server https://node1.example.com --login Administrator@example.com --ca ca.pem --json

\b
Exit codes: 0 it serves. 3 nothing answers, or it is shutting down. 1 the node refused to say, or can't be asked.
"""


@click.command(epilog=EPILOG)
@server_options
@json_option
def command(
    data: Path | None,
    server: str | None,
    login: str | None,
    password_file: Path | None,
    ca: Path | None,
    as_json: bool,
) -> None:
    """Show whether a node serves, and what its store holds.

    With --data the node on this machine is asked over its local socket; where nothing answers, its store is read.
    With --server a node is asked over HTTPS.
    """
    if server is not None:
        facts = _ask(remote_client(server, login, password_file, ca, data))
    elif data is not None:
        configuration = load_configuration(data.absolute())
        facts = _of_local(configuration)
    else:
        raise click.UsageError("name the node: --data DIR for one on this machine, or --server URL")
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    if not facts["ready"]:
        raise click.exceptions.Exit(3)


def _ask(client: NodeClient) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = client.get("/v1/node")
    except NotReachable as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(3) from None
    except Refused as error:
        raise click.ClickException(f"the node refused: {error}") from None
    finally:
        client.close()
    return facts


def _of_local(configuration: NodeConfiguration) -> dict[str, Any]:
    """Of the serving node, or of the store where none serves (or not us: only the folder's owner is told)."""
    client = NodeClient.local(configuration.http_path, LOCAL_SECONDS)
    try:
        facts: dict[str, Any] = client.get("/v1/node")
    except NotReachable:
        return _of_store(configuration)
    except Refused as error:
        raise click.ClickException(
            f"the node refused: {error}; ask as the owner of the data folder"
        ) from None
    finally:
        client.close()
    return facts


def _of_store(configuration: NodeConfiguration) -> dict[str, Any]:
    from lightwave.server.node import open_store
    from lightwave.server.node_status import node_status

    with open_store(configuration, read_only=True) as store, store.read() as txn:
        status = node_status(configuration, importlib.metadata.version("lightwave"), txn)
    shown: dict[str, Any] = status.model_dump(by_alias=True, exclude_none=True)
    return shown


def _process(facts: dict[str, Any]) -> str:
    """One of several serving processes, in a line."""
    counts = f"{facts['ldapConnections']} LDAP, {facts['httpConnections']} HTTP"
    restarts = f", started again {facts['restarts']} times" if facts["restarts"] else ""
    return f"{facts['number']}: {facts['state']}, pid {facts['pid']}, {counts}{restarts}"


def _print(facts: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        if name == "serving":
            shown = "[green]yes[/]" if value else "[red]no[/] (start it with lightwave serve)"
        elif name == "ready":
            if value or not facts["serving"]:
                continue
            shown = "[red]no[/] (it is shutting down)"
        elif name == "processes":
            if not value:
                continue
            shown = "\n".join(map(_process, value))
        elif isinstance(value, list):
            shown = "\n".join(map(str, value))
        elif isinstance(value, dict):
            shown = ", ".join(f"{count} {state}" for state, count in value.items()) or "none"
        elif isinstance(value, int):
            shown = f"{value:,}" if name in _COUNTS else str(value)
        else:
            shown = str(value)
        table.add_row(name, shown)
    Console(soft_wrap=True).print(table)
