"""`lightwave service`: accounts of services."""

from __future__ import annotations

from typing import Any

import click

from lightwave.cli.account_creation import create_account, creation_options
from lightwave.cli.account_options import MACHINE
from lightwave.cli.account_verbs import Noun, add_verbs, asked_of
from lightwave.cli.administration import NodeOptions

SERVICE = Noun(
    "service",
    "services",
    MACHINE,
    {
        "name": "name",
        "servicePrincipalNames": "service names",
        "description": "description",
        "hindrances": "can't sign in",
    },
)

EPILOG = """\b
Examples:
  lightwave service create web --spn http/www.example.com --show-password
  lightwave service password web --generate-password
  lightwave service modify web --set servicePrincipalName=http/web.example.com
  lightwave service list

\b
A service is called by name, one of its service names, GUID, SID or distinguished name.
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Accounts of services: make, find, change, delete.

    They are entries of class msDS-ManagedServiceAccount.
    """


@command.command()
@click.argument("name")
@creation_options(MACHINE)
@click.option("--show-password", is_flag=True, help="Show the password that the node makes, this once.")
@asked_of
def create(
    name: str, show_password: bool, tenant: str | None, node: NodeOptions, as_json: bool, **options: Any
) -> None:
    """Make the account of a service; it stands below cn=Managed Service Accounts.

    The node makes a password and keeps it sealed; it is told with --show-password only, or made anew by
    `lightwave service password`.
    """
    given = options["ask_password"] or options["new_password_file"] is not None
    if not given:
        options["generate_password"] = True
    create_account(SERVICE, name, options, tenant, node, as_json, tell=show_password)


add_verbs(command, SERVICE)
