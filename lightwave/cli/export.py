"""`lightwave export`: write the directory as LDIF."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from lightwave.cli.options import data_option
from lightwave.cli.progress import progress_bar
from lightwave.directory.store.files import unfinished_file
from lightwave.server.configuration import load_configuration
from lightwave.server.node import open_store, schema_source
from lightwave.server.offline import export_of

NOT_DATA = (b"cn=config", b"cn=schemacontext")
"""Naming contexts of the node itself: exported only when --base names them."""

EPILOG = """\b
Examples:
  lightwave export --data ./data --output backup.ldif --operational
  lightwave export --data ./data --base ou=people,dc=example,dc=com | gzip > people.ldif.gz

Passwords and keys are never exported: an export is no backup.
"""


@click.command(epilog=EPILOG)
@data_option
@click.option(
    "--base",
    metavar="DN",
    default=None,
    help="Export this entry and all below it.  [default: every naming context of data]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File to write; it gets its name when it is complete.  [default: standard output]",
)
@click.option(
    "--operational",
    is_flag=True,
    help="With entryUUID, createTimestamp, nTSecurityDescriptor and the like, which an import keeps.",
)
def command(data: Path, base: str | None, output: Path | None, operational: bool) -> None:
    """Write the entries in DATA as LDIF (RFC 2849), parents first, while a server runs or not."""
    configuration = load_configuration(data.absolute())
    began = time.monotonic()
    with open_store(configuration) as store:
        work = export_of(store, schema_source(store), operational=operational)
        bases = [base.encode()] if base is not None else work.contexts(NOT_DATA)
        with store.read() as txn:
            total = txn.entry_count()
        quiet = output is None and sys.stdout.isatty()
        with _target(output) as stream, progress_bar("exporting", total, quiet=quiet) as report:
            beginning = (
                b"version: 1\n\n"  # written with the first record: a base that is not there is no file
            )
            for one in bases:
                for chunk in work.records(one):
                    stream.write(beginning + chunk)
                    beginning = b""
                    report(work.entries, f"{work.entries:,} entries")
    if output is not None:
        seconds = max(time.monotonic() - began, 1e-3)
        click.echo(f"{work.entries:,} entries written to {output} in {seconds:.1f} s.", err=True)


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    """Where to write: a file takes its name at the end, so what has the name is complete."""
    if output is None:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # The reader has seen enough; Python must not complain about it again at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(1) from None
        return
    try:
        # For its owner only: names, addresses and group memberships are not for everyone on the machine.
        with unfinished_file(output) as stream:
            yield stream
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}") from None
