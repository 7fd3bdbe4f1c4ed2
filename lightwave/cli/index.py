"""`lightwave index`: which attributes are indexed for what."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.cli.progress import progress_bar
from lightwave.directory.ldap.result import DirectoryError
from lightwave.server.configuration import load_configuration
from lightwave.server.indexes import EACH_TENANT, IndexAdministration, IndexFacts
from lightwave.server.node import open_store, schema_source

KINDS = ("equality", "presence", "substring", "ordering")

EPILOG = """\b
Examples:
  lightwave index list --data ./data
  lightwave index add telephoneNumber --kind equality --kind substring --data ./data
  lightwave index add employeeNumber --unique dc=example,dc=com --data ./data
  lightwave index drop telephoneNumber --kind substring --data ./data

\b
The definitions are entries below cn=indices,cn=config: the same can be done over LDAP.
"""

kind_option = click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="equality: (a=x); presence: (a=*); substring: (a=*x*); ordering: (a>=x). May be given several times.",
)
wait_option = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Return only when the work is done."
)


@click.group(epilog=EPILOG)
def command() -> None:
    """List, add and drop indexes, while a server runs or not.

    A search whose filter no index serves reads every entry below its base. An index is used when it is complete:
    a running server builds it in the background; without one, `add` builds it here.
    """


@command.command("list")
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """Show the indexes in DATA, their state and how far they have come."""
    _show(data, as_json, only_pending=False)


@command.command()
@data_option
@json_option
def status(data: Path, as_json: bool) -> None:
    """Show only what is being built or dropped. Exit code 0: nothing is, 3: something is."""
    if _show(data, as_json, only_pending=True):
        raise click.exceptions.Exit(3)


@command.command()
@click.argument("attribute")
@kind_option
@click.option(
    "--unique",
    "scopes",
    multiple=True,
    metavar="DN",
    help="No two entries at or below DN may have the same value; may be given several times.",
)
@wait_option
@data_option
@json_option
def add(
    attribute: str, kinds: tuple[str, ...], scopes: tuple[str, ...], wait: bool, data: Path, as_json: bool
) -> None:
    """Index ATTRIBUTE for the given kinds (equality by default), beside those that it has.

    Uniqueness holds for what exists, too: two entries with the same value are an error that names them.
    """
    if scopes and not wait:
        raise click.UsageError("--unique needs the complete index: leave out --no-wait")
    configuration = load_configuration(data.absolute())
    with open_store(configuration) as store:
        indexes = IndexAdministration(configuration, store, schema_source(store))
        before = {(one.attribute, one.kind) for one in indexes.facts()}
        name = indexes.add(attribute, kinds or ("equality",))
        if wait:
            _wait(indexes, "building", name, as_json)
        if scopes:
            try:
                indexes.make_unique(attribute, [scope.encode() for scope in scopes])
            except DirectoryError as error:
                # What was indexed helps to find the values that are in the way, so it stays.
                made = [kind for kind in kinds or ("equality",) if (name, kind) not in before]
                if not made:
                    raise
                back = f"lightwave index drop {name} " + " ".join(f"--kind {kind}" for kind in made)
                hint = f"{name} is indexed but not unique; `{back}` takes the index back"
                raise DirectoryError(error.code, f"{error.message} ({hint})") from error
        _tell(indexes, name, as_json)


@command.command()
@click.argument("attribute")
@kind_option
@click.option("--yes", is_flag=True, help="Drop also what the server relies on, or what makes values unique.")
@wait_option
@data_option
@json_option
def drop(attribute: str, kinds: tuple[str, ...], yes: bool, wait: bool, data: Path, as_json: bool) -> None:
    """Drop the given kinds of ATTRIBUTE's indexes; without --kind all of them, and its uniqueness."""
    configuration = load_configuration(data.absolute())
    with open_store(configuration) as store:
        indexes = IndexAdministration(configuration, store, schema_source(store))
        loss = None if yes else indexes.loss(attribute, kinds)
        if loss is not None:
            raise click.UsageError(f"{loss}; with --yes the index is dropped all the same")
        name = indexes.drop(attribute, kinds)
        if wait:
            _wait(indexes, "dropping", name, as_json)
        _tell(indexes, name, as_json)


def _wait(indexes: IndexAdministration, title: str, name: str, as_json: bool) -> None:
    by_server = False
    with progress_bar(f"{title} {name}", 1.0, quiet=as_json) as report:
        for progress in indexes.work():
            if progress.by_server and not by_server and not as_json:
                by_server = True
                click.echo("The running server does the work; waiting for it.", err=True)
            report(progress.done, progress.text)


def _tell(indexes: IndexAdministration, name: str, as_json: bool) -> None:
    facts = [one for one in indexes.facts() if one.attribute == name]
    if as_json:
        print_json([_as_json(one) for one in facts])
    elif facts:
        click.echo(f"{name}: " + ", ".join(f"{one.kind} {one.state}" for one in facts))
    else:
        click.echo(f"{name}: no index")


def _show(data: Path, as_json: bool, *, only_pending: bool) -> list[IndexFacts]:
    configuration = load_configuration(data.absolute())
    with open_store(configuration, read_only=True) as store:
        facts = IndexAdministration(configuration, store, schema_source(store)).facts()
    shown = [one for one in facts if not only_pending or one.state != "complete"]
    if as_json:
        print_json([_as_json(one) for one in shown])
    elif shown:
        table = Table("attribute", "kind", "state", "done", "unique in", box=None, padding=(0, 2, 0, 0))
        for one in shown:
            done = f"{one.done:.0%}"
            table.add_row(
                one.attribute,
                one.kind,
                one.state,
                done,
                "\n".join(scope or EACH_TENANT for scope in one.unique_in),
            )
        Console(soft_wrap=True).print(table)
    else:
        click.echo("Every index is complete." if only_pending else "There are no indexes.")
    return shown


def _as_json(one: IndexFacts) -> dict[str, object]:
    return {
        "attribute": one.attribute,
        "kind": one.kind,
        "state": one.state,
        "done": round(one.done, 4),
        "uniqueIn": list(one.unique_in),
    }
