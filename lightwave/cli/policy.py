"""`lightwave policy`: what passwords have to be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from lightwave.cli.account_verbs import asked_of
from lightwave.cli.administration import (
    NodeOptions,
    address,
    asking,
    confirm,
    new_password,
    print_object,
    print_rows,
    say,
    yes_option,
)
from lightwave.cli.options import print_json

SEE = "lightwave policy list"
_COLUMNS = {"name": "name", "precedence": "precedence", "appliesTo": "applies to", "said": "says"}
_SETTING = re.compile(r"([A-Za-z]+)=(.*)\Z", re.DOTALL)

EPILOG = """\b
Examples:
  lightwave policy show
  lightwave policy set default minLength=14 lifetimeDays=0
  lightwave policy create administrators --precedence 10 --applies-to "DCAdmins" minLength=20 minStrength=4
  lightwave policy set administrators history=
  lightwave policy show --user ada
  lightwave policy check --user ada

\b
`default` is the policy of the tenant; others go before it for the accounts and groups that they apply to.
KEY= without a value takes a setting back: what comes with the server, or the tenant's policy, holds then.
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """What passwords have to be, for all and for some: show, set, create, delete, check."""


@command.command("list")
@asked_of
def list_(tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """List the policies, in the order in which they win."""
    with asking(node) as client:
        found = client.get(address("v1", "policies", tenant=tenant))["items"]
    print_rows(found, _COLUMNS, as_json, nothing="There is no policy that you may read.")


@command.command()
@click.argument("name", default="default")
@click.option("--user", metavar="NAME", help="The one that governs this account.")
@asked_of
def show(name: str, user: str | None, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Show a policy with all that holds under it; without NAME the tenant's."""
    with asking(node, SEE) as client:
        if user is None:
            found = client.get(address("v1", "policies", name, tenant=tenant))
        else:
            governing = client.get(address("v1", "policies", account=user, tenant=tenant))["items"]
            if not governing:
                raise click.ClickException(f"the policy of {user} can't be read by you")
            found = governing[0]
    _print(found, as_json)


@command.command("set")
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--precedence", type=click.IntRange(min=1), help="The lowest wins.")
@click.option("--applies-to", multiple=True, metavar="NAME", help="Account or group; all are named anew.")
@click.option("--description", metavar="TEXT")
@asked_of
def set_(
    name: str,
    settings: Sequence[str],
    precedence: int | None,
    applies_to: tuple[str, ...],
    description: str | None,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Change a policy: what is not named stays as it is. `lightwave policy show` names the keys."""
    asked: dict[str, Any] = {"settings": _settings(settings)}
    if precedence is not None:
        asked["precedence"] = precedence
    if applies_to:
        asked["appliesTo"] = list(applies_to)
    if description is not None:
        asked["description"] = description
    if asked == {"settings": {}}:
        raise click.UsageError("say what to change: KEY=VALUE, --precedence, --applies-to or --description")
    with asking(node, SEE) as client:
        found = client.request("PATCH", address("v1", "policies", name, tenant=tenant), asked)
    _print(found, as_json)


@command.command()
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--precedence", type=click.IntRange(min=1), required=True, help="The lowest wins.")
@click.option(
    "--applies-to", multiple=True, metavar="NAME", help="Account or group; may be given several times."
)
@click.option("--description", metavar="TEXT")
@asked_of
def create(
    name: str,
    settings: Sequence[str],
    precedence: int,
    applies_to: tuple[str, ...],
    description: str | None,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Make a policy for accounts and groups; what it does not say is as in the tenant's."""
    asked: dict[str, Any] = {
        "name": name,
        "precedence": precedence,
        "appliesTo": list(applies_to),
        "settings": _settings(settings),
    }
    if description is not None:
        asked["description"] = description
    with asking(node, "lightwave user list, lightwave group list") as client:
        made = client.request("POST", address("v1", "policies", tenant=tenant), asked)
    _print(made, as_json)


@command.command()
@click.argument("name")
@yes_option
@asked_of
def delete(name: str, yes: bool, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    """Delete a policy for accounts and groups: the next that applies holds for them, or the tenant's."""
    confirm(f"Delete the policy {name}?", yes)
    with asking(node, SEE) as client:
        client.request("DELETE", address("v1", "policies", name, tenant=tenant))
    say(f"The policy {name} is deleted.", {"deleted": name}, as_json)


@command.command()
@click.option("--user", metavar="NAME", help="As the password of this account.")
@click.option(
    "--candidate-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Its first line is the password; - reads standard input.  [default: ask for it]",
)
@asked_of
def check(
    user: str | None, candidate_file: Path | None, tenant: str | None, node: NodeOptions, as_json: bool
) -> None:
    """Say what a candidate password would be told; nothing is set. Exit code 1: it would be refused."""
    password = new_password(candidate_file, "Candidate")
    with asking(node, "lightwave user list") as client:
        path = address("v1", "policies", "check", account=user, tenant=tenant)
        found = client.request("POST", path, {"password": password})
    if as_json:
        print_json(found)
    else:
        words = "accepted" if found["accepted"] else f"refused: {found['reason']}"
        say(f"{words} (strength {found['strength']} of 4; {found['policy']})", found, as_json)
    if not found["accepted"]:
        raise click.exceptions.Exit(1)


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE as JSON; raises UsageError."""
    found: dict[str, Any] = {}
    for one in given:
        parts = _SETTING.match(one)
        if parts is None:
            raise click.UsageError(f"{one!r} is not KEY=VALUE")
        key, text = parts.groups()
        found[key] = _value(key, text)
    return found


def _value(key: str, text: str) -> Any:
    if not text:
        return None
    if key == "specialCharacters":
        return text
    if text.casefold() in ("true", "yes", "on", "false", "no", "off"):
        return text.casefold() in ("true", "yes", "on")
    return int(text) if text.isdecimal() and len(text) < 12 else text


def _print(policy: Mapping[str, Any], as_json: bool) -> None:
    titles = {
        "name": "name",
        "dn": "entry",
        "description": "description",
        "precedence": "precedence",
        "appliesTo": "applies to",
    }
    settings = {key: value for key, value in policy["settings"].items() if value is not None}
    said = set(policy["said"])
    marked = {
        key: f"{_words(value)}{'' if key in said else '   (comes so)'}" for key, value in settings.items()
    }
    rows = titles | {key: key for key in marked}
    print_object(policy if as_json else {**policy, **marked}, rows, as_json)


def _words(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
