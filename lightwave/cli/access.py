"""`lightwave access`: who may do what, and why."""

from __future__ import annotations

from typing import Any

import click

from lightwave.cli.account_verbs import asked_of
from lightwave.cli.administration import NodeOptions, address, asking, print_object, print_rows, say
from lightwave.cli.options import print_json
from lightwave.directory.access.presets import PRESETS

_LINES = {"effect": "", "who": "who", "rights": "may", "on": "on", "appliesTo": "applies to", "from": "from"}
_VERDICTS = {"answer": "granted", "right": "right", "reason": "because", "at": "written on", "ace": "entry"}

EPILOG = (
    "\b\nPresets (or names of rights, separated by commas):\n"
    + "\n".join(f"  {name:<22}{words}" for name, (words, _) in PRESETS.items())
    + """

\b
Examples:
  lightwave access show ou=sales,dc=example,dc=com
  lightwave access grant helpers help-desk ou=sales,dc=example,dc=com
  lightwave access grant hr write ou=sales,dc=example,dc=com --attribute telephoneNumber
  lightwave access revoke helpers help-desk ou=sales,dc=example,dc=com
  lightwave access explain ada uid=bob,ou=sales,dc=example,dc=com --right reset-password

\b
WHO is an account or a group, or: everyone, signed-in users, self, creator owner, owner rights, anonymous.
"""
)


@click.group(epilog=EPILOG)
def command() -> None:
    """Who may do what with an entry: show, grant, revoke, and explain why."""


def _narrowing(function: Any) -> Any:
    for option in (
        click.option("--deny", is_flag=True, help="Deny instead of allowing."),
        click.option("--this-entry-only", is_flag=True, help="Nothing below inherits it."),
        click.option("--class", "object_class", metavar="NAME", help="Only entries of this class below."),
        click.option("--attribute", metavar="NAME", help="Only this attribute."),
    ):
        function = option(function)
    return function


@command.command()
@click.argument("dn")
@click.option("--sddl", is_flag=True, help="As one line of SDDL.")
@asked_of
def show(dn: str, sddl: bool, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Show who may do what with DN, and where that is written."""
    with asking(node) as client:
        found = client.get(address("v1", "access", dn=dn, tenant=tenant))
    if as_json:
        print_json(found)
        return
    if sddl:
        click.echo(found["sddl"])
        return
    click.echo(f"Owner: {found['owner']}" + ("; nothing is inherited" if found["protected"] else ""))
    rows = [
        {
            **one,
            "effect": "allow" if one["allows"] else "deny",
            "rights": ", ".join(one["rights"]),
            "from": one.get("inheritedFrom") or "here",
        }
        for one in found["entries"]
    ]
    print_rows(rows, _LINES, False, nothing="Nobody may do anything with it.", folds=False)


def _asked(
    dn: str,
    who: str,
    what: str | None,
    attribute: str | None,
    object_class: str | None,
    this_entry_only: bool,
    deny: bool,
) -> dict[str, Any]:
    asked: dict[str, Any] = {"dn": dn, "who": who, "thisEntryOnly": this_entry_only, "deny": deny}
    for key, value in (("what", what), ("attribute", attribute), ("objectClass", object_class)):
        if value is not None:
            asked[key] = value
    return asked


@command.command()
@click.argument("who")
@click.argument("what")
@click.argument("dn")
@_narrowing
@asked_of
def grant(
    who: str,
    what: str,
    dn: str,
    attribute: str | None,
    object_class: str | None,
    this_entry_only: bool,
    deny: bool,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Let WHO do WHAT with DN, and with what stands below it."""
    asked = _asked(dn, who, what, attribute, object_class, this_entry_only, deny)
    with asking(node, "lightwave access --help") as client:
        done = client.request("POST", address("v1", "access", "grant", tenant=tenant), asked)
    if done["changed"]:
        say(f"{'Denied' if deny else 'Granted'} {what} to {who} on {dn}.", done, as_json)
    else:
        say(f"{who} has {what} on {dn} already.", done, as_json)


@command.command()
@click.argument("who")
@click.argument("arguments", nargs=-1, required=True, metavar="[WHAT] DN")
@_narrowing
@asked_of
def revoke(
    who: str,
    arguments: tuple[str, ...],
    attribute: str | None,
    object_class: str | None,
    this_entry_only: bool,
    deny: bool,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Take back from WHO what was granted (or denied) on DN: WHAT, as it was granted, or all."""
    if len(arguments) > 2:
        raise click.UsageError("say WHO, perhaps WHAT, and DN")
    what = arguments[0] if len(arguments) == 2 else None
    dn = arguments[-1]
    asked = _asked(dn, who, what, attribute, object_class, this_entry_only, deny)
    with asking(node, f"lightwave access show {dn}") as client:
        done = client.request("POST", address("v1", "access", "revoke", tenant=tenant), asked)
    say(f"Taken back from {who} on {dn}: {len(done['changed'])} entries.", done, as_json)


@command.command()
@click.argument("who")
@click.argument("dn")
@click.option("--right", metavar="RIGHT", help="read, write, delete, reset-password, …  [default: all]")
@click.option("--attribute", metavar="NAME", help="For read and write: which attribute.")
@asked_of
def explain(
    who: str,
    dn: str,
    right: str | None,
    attribute: str | None,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Say whether WHO may do something with DN, which entry decided, and where that is written."""
    if attribute is not None and right is None:
        raise click.UsageError("say with --right whether it is read or write")
    with asking(node, "lightwave user list, lightwave group list") as client:
        query = {"who": who, "dn": dn, "right": right, "attribute": attribute, "tenant": tenant}
        found = client.get(address("v1", "access", "explain", **query))
    if as_json:
        print_json(found)
        return
    rows = [{**one, "answer": "yes" if one["granted"] else "no"} for one in found["verdicts"]]
    if len(rows) == 1:
        print_object(rows[0], _VERDICTS, False)
    else:
        print_rows(rows, _VERDICTS, False, folds=False)
