"""`lightwave user`: people and their accounts."""

from __future__ import annotations

import click

from lightwave.cli.administration import (
    NodeOptions,
    asking,
    items,
    node_options,
    print_rows,
    tenant_option,
)
from lightwave.cli.options import json_option

EPILOG = """\b
Examples:
  lightwave user list --data ./data
  lightwave user list --search ada --json --server https://node1.example.com --login admin@example.com --ca ca.pem
"""
COLUMNS = {
    "name": "name",
    "displayName": "display name",
    "mail": "mail",
    "hindrances": "can't sign in",
}


@click.group(epilog=EPILOG)
def command() -> None:
    """Users: find them, see how they are."""


@command.command("list")
@click.option("--search", metavar="TEXT", help="Part of a name, display name or mail address.")
@click.option("--enabled/--disabled", default=None, help="Only those that are enabled, or disabled.")
@click.option("--locked/--not-locked", default=None, help="Only those that are locked, or are not.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.  [default: all]")
@tenant_option
@node_options
@json_option
def list_(
    search: str | None,
    enabled: bool | None,
    locked: bool | None,
    limit: int | None,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """List users."""
    with asking(node) as client:
        found = list(
            items(
                client,
                "v1",
                "users",
                most=limit,
                search=search,
                enabled=enabled,
                locked=locked,
                tenant=tenant,
            )
        )
    print_rows(found, COLUMNS, as_json, nothing="There are no such users.")
