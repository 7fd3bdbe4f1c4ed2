"""`lightwave user`: people and their accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lightwave.cli.account_creation import create_account, creation_options
from lightwave.cli.account_files import create_all, read_accounts
from lightwave.cli.account_options import PERSON
from lightwave.cli.account_verbs import Noun, add_verbs, asked_of
from lightwave.cli.administration import NodeOptions, asking, shown
from lightwave.cli.options import print_json

USER = Noun("user", "users", PERSON)

EPILOG = """\b
Examples:
  lightwave user create ada --display-name "Ada Lovelace" --mail ada@example.com --ask-password
  lightwave user create --from people.csv
  lightwave user show ada
  lightwave user modify ada --mail lovelace@example.com --set title=Countess --clear description
  lightwave user disable ada
  lightwave user list --search love --json

\b
A user is called by name (ada), ada@example.com, GUID, SID or distinguished name.
The node is the one in $LIGHTWAVE_DATA or --data, or --server https://HOST with --login and --ca.

\b
Exit codes: 0 done. 1 the node refused, and says why. 2 the command line is wrong. 3 nothing answers.
"""

CREATE_EPILOG = """\b
Examples:
  lightwave user create ada --surname Lovelace --generate-password --must-change
  lightwave user create --from people.csv
  lightwave user create --from people.json --json

\b
people.csv: a line of titles, then a line for each user. Titles are name, displayName, givenName,
surname, mail, password, mustChangePassword, enabled, expires, uidNumber … or any attribute.
  name,displayName,mail,title
  ada,Ada Lovelace,ada@example.com,Countess
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Users: make, find, change, disable, delete."""


@command.command(epilog=CREATE_EPILOG)
@click.argument("name", required=False)
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Make all users of this file: CSV or JSON; -: standard input.",
)
@creation_options(PERSON)
@asked_of
def create(
    name: str | None, file: Path | None, tenant: str | None, node: NodeOptions, as_json: bool, **options: Any
) -> None:
    """Make a user, or all users of a file.

    Without a password nobody signs in with the account until one is set. Of a file each user is made for itself: those
    that the node refuses are told with their line, and the exit code is then 1.
    """
    if (name is None) == (file is None):
        raise click.UsageError("name the user, or give a file with --from")
    if name is not None:
        create_account(USER, name, options, tenant, node, as_json)
        return
    if any(value not in (None, (), False) for value in options.values()):
        raise click.UsageError("with --from, what users are like stands in the file")
    assert file is not None  # decided above
    _create_all(file, tenant, node, as_json)


def _create_all(file: Path, tenant: str | None, node: NodeOptions, as_json: bool) -> None:
    lines = read_accounts(file)
    with asking(node, USER.see) as client:
        report = create_all(client, USER.plural, lines, tenant, quiet=as_json)
    if as_json:
        print_json({"created": report.created, "refused": report.refused})
    else:
        for made in report.created:
            if "password" in made:
                click.echo(f"{shown(made['name'])}\t{made['password']}")
        for one in report.refused:
            click.echo(f"line {one['line']}: {shown(one['name'] or '?')}: {shown(one['error'])}", err=True)
        click.echo(f"{len(report.created):,} users created, {len(report.refused):,} refused.", err=True)
    if report.refused:
        raise click.exceptions.Exit(1)


add_verbs(command, USER)
