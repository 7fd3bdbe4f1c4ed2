"""`lightwave app-password`: passwords for programs on devices."""

from __future__ import annotations

import click

from lightwave.cli.account_verbs import asked_of
from lightwave.cli.administration import NodeOptions, address, asking, by_name, print_object, print_rows, say

SEE = "lightwave app-password list"
_COLUMNS = {"name": "name", "protocols": "protocols", "created": "created", "used": "last used", "id": "id"}
_MADE = {"name": "name", "password": "password", "protocols": "protocols", "id": "id"}

EPILOG = """\b
Examples:
  lightwave app-password create "Ada's phone" --user ada
  lightwave app-password create printer --for ldap --server https://node1.example.com --login ada --ca ca.pem
  lightwave app-password list --user ada
  lightwave app-password revoke "Ada's phone" --user ada

\b
A program signs in with the account's name and the app password, over LDAP (simple bind, PLAIN) or HTTP (Basic).
It goes on to work where policy demands a second factor, and when the account's own password changes.
Without --user they are those of who asks.
"""

user_option = click.option("--user", metavar="NAME", help="Whose.  [default: of who asks]")


@click.group(epilog=EPILOG)
def command() -> None:
    """Passwords for programs on devices: make, list, revoke."""


@command.command()
@click.argument("name")
@click.option("--for", "protocols", multiple=True, metavar="PROTOCOL", help="ldap or http.  [default: both]")
@user_option
@asked_of
def create(
    name: str,
    protocols: tuple[str, ...],
    user: str | None,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Make one for a device; it is shown this once."""
    with asking(node, "lightwave user list") as client:
        path = address("v1", "app-passwords", account=user, tenant=tenant)
        made = client.request("POST", path, {"name": name, "protocols": list(protocols)})
    print_object(made, _MADE, as_json)


@command.command("list")
@user_option
@asked_of
def list_(user: str | None, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """List those of an account."""
    with asking(node, "lightwave user list") as client:
        found = client.get(address("v1", "app-passwords", account=user, tenant=tenant))["items"]
    print_rows(by_name(found), _COLUMNS, as_json, nothing="There are no app passwords.")


@command.command()
@click.argument("name")
@user_option
@asked_of
def revoke(name: str, user: str | None, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Revoke one, by its name or id; what is open under it ends."""
    with asking(node, SEE) as client:
        found = client.get(address("v1", "app-passwords", account=user, tenant=tenant))["items"]
        meant = [one for one in found if name.casefold() in (one["name"].casefold(), one["id"])]
        if not meant:
            raise click.ClickException(f"there is no app password {name!r}; see: {SEE}")
        client.request("DELETE", address("v1", "app-passwords", meant[0]["id"], account=user, tenant=tenant))
    say(f"{meant[0]['name']} is revoked.", meant[0], as_json)
