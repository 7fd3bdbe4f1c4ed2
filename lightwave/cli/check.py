"""`lightwave check`: does the store agree with itself."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.cli.progress import progress_bar
from lightwave.directory.store.check import Finding
from lightwave.directory.store.environment import Store
from lightwave.server.configuration import load_configuration
from lightwave.server.node import open_store
from lightwave.server.repairs import findings as check_store
from lightwave.server.repairs import repair

MOST_FINDINGS = 1_000

EPILOG = """\b
Examples:
  lightwave check --data ./data
  lightwave check --data ./data --json | jq .findings
  lightwave check --data ./data --repair-indexes

\b
Exit codes: 0 the store is sound. 3 something was found (and, with --repair-indexes, is left).
1 the check could not be made.
"""


@click.command(epilog=EPILOG)
@data_option
@click.option(
    "--repair-indexes",
    is_flag=True,
    help="Make again what can be computed: indexes, names, GUIDs, links' mirror, change numbers. "
    "Records are never guessed.",
)
@json_option
def command(data: Path, repair_indexes: bool, as_json: bool) -> None:
    """Verify that every record in DATA is whole and that the databases agree with each other.

    Looks at all checksums, names, links, indexes, stamps and change numbers in one snapshot and changes nothing,
    while a server runs or not. With --repair-indexes it mends in short transactions between the server's own; a
    repair that was interrupted goes on where it was.
    """
    configuration = load_configuration(data.absolute())
    began = time.monotonic()
    mended: Counter[str] = Counter()
    with open_store(configuration, read_only=not repair_indexes) as store:
        found, entries = _check(store, as_json)
        if found and repair_indexes:

            def sound() -> bool:
                nonlocal found
                found, _ = _check(store, as_json)
                return not found

            with progress_bar("repairing", 1.0, quiet=as_json) as report:
                mended = repair(store, sound, lambda step, steps: report(step / steps, f"{step} of {steps}"))
    seconds = time.monotonic() - began
    cut = len(found) > MOST_FINDINGS
    findings = found[:MOST_FINDINGS]
    if as_json:
        print_json(
            {
                "entries": entries,
                "seconds": round(seconds, 3),
                "complete": not cut,
                "mended": dict(sorted(mended.items())),
                "findings": [
                    {"database": one.database, "tenant": one.tenant, "entry": one.entry_id, "text": one.text}
                    for one in findings
                ],
            }
        )
    else:
        if mended:
            rows = ", ".join(f"{count:,} in {name}" for name, count in sorted(mended.items()))
            click.echo(f"Mended {sum(mended.values()):,} rows: {rows}.")
        if findings:
            _print(findings, cut, tried=repair_indexes)
        else:
            click.echo(f"The store is sound: {entries:,} entries checked in {seconds:.1f} s.")
    if findings:
        raise click.exceptions.Exit(3)


def _check(store: Store, as_json: bool) -> tuple[list[Finding], int]:
    """(findings, one more than are shown where there are more; entries)."""
    with progress_bar("checking", 1.0, quiet=as_json) as report:

        def progress(what: str, seen: int, total: int) -> None:
            report(seen / total if total else 1.0, f"{what}: {seen:,} of {total:,}")

        return check_store(store, MOST_FINDINGS + 1, progress)


def _print(findings: list[Finding], cut: bool, *, tried: bool) -> None:
    table = Table("database", "tenant", "entry", "what is wrong", box=None, padding=(0, 2, 0, 0))
    for one in findings:
        table.add_row(one.database, str(one.tenant or ""), str(one.entry_id or ""), one.text)
    Console(soft_wrap=True).print(table)
    more = f"more than {MOST_FINDINGS:,}" if cut else f"{len(findings):,}"
    advice = (
        "What is left can't be computed: restore the node from its last backup (lightwave restore), or export what "
        "can be read (lightwave export) and import it into a new node."
        if tried
        else "Keep a copy of the data folder, then mend what can be computed: lightwave check --repair-indexes."
    )
    click.echo(f"{more} found. {advice}", err=True)
