"""`lightwave check`: does the store agree with itself."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.cli.progress import progress_bar
from lightwave.directory.store.check import Finding, check
from lightwave.server.configuration import load_configuration
from lightwave.server.node import open_store, schema_source

MOST_FINDINGS = 1_000

EPILOG = """\b
Examples:
  lightwave check --data ./data
  lightwave check --data ./data --json | jq .findings

\b
Exit codes: 0 the store is sound. 3 something was found. 1 the check could not be made.
"""


@click.command(epilog=EPILOG)
@data_option
@json_option
def command(data: Path, as_json: bool) -> None:
    """Verify that every record in DATA is whole and that the databases agree with each other.

    Looks at all checksums, names, links, indexes, stamps and change numbers in one snapshot and changes nothing,
    while a server runs or not.
    """
    configuration = load_configuration(data.absolute())
    began = time.monotonic()
    with open_store(configuration, read_only=True) as store:
        schemas = schema_source(store)
        with store.read() as txn, progress_bar("checking", 1.0, quiet=as_json) as report:

            def progress(what: str, seen: int, total: int) -> None:
                report(seen / total if total else 1.0, f"{what}: {seen:,} of {total:,}")

            found = list(islice(check(txn, schemas.current(txn).describe, progress), MOST_FINDINGS + 1))
            entries = txn.entry_count()
    seconds = time.monotonic() - began
    cut = len(found) > MOST_FINDINGS
    findings = found[:MOST_FINDINGS]
    if as_json:
        print_json(
            {
                "entries": entries,
                "seconds": round(seconds, 3),
                "complete": not cut,
                "findings": [
                    {"database": one.database, "tenant": one.tenant, "entry": one.entry_id, "text": one.text}
                    for one in findings
                ],
            }
        )
    elif findings:
        _print(findings, cut)
    else:
        click.echo(f"The store is sound: {entries:,} entries checked in {seconds:.1f} s.")
    if findings:
        raise click.exceptions.Exit(3)


def _print(findings: list[Finding], cut: bool) -> None:
    table = Table("database", "tenant", "entry", "what is wrong", box=None, padding=(0, 2, 0, 0))
    for one in findings:
        table.add_row(one.database, str(one.tenant or ""), str(one.entry_id or ""), one.text)
    Console(soft_wrap=True).print(table)
    more = f"more than {MOST_FINDINGS:,}" if cut else f"{len(findings):,}"
    click.echo(
        f"{more} found. Keep a copy of the data folder, export what can be read (lightwave export) and import "
        "it into a new node.",
        err=True,
    )
