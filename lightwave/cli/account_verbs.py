"""The verbs that users, services and computers have alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from lightwave.cli.account_options import (
    Field,
    change_options,
    changed_attributes,
    chosen_password,
    cleared,
    clearing,
    described,
    describing,
    password_options,
)
from lightwave.cli.administration import (
    NodeOptions,
    address,
    asking,
    by_name,
    confirm,
    items,
    new_password,
    node_options,
    print_object,
    print_rows,
    say,
    tenant_option,
    yes_option,
)
from lightwave.cli.options import json_option

F = Callable[..., Any]
GROUP_COLUMNS = {"name": "name", "kind": "kind", "dn": "dn"}
LIST_COLUMNS = {"name": "name", "displayName": "display name", "mail": "mail", "hindrances": "can't sign in"}
_TITLES = {
    "name": "name",
    "displayName": "display name",
    "state": "state",
    "upn": "signs in as",
    "mail": "mail",
    "description": "description",
    "givenName": "first name",
    "surname": "last name",
    "groups": "member of",
    "nestedGroups": "through these of",
    "lockedUntil": "locked until",
    "expires": "expires",
    "passwordLastSet": "password set",
    "passwordExpires": "password ends",
    "lastSignIn": "last sign-in",
    "uidNumber": "uid number",
    "gidNumber": "gid number",
    "homeDirectory": "home",
    "loginShell": "shell",
    "sshKeys": "ssh keys",
    "servicePrincipalNames": "service names",
    "hostName": "host",
    "operatingSystem": "system",
    "created": "created",
    "changed": "changed",
    "sid": "SID",
    "id": "id",
    "dn": "DN",
}


class Noun(NamedTuple):
    """One kind of accounts. word: for sentences. plural: of the resource's path. fields: what it is described by."""

    word: str
    plural: str
    fields: Sequence[Field]
    columns: Mapping[str, str] = LIST_COLUMNS

    @property
    def see(self) -> str:
        """The command that shows which there are."""
        return f"lightwave {self.word} list"


def asked_of(function: F) -> F:
    """--tenant, the options about the node, and --json."""
    return tenant_option(node_options(json_option(function)))


def add_verbs(group: click.Group, noun: Noun) -> None:
    """Gives a command group the verbs that all accounts have."""
    _add_looking(group, noun)
    _add_changing(group, noun)
    _add_states(group, noun)


