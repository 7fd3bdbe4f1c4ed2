"""`lightwave compact`: give unused pages of the store's file back."""

from __future__ import annotations

from pathlib import Path

import click

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.cli.progress import progress_bar, stages
from lightwave.server.compaction import Compacted, compact
from lightwave.server.configuration import load_configuration

EPILOG = """\b
Example:
  lightwave compact --data ./data

\b
Pages that nothing uses are used again by later writes, so this is worth it after much was deleted. The
disk needs room for the new file beside the old one.
"""


@click.command(epilog=EPILOG)
@data_option
@json_option
def command(data: Path, as_json: bool) -> None:
    """Rewrite the store in DATA without its unused pages. The node must be stopped.

    The old file stays in its place until the new one is complete, on the disk and verified.
    """
    configuration = load_configuration(data.absolute())
    with progress_bar("compacting", 1.0, quiet=as_json) as report:
        done = compact(configuration, stages(report))
    if as_json:
        print_json({"bytesBefore": done.before, "bytesAfter": done.after, "seconds": round(done.seconds, 3)})
    else:
        click.echo(_text(done))


def _text(done: Compacted) -> str:
    saved = 1 - done.after / done.before if done.before else 0.0
    return (
        f"The store is compact: {done.before / 2**20:,.1f} MiB before, {done.after / 2**20:,.1f} MiB after "
        f"({saved:.0%} less), in {done.seconds:.1f} s."
    )
