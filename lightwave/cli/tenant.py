"""`lightwave tenant`: customers in one directory, each with a domain, administrators and policies of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from lightwave.cli.administration import (
    NodeOptions,
    address,
    asking,
    confirm,
    items,
    new_password,
    node_options,
    print_object,
    print_rows,
    say,
    yes_option,
)
from lightwave.cli.client import NodeClient, Refused
from lightwave.cli.options import json_option

SEE = "lightwave tenant list"
POLL_SECONDS = 0.5
COLUMNS = {"name": "domain", "state": "state", "created": "created", "description": "description"}
OPERATOR_COLUMNS = {"sid": "SID", "groups": "in groups", "created": "since"}
_TITLES = {
    "name": "domain",
    "state": "state",
    "removed": "rows deleted",
    "realm": "realm",
    "context": "naming context",
    "suffixes": "user name suffixes",
    "signInByMail": "sign-in by mail",
    "description": "description",
    "created": "created",
    "id": "id",
}

EPILOG = """\b
Examples:
  lightwave tenant create acme.example
  lightwave tenant modify acme.example --suffix acme.com --sign-in-by-mail
  lightwave tenant suspend acme.example
  lightwave tenant delete acme.example
  lightwave tenant invite acme.example support@provider.example --login Administrator@acme.example --server URL
  lightwave tenant recover acme.example --data ./data

\b
Tenants are managed by administrators of the system tenant. Whom a tenant lets in is for its own administrators.
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Tenants: make, suspend, delete them; let operators in."""


@command.command("list")
@click.option(
    "--state", type=click.Choice(["active", "suspended", "deleting"]), help="Only those in this state."
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.  [default: all]")
@node_options
@json_option
def list_(state: str | None, limit: int | None, node: NodeOptions, as_json: bool) -> None:
    """List tenants: that they exist, and nothing of what is in them."""
    with asking(node) as client:
        found = list(items(client, "v1", "tenants", most=limit, state=state))
    print_rows(found, COLUMNS, as_json, nothing="There are no such tenants.")


@command.command()
@click.argument("name")
@node_options
@json_option
def show(name: str, node: NodeOptions, as_json: bool) -> None:
    """Show a tenant."""
    with asking(node, SEE) as client:
        found = client.get(address("v1", "tenants", name))
    print_object(found, _TITLES, as_json)


@command.command()
@click.argument("name")
@click.option(
    "--new-password-file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The Administrator's password is its first line ('-': standard input).  [default: generated, and shown]",
)
@node_options
@json_option
def create(name: str, new_password_file: Path | None, node: NodeOptions, as_json: bool) -> None:
    """Make the tenant with the domain NAME: all of it, or nothing."""
    asked: dict[str, Any] = {"name": name}
    if new_password_file is not None:
        asked["password"] = new_password(new_password_file)
    with asking(node) as client:
        made = client.request("POST", address("v1", "tenants"), asked)
    text = f"Created tenant {made['name']}.\nIts administrator: {made['administrator']}"
    if made.get("password"):
        text += f"\nHis password, shown this once: {made['password']}"
    _say(text, made, as_json)


@command.command()
@click.argument("name")
@click.option(
    "--suffix", "suffixes", multiple=True, help="A further end of user names; those named replace all."
)
@click.option("--no-suffixes", is_flag=True, help="User names end in the domain only.")
@click.option("--sign-in-by-mail/--no-sign-in-by-mail", default=None, help="Whether mail addresses sign in.")
@click.option("--description", help="Words; an empty one takes them away.")
@node_options
@json_option
def modify(
    name: str,
    suffixes: tuple[str, ...],
    no_suffixes: bool,
    sign_in_by_mail: bool | None,
    description: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Change by which names the accounts of a tenant sign in."""
    asked: dict[str, Any] = {}
    if suffixes or no_suffixes:
        asked["suffixes"] = list(suffixes)
    if sign_in_by_mail is not None:
        asked["signInByMail"] = sign_in_by_mail
    if description is not None:
        asked["description"] = description
    if not asked:
        raise click.UsageError("say what to change: --suffix, --sign-in-by-mail or --description")
    with asking(node, SEE) as client:
        client.request("PATCH", address("v1", "tenants", name), asked)
    say(f"Changed tenant {name}", {"name": name}, as_json)


