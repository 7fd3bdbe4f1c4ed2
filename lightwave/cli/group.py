"""`lightwave group`: groups and who is in them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import click

from lightwave.cli.account_options import (
    GROUP,
    assignments,
    change_options,
    changed_attributes,
    cleared,
    clearing,
    described,
    describing,
    set_option,
)
from lightwave.cli.account_verbs import asked_of
from lightwave.cli.administration import (
    NodeOptions,
    address,
    asking,
    by_name,
    confirm,
    items,
    print_object,
    print_rows,
    say,
    shown,
    yes_option,
)
from lightwave.cli.progress import progress_bar

SEE = "lightwave group list"
AT_ONCE = 500
"""members of one request"""
FIRST_MEMBERS = 20
COLUMNS = {"name": "name", "kind": "kind", "description": "description", "mail": "mail"}
MEMBER_COLUMNS = {"name": "name", "kind": "kind", "displayName": "display name", "dn": "dn"}
_TITLES = {
    "name": "name",
    "displayName": "display name",
    "kind": "kind",
    "description": "description",
    "mail": "mail",
    "members": "members",
    "groups": "member of",
    "managedBy": "managed by",
    "gidNumber": "gid number",
    "created": "created",
    "changed": "changed",
    "sid": "SID",
    "id": "id",
    "dn": "DN",
}

EPILOG = """\b
Examples:
  lightwave group create Engineers --description "who build"
  lightwave group add Engineers ada ben Builders
  lightwave group members Engineers --nested
  lightwave group remove Engineers ben
  lightwave group show Engineers --json

\b
Groups and members are called by name, GUID, SID or distinguished name; members also by user@domain.
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Groups and who is in them: make, find, change, delete."""


@command.command("list")
@click.option("--search", metavar="TEXT", help="Part of a name, display name or description.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.  [default: all]")
@asked_of
def list_(
    search: str | None, limit: int | None, tenant: str | None, node: NodeOptions, as_json: bool
) -> None:
    """List groups."""
    with asking(node) as client:
        found = by_name(items(client, "v1", "groups", most=limit, search=search, tenant=tenant))
    print_rows(found, COLUMNS, as_json, nothing="There are no such groups.")


@command.command()
@click.argument("name")
@asked_of
def show(name: str, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Show a group, with its first members."""
    with asking(node, SEE) as client:
        found = client.get(address("v1", "groups", name, tenant=tenant))
        if not as_json:
            first = items(client, "v1", "groups", name, "members", most=FIRST_MEMBERS + 1, tenant=tenant)
            names = [one["name"] for one in islice(first, FIRST_MEMBERS + 1)]
            if len(names) > FIRST_MEMBERS:
                names[FIRST_MEMBERS:] = [f"… all: lightwave group members {name}"]
            found["members"] = names
    print_object(found, _TITLES, as_json)


@command.command()
@click.argument("name")
@click.option("--distribution", is_flag=True, help="For mail only: it counts for no right.")
@click.option("--below", "container", metavar="DN", help="Below this entry.  [default: cn=Users]")
@describing(GROUP)
@set_option
@asked_of
def create(
    name: str,
    distribution: bool,
    container: str | None,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a group."""
    asked: dict[str, Any] = {"name": name, **described(GROUP, options)}
    if distribution:
        asked["kind"] = "distribution"
    if container is not None:
        asked["container"] = container
    attributes = assignments(options.pop("assigned"))
    if attributes:
        asked["attributes"] = attributes
    with asking(node) as client:
        made = client.request("POST", address("v1", "groups", tenant=tenant), asked)
    say(f"Created group {made['name']}: {made['dn']}", made, as_json)


@command.command()
@click.argument("name")
@describing(GROUP)
@change_options
@clearing(GROUP)
@asked_of
def modify(name: str, tenant: str | None, node: NodeOptions, as_json: bool, **options: Any) -> None:
    """Change a group: what is not named stays as it is."""
    asked: dict[str, Any] = {**described(GROUP, options), **cleared(GROUP, options)}
    attributes = changed_attributes(options)
    if attributes:
        asked["attributes"] = attributes
    if not asked:
        raise click.UsageError("nothing is to be changed: see --help for what can be")
    path = address("v1", "groups", name, tenant=tenant)
    with asking(node, SEE) as client:
        client.request("PATCH", path, asked)
        after = client.get(path) if as_json else {}
    say(f"Changed group {name}.", after, as_json)


@command.command()
@click.argument("name")
@click.argument("new_name")
@asked_of
def rename(name: str, new_name: str, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Give a group another name; its members and rights stay."""
    with asking(node, SEE) as client:
        client.request("POST", address("v1", "groups", name, "rename", tenant=tenant), {"name": new_name})
    say(f"Renamed group {name} to {new_name}.", {"name": new_name}, as_json)


@command.command()
@click.argument("name")
@yes_option
@asked_of
def delete(name: str, yes: bool, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Delete a group; its members stay, what the group was allowed ends."""
    confirm(f"Delete group {name}?", yes)
    with asking(node, SEE) as client:
        client.request("DELETE", address("v1", "groups", name, tenant=tenant))
    say(f"Deleted group {name}.", {"deleted": name}, as_json)


@command.command()
@click.argument("name")
@click.argument("members", nargs=-1)
@click.option(
    "--from",
    "file",
    type=click.File("r", encoding="utf-8"),
    help="Names of members, one a line; -: standard input.",
)
@asked_of
def add(
    name: str,
    members: tuple[str, ...],
    file: Any,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Add members to a group: users, services, computers or groups. Those who are in it already stay."""
    names = [*members, *_names_of(file)]
    if not names:
        raise click.UsageError("name the members, or give a file with --from")
    path = address("v1", "groups", name, "members", tenant=tenant)
    with (
        asking(node, f"{SEE}, lightwave user list") as client,
        progress_bar(f"adding to {name}", float(len(names)), quiet=as_json) as progress,
    ):
        for begin in range(0, len(names), AT_ONCE):
            client.request("POST", path, {"members": names[begin : begin + AT_ONCE]})
            progress(float(min(begin + AT_ONCE, len(names))), "")
    say(f"Added {_count(names)} to group {name}.", {"added": names}, as_json)


@command.command()
@click.argument("name")
@click.argument("members", nargs=-1, required=True)
@asked_of
def remove(name: str, members: tuple[str, ...], tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Take members out of a group."""
    with asking(node, f"lightwave group members {shown(name)}") as client:
        for member in members:
            client.request("DELETE", address("v1", "groups", name, "members", member, tenant=tenant))
    say(f"Took {_count(members)} out of group {name}.", {"removed": list(members)}, as_json)


@command.command()
@click.argument("name")
@click.option("--nested", is_flag=True, help="Members of groups in it as well.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.  [default: all]")
@asked_of
def members(
    name: str, nested: bool, limit: int | None, tenant: str | None, node: NodeOptions, as_json: bool
) -> None:
    """List who is in a group."""
    with asking(node, SEE) as client:
        query = {"nested": nested, "tenant": tenant}
        found = by_name(items(client, "v1", "groups", name, "members", most=limit, **query))
    print_rows(found, MEMBER_COLUMNS, as_json, nothing=f"Group {shown(name)} has no members.")


def _names_of(file: Any) -> list[str]:
    if file is None:
        return []
    try:
        return [line.strip() for line in file if line.strip()]
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{Path(file.name).name} is not UTF-8: {error}") from None


def _count(names: Any) -> str:
    return shown(names[0]) if len(names) == 1 else f"{len(names):,} members"
