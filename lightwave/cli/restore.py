"""`lightwave restore`: backups become a node."""

from __future__ import annotations

from pathlib import Path

import click

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.cli.progress import progress_bar, stages
from lightwave.server.configuration import ConfigurationError, check_addresses
from lightwave.server.restore import Restored, Wishes, restore

EPILOG = """\b
Examples:
  lightwave restore --from full.lwbackup --data ./data --recovery-key-file recovery.txt
  lightwave restore --from full.lwbackup --with monday.lwbackup --with tuesday.lwbackup \\
      --data ./data --keyring /safe/data.keyring
  lightwave restore --from full.lwbackup --data ./data --hostname ldap2.example.com --port-offset 10000 ...

\b
Never let the node that was backed up serve on beside the restored one: it is not told of it.
"""


@click.command(epilog=EPILOG)
@click.option(
    "--from",
    "full",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A full backup.",
)
@click.option(
    "--with",
    "increments",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="An increment; may be given several times, in any order.",
)
@data_option
@click.option(
    "--keyring",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The keyring folder that was kept, or where a new one is made.  [default: DATA.keyring]",
)
@click.option(
    "--recovery-key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="File with the recovery key that promote printed; not needed where the keyring folder was kept.",
)
@click.option("--hostname", default=None, help="Another name for the node.  [default: the backup's]")
@click.option(
    "--bind",
    multiple=True,
    metavar="ADDRESS",
    help="Address to listen on; may be given several times.  [default: the backup's]",
)
@click.option("--port-offset", type=int, default=None, help="Added to each port.  [default: the backup's]")
@json_option
def command(
    full: Path,
    increments: tuple[Path, ...],
    data: Path,
    keyring: Path | None,
    recovery_key_file: Path | None,
    hostname: str | None,
    bind: tuple[str, ...],
    port_offset: int | None,
    as_json: bool,
) -> None:
    """Make a node of a full backup and its increments, in the empty folder DATA, on this machine or another one.

    All backups are verified before anything is written. The restored node has the entries, memberships and
    passwords of the last backup, a new identity for replication, and a new certificate of the same authority. A
    restore that was interrupted is begun again by the same command.
    """
    check_addresses(bind)
    wishes = Wishes(keyring.absolute() if keyring is not None else None, hostname, bind or None, port_offset)

    def recovery_key() -> str | None:
        return _read_key(recovery_key_file) if recovery_key_file is not None else None

    with progress_bar("restoring", 1.0, quiet=as_json) as report:
        done = restore(data.absolute(), (full, *increments), wishes, recovery_key, stages(report))
    if as_json:
        print_json(_as_json(done))
    else:
        _print(done)


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"the recovery key can't be read from {path}") from None


def _as_json(done: Restored) -> dict[str, object]:
    configuration = done.configuration
    return {
        "data": str(configuration.data),
        "keyring": str(configuration.keyring),
        "newMasterKey": done.made_keyring,
        "domain": configuration.domain,
        "hostname": configuration.hostname,
        "newCertificate": done.certified,
        "ldapPort": configuration.ldap_port,
        "ldapsPort": configuration.ldaps_port,
        "entries": done.entries,
        "lastUSN": done.manifest.usn,
        "created": done.manifest.created,
        "server": done.server.hex(),
        "seconds": round(done.seconds, 3),
    }


def _print(done: Restored) -> None:
    configuration = done.configuration
    click.echo(
        f"The node for {configuration.domain} is restored as of {done.manifest.created}: {done.entries:,} entries "
        f"in {done.seconds:.1f} s.\n"
    )
    click.echo(f"  data      {configuration.data}")
    made = "made with a new master key" if done.made_keyring else "as it was"
    click.echo(f"  keyring   {configuration.keyring} ({made})")
    if done.certified:
        click.echo(f"  hostname  {configuration.hostname}, with a new certificate")
    else:
        click.echo(f"  hostname  {configuration.hostname}")
        click.echo(
            "\nThe backup holds no authority that can issue a certificate: "
            "put node.pem (with its issuers), node.key and ca.pem into the data folder before you serve."
        )
    click.echo(f"\nTo serve: lightwave serve --data {configuration.data}")