def _add_looking(group: click.Group, noun: Noun) -> None:
    @group.command("list", help=f"List {noun.plural}.")
    @click.option("--search", metavar="TEXT", help="Part of a name, display name or mail address.")
    @click.option("--enabled/--disabled", default=None, help="Only those that are enabled, or disabled.")
    @click.option("--locked/--not-locked", default=None, help="Only those that are locked, or are not.")
    @click.option("--limit", type=click.IntRange(min=1), help="At most so many.  [default: all]")
    @asked_of
    def list_(node: NodeOptions, limit: int | None, as_json: bool, **query: Any) -> None:
        with asking(node) as client:
            found = by_name(items(client, "v1", noun.plural, most=limit, **query))
        print_rows(found, noun.columns, as_json, nothing=f"There are no such {noun.plural}.")

    @group.command("show", help=f"Show a {noun.word}: its state, why it can't sign in, its groups.")
    @click.argument("name")
    @asked_of
    def show(name: str, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
        with asking(node, noun.see) as client:
            found = client.get(address("v1", noun.plural, name, tenant=tenant))
        print_object(found if as_json else {**found, "state": state(found)}, _TITLES, as_json)

    @group.command("groups", help=f"List the groups that a {noun.word} is in.")
    @click.argument("name")
    @click.option("--nested", is_flag=True, help="Through groups in groups as well.")
    @asked_of
    def groups(name: str, nested: bool, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
        with asking(node, noun.see) as client:
            found = by_name(items(client, "v1", noun.plural, name, "groups", nested=nested, tenant=tenant))
        print_rows(found, GROUP_COLUMNS, as_json, nothing=f"{name} is in no group.")


def state(account: Mapping[str, Any]) -> str:
    """What an account may do, in words."""
    hindrances = account.get("hindrances") or []
    return f"can't sign in: {', '.join(hindrances)}" if hindrances else "enabled"


def _add_changing(group: click.Group, noun: Noun) -> None:
    @group.command("modify", help=f"Change a {noun.word}: what is not named stays as it is.")
    @click.argument("name")
    @describing(noun.fields)
    @change_options
    @clearing(noun.fields)
    @asked_of
    def modify(name: str, tenant: str | None, node: NodeOptions, as_json: bool, **options: Any) -> None:
        asked = described(noun.fields, options) | cleared(noun.fields, options)
        attributes = changed_attributes(options)
        if attributes:
            asked["attributes"] = attributes
        if not asked:
            raise click.UsageError("nothing is to be changed: see --help for what can be")
        change(noun, name, asked, tenant, node, as_json, f"Changed {noun.word} {name}.")

    @group.command("rename", help=f"Give a {noun.word} another name: to sign in and in the directory.")
    @click.argument("name")
    @click.argument("new_name")
    @asked_of
    def rename(name: str, new_name: str, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
        with asking(node, noun.see) as client:
            path = address("v1", noun.plural, name, "rename", tenant=tenant)
            client.request("POST", path, {"name": new_name})
        say(f"Renamed {noun.word} {name} to {new_name}.", {"name": new_name}, as_json)

    @group.command("delete", help=f"Delete a {noun.word}.")
    @click.argument("name")
    @yes_option
    @asked_of
    def delete(name: str, yes: bool, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
        confirm(f"Delete {noun.word} {name}?", yes)
        with asking(node, noun.see) as client:
            client.request("DELETE", address("v1", noun.plural, name, tenant=tenant))
        say(f"Deleted {noun.word} {name}.", {"deleted": name}, as_json)

    @group.command(
        "password", help=f"Set a {noun.word}'s password: asked for, from a file, or made by the node."
    )
    @click.argument("name")
    @password_options
    @click.option("--must-change", is_flag=True, help="The next sign-in has to set another.")
    @click.option(
        "--own", is_flag=True, help="Prove the old one: whoever changes his own needs no right for it."
    )
    @asked_of
    def password(
        name: str,
        must_change: bool,
        own: bool,
        tenant: str | None,
        node: NodeOptions,
        as_json: bool,
        **options: Any,
    ) -> None:
        set_password(noun, name, options, must_change, own, tenant, node, as_json)


def set_password(
    noun: Noun,
    name: str,
    options: dict[str, Any],
    must_change: bool,
    own: bool,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Sets a password; one that the node made is printed."""
    asked: dict[str, Any] = {"mustChange": must_change}
    if own:
        asked["old"] = click.prompt("Old password", hide_input=True, err=True)
    chosen = chosen_password(options)
    if not chosen:
        chosen = {"password": new_password(None)}
    if "password" in chosen:
        asked["new"] = chosen["password"]
    with asking(node, noun.see) as client:
        made = client.request("PUT", address("v1", noun.plural, name, "password", tenant=tenant), asked)
    if as_json:
        say("", made or {}, True)
    elif made:
        click.echo(made["password"])
        click.echo("It is shown this once.", err=True)
    else:
        click.echo(f"Set the password of {noun.word} {name}.")


def _add_states(group: click.Group, noun: Noun) -> None:
    for verb, done, content, text in (
        ("disable", "Disabled", {"enabled": False}, "it can't sign in, and what it has open ends"),
        ("enable", "Enabled", {"enabled": True}, "it was disabled"),
        ("unlock", "Unlocked", {"locked": False}, "it was locked after too many wrong passwords"),
    ):
        _add_state(group, noun, (verb, done, text), content)


def _add_state(group: click.Group, noun: Noun, words: tuple[str, str, str], content: dict[str, bool]) -> None:
    verb, done, text = words

    @group.command(verb, help=f"{verb.capitalize()} a {noun.word}: {text}.")
    @click.argument("name")
    @asked_of
    def switch(name: str, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
        change(noun, name, content, tenant, node, as_json, f"{done} {noun.word} {name}.")


def change(
    noun: Noun,
    name: str,
    content: Mapping[str, Any],
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
    text: str,
) -> None:
    """Changes an account; with --json it is printed as it is then."""
    path = address("v1", noun.plural, name, tenant=tenant)
    with asking(node, noun.see) as client:
        client.request("PATCH", path, content)
        after = client.get(path) if as_json else {}
    say(text, after, as_json)