@command.command()
@click.argument("name")
@yes_option
@node_options
@json_option
def suspend(name: str, yes: bool, node: NodeOptions, as_json: bool) -> None:
    """Let nobody of a tenant act: from now on, on open connections too."""
    confirm(f"Nobody of {name} will be able to do anything. Suspend it?", yes)
    with asking(node, SEE) as client:
        client.request("POST", address("v1", "tenants", name, "suspend"))
    say(f"Suspended tenant {name}; it goes on by: lightwave tenant resume {name}", {"name": name}, as_json)


@command.command()
@click.argument("name")
@node_options
@json_option
def resume(name: str, node: NodeOptions, as_json: bool) -> None:
    """Let those of a suspended tenant act again."""
    with asking(node, SEE) as client:
        client.request("POST", address("v1", "tenants", name, "resume"))
    say(f"Resumed tenant {name}", {"name": name}, as_json)


@command.command()
@click.argument("name")
@click.option("--no-wait", is_flag=True, help="Don't wait until all of it is gone.")
@yes_option
@node_options
@json_option
def delete(name: str, no_wait: bool, yes: bool, node: NodeOptions, as_json: bool) -> None:
    """Delete a suspended tenant and all that is in it, its secrets first."""
    confirm(f"All of {name} will be gone, and no key will open what is left in backups. Delete it?", yes)
    with asking(node, SEE) as client:
        client.request("DELETE", address("v1", "tenants", name))
        rows = 0 if no_wait else _wait(client, name, as_json)
    if no_wait:
        say(f"Tenant {name} is being deleted; see: lightwave tenant show {name}", {"name": name}, as_json)
    else:
        say(f"Deleted tenant {name}", {"name": name, "removed": rows}, as_json)


def _wait(client: NodeClient, name: str, as_json: bool) -> int:
    """Until nothing is left; the rows of which the node told last."""
    rows = 0
    while True:
        try:
            found = client.get(address("v1", "tenants", name))
        except Refused as error:
            if error.status == 404:
                return rows
            raise
        if found["state"] != "deleting":  # another of this name
            return rows
        if found.get("removed") and found["removed"] != rows:
            rows = int(found["removed"])
            if not as_json:
                click.echo(f"{rows:,} rows deleted", err=True)
        time.sleep(POLL_SECONDS)


@command.command()
@click.argument("name")
@node_options
@json_option
def operators(name: str, node: NodeOptions, as_json: bool) -> None:
    """List whom a tenant lets in."""
    with asking(node) as client:
        found = list(items(client, "v1", "tenants", name, "operators"))
    print_rows(found, OPERATOR_COLUMNS, as_json, nothing="The tenant lets nobody in.")


@command.command()
@click.argument("name")
@click.argument("operator")
@click.option("--group", default="Administrators", show_default=True, help="A group of the tenant.")
@node_options
@json_option
def invite(name: str, operator: str, group: str, node: NodeOptions, as_json: bool) -> None:
    """Let OPERATOR of the system tenant into a tenant, as a member of a group.

    OPERATOR is a SID, or the name of a member of the system tenant's TenantOperators.
    """
    with asking(node) as client:
        path = address("v1", "tenants", name, "operators")
        made = client.request("POST", path, {"operator": operator, "group": group})
    say(f"{operator} is in {group} of {name}", made, as_json)


@command.command()
@click.argument("name")
@click.argument("operator")
@node_options
@json_option
def withdraw(name: str, operator: str, node: NodeOptions, as_json: bool) -> None:
    """Take back all that OPERATOR was given in a tenant."""
    with asking(node, f"lightwave tenant operators {name}") as client:
        client.request("DELETE", address("v1", "tenants", name, "operators", operator))
    say(f"{operator} has nothing in {name} any more", {"name": name, "operator": operator}, as_json)


@command.command()
@click.argument("name")
@click.option(
    "--new-password-file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The new password is its first line ('-': standard input).  [default: generated, and shown]",
)
@node_options
@json_option
def recover(name: str, new_password_file: Path | None, node: NodeOptions, as_json: bool) -> None:
    """Give a tenant's Administrator a new password, enable and unlock him.

    For the owner of the node's machine, with --data: it is in the tenant's audit.
    """
    asked: dict[str, Any] = {}
    if new_password_file is not None:
        asked["password"] = new_password(new_password_file)
    with asking(node, SEE) as client:
        made = client.request("POST", address("v1", "tenants", name, "recover"), asked)
    text = f"{made['administrator']} can sign in again."
    if made.get("password"):
        text += f"\nHis password, shown this once: {made['password']}"
    _say(text, made, as_json)


def _say(text: str, value: dict[str, Any], as_json: bool) -> None:
    for line in [""] if as_json else text.split("\n"):
        say(line, value, as_json)
