"""Making one account: options and the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from lightwave.cli.account_options import (
    Field,
    assignments,
    chosen_password,
    described,
    describing,
    password_options,
    set_option,
)
from lightwave.cli.account_verbs import Noun
from lightwave.cli.administration import NodeOptions, address, asking, shown
from lightwave.cli.options import print_json


def creation_options(fields: Sequence[Field]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What a new account is like."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--below",
                "container",
                metavar="DN",
                help="Below this entry.  [default: where its kind stands]",
            ),
            click.option("--disabled", is_flag=True, help="It can't sign in until it is enabled."),
            click.option(
                "--must-change", is_flag=True, help="The first sign-in has to set another password."
            ),
            password_options,
            set_option,
            describing(fields),
        ):
            function = option(function)
        return function

    return add


def create_account(
    noun: Noun,
    name: str,
    options: dict[str, Any],
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
    *,
    tell: bool = True,
) -> None:
    """Makes it, and says so; a password that the node made is printed, unless not `tell`."""
    asked: dict[str, Any] = {"name": name, **described(noun.fields, options), **chosen_password(options)}
    attributes = assignments(options.pop("assigned"))
    if attributes:
        asked["attributes"] = attributes
    if options.pop("disabled"):
        asked["enabled"] = False
    if options.pop("must_change"):
        asked["mustChangePassword"] = True
    container = options.pop("container")
    if container is not None:
        asked["container"] = container
    with asking(node) as client:
        made = client.request("POST", address("v1", noun.plural, tenant=tenant), asked)
    if not tell:
        made.pop("password", None)
    if as_json:
        print_json(made)
        return
    click.echo(f"Created {noun.word} {shown(made['name'])}: {shown(made['dn'])}")
    if "password" in made:
        click.echo(f"Its password, which is shown this once: {made['password']}")
    elif not asked.keys() & {"password", "generatePassword"}:
        click.echo(f"It has no password yet: lightwave {noun.word} password {shown(made['name'])}", err=True)
