"""`lightwave computer`: machines that are members of the domain."""

from __future__ import annotations

from typing import Any

import click

from lightwave.cli.account_creation import create_account, creation_options
from lightwave.cli.account_options import MACHINE
from lightwave.cli.account_verbs import Noun, add_verbs, asked_of
from lightwave.cli.administration import NodeOptions

COMPUTER = Noun(
    "computer",
    "computers",
    MACHINE,
    {"name": "name", "hostName": "host", "operatingSystem": "system", "hindrances": "can't sign in"},
)

EPILOG = """\b
Examples:
  lightwave computer create ws1 --host-name ws1.example.com --generate-password
  lightwave computer show ws1
  lightwave computer modify ws1 --spn host/ws1.example.com
  lightwave computer list --disabled --json

\b
A computer is called by name (with or without the dollar of its sAMAccountName), one of its service
names, GUID, SID or distinguished name.
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Accounts of computers: make, find, change, delete."""


@command.command()
@click.argument("name")
@creation_options(MACHINE)
@asked_of
def create(name: str, tenant: str | None, node: NodeOptions, as_json: bool, **options: Any) -> None:
    """Make the account of a computer; it stands below ou=Computers."""
    create_account(COMPUTER, name, options, tenant, node, as_json)


add_verbs(command, COMPUTER)
