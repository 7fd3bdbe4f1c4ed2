"""`lightwave backup`: what can't be computed of the store, in one verified file, while the node serves."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lightwave.cli.options import json_option, print_json
from lightwave.cli.progress import progress_bar, stages
from lightwave.server.backups import Backup, make_backup, verified
from lightwave.server.configuration import load_configuration

EPILOG = """\b
Examples:
  lightwave backup --data ./data --to /backups
  lightwave backup --data ./data --to /backups --since /backups/example.com-20261123T200000Z-full.lwbackup
  lightwave backup --verify /backups/example.com-20261123T200000Z-full.lwbackup

\b
Exit codes: 0 the backup is made, or is whole. 1 it is not; the text says why.

\b
No backup holds the master key. To restore on another machine you need the recovery key that promote
printed, or a copy of the keyring folder, which belongs somewhere else than the backups.
"""


@click.command(epilog=EPILOG)
@click.option(
    "--data",
    envvar="LIGHTWAVE_DATA",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The node's data folder.  [env: LIGHTWAVE_DATA]",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    default=None,
    help="File to make, or folder in which it is named by domain, time and kind. Nothing is written over.",
)
@click.option(
    "--since",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="BACKUP",
    help="Make an increment: only what changed since this backup, which may be an increment itself.",
)
@click.option(
    "--verify",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="BACKUP",
    help="Make nothing: read this backup from end to end.",
)
@json_option
def command(
    data: Path | None, target: Path | None, since: Path | None, verify: Path | None, as_json: bool
) -> None:
    """Back up the node in DATA, while it serves or not.

    The backup is one snapshot: entries, group memberships and sealed passwords fit each other, whatever is written
    meanwhile. It is read back and verified before it gets its name.
    """
    if verify is not None:
        if target is not None or since is not None:
            raise click.UsageError("--verify makes no backup: leave out --to and --since")
        with progress_bar("verifying", 1.0, quiet=as_json) as report:
            result = verified(verify, stages(report))
        what = "is whole"
    else:
        if data is None:
            raise click.UsageError("missing option --data: the node's data folder")
        if target is None:
            raise click.UsageError("missing option --to: a file, or a folder for it")
        configuration = load_configuration(data.absolute())
        with progress_bar("backing up", 1.0, quiet=as_json) as report:
            result = make_backup(configuration, target, since, stages(report))
        what = "is made and verified"
    if as_json:
        print_json(_facts(result))
    else:
        click.echo(f"The backup {what}.\n")
        _print(_facts(result))


def _facts(result: Backup) -> dict[str, object]:
    manifest = result.manifest
    return {
        "file": str(result.path),
        "kind": "full" if manifest.is_full else "increment",
        "identity": manifest.identity.hex(),
        "base": manifest.base.hex() if manifest.base else None,
        "created": manifest.created,
        "domain": manifest.node.get("domain"),
        "hostname": manifest.node.get("hostname"),
        "server": manifest.server.hex(),
        "storeFormat": manifest.store_format,
        "firstUSN": manifest.since + 1,
        "lastUSN": manifest.usn,
        "entries": manifest.entries,
        "removed": manifest.removed,
        "parts": len(manifest.parts),
        "bytes": result.size,
    }


def _print(facts: dict[str, object]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        if value is not None:
            grouped = isinstance(value, int) and name not in ("storeFormat",)
            table.add_row(name, f"{value:,}" if grouped else str(value))
    Console(soft_wrap=True).print(table)
