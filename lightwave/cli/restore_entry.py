"""`lightwave restore-entry`: deleted entries come back from a backup."""

from __future__ import annotations

from pathlib import Path

import click

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.cli.progress import progress_bar, stages
from lightwave.server.configuration import load_configuration
from lightwave.server.entry_restore import RestoredEntries, restore_entries
from lightwave.server.node import open_store

EPILOG = """\b
Examples:
  lightwave restore-entry uid=ann,ou=people,dc=example,dc=com --from full.lwbackup --data ./data
  lightwave restore-entry ou=sales,dc=example,dc=com --from full.lwbackup --with monday.lwbackup \\
      --below ou=attic,dc=example,dc=com --data ./data

\b
Exit codes: 0 all is there. 1 an entry was refused, which is named; what was restored before it stays, and
the same command goes on.
"""


@click.command(epilog=EPILOG)
@click.argument("entry", metavar="DN_OR_GUID")
@click.option(
    "--from",
    "full",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A full backup from when the entry was there.",
)
@click.option(
    "--with",
    "increments",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="An increment of it; may be given several times.",
)
@click.option(
    "--below",
    metavar="DN",
    default=None,
    help="Put the entry below this one.  [default: its superior, wherever that stands now]",
)
@data_option
@json_option
def command(
    entry: str, full: Path, increments: tuple[Path, ...], below: str | None, data: Path, as_json: bool
) -> None:
    """Bring back a deleted entry with all below it, while the node in DATA serves or not.

    Attributes, passwords, group memberships (both ways) and the GUID are those of the backup. Entries that are not
    deleted are left as they are, wherever they stand.
    """
    configuration = load_configuration(data.absolute())
    with open_store(configuration) as store, progress_bar("restoring", 1.0, quiet=as_json) as report:
        done = restore_entries(store, (full, *increments), entry, below, stages(report))
    if as_json:
        print_json(_as_json(done))
    else:
        click.echo(_text(done))


def _as_json(done: RestoredEntries) -> dict[str, object]:
    counts = done.counts
    return {
        "entry": done.name,
        "restored": counts.restored,
        "present": counts.present,
        "expired": counts.expired,
        "links": counts.links,
        "memberships": counts.memberships,
        "secrets": counts.secrets,
        "absent": done.still_absent,
        "attributesLeftOut": sorted(counts.attributes_left_out),
    }


def _text(done: RestoredEntries) -> str:
    counts = done.counts
    if not counts.restored:
        return f"Nothing is missing at or below {done.name}."
    lines = [
        f"{counts.restored:,} entries restored, with {counts.links + counts.memberships:,} links and "
        f"{counts.secrets:,} secrets."
    ]
    if counts.present:
        lines.append(f"{counts.present:,} were not deleted and are as they were.")
    if counts.expired:
        lines.append(f"{counts.expired:,} had a time to live that is over.")
    if done.still_absent:
        lines.append(f"{done.still_absent:,} entries that they had links with are not there.")
    if counts.attributes_left_out:
        left = ", ".join(sorted(counts.attributes_left_out))
        lines.append(f"The schema does not have these attributes any more; they are left out: {left}")
    return "\n".join(lines)
