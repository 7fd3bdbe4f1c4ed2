"""`lightwave import`: load an LDIF file of entries."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import click

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.cli.progress import progress_bar
from lightwave.directory.operations.bulk_entries import ImportRefused
from lightwave.directory.operations.bulk_import import ImportCounts, ImportOptions
from lightwave.server.configuration import load_configuration
from lightwave.server.node import open_store, schema_source
from lightwave.server.offline import bulk_import

EPILOG = """\b
Examples:
  lightwave import people.ldif --data ./data
  lightwave import Example.ldif --data ./data --create-context
  slapcat | lightwave import - --data ./data --ignore authTimestamp

\b
Exit codes: 0 all is in. 1 it stopped at a record, which is named as FILE:LINE: DN: reason;
what stood before it is in the directory, and --continue goes on from there.
"""


class CountingStream:
    """A binary file that knows how much of it was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.octets = 0

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        data = self._stream.read(size)
        self.octets += len(data)
        return data


@dataclass(frozen=True, slots=True)
class _Result:
    """What is told at the end."""

    counts: ImportCounts
    seconds: float
    error: ImportRefused | None

    @property
    def rate(self) -> int:
        return int(self.counts.added / self.seconds) if self.seconds else 0


@click.command(name="import", epilog=EPILOG)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@data_option
@click.option(
    "--create-context",
    is_flag=True,
    help="Make the file's first entry a naming context when its parent does not exist.",
)
@click.option(
    "--continue",
    "skip_existing",
    is_flag=True,
    help="Leave entries that exist as they are and go on: resumes an import that was stopped or killed.",
)
@click.option(
    "--ignore",
    "left_out",
    multiple=True,
    metavar="ATTRIBUTE",
    help="Leave this attribute out wherever it stands; may be given several times.",
)
@click.option(
    "--any-password",
    is_flag=True,
    help="Take passwords in clear that the password policy would refuse. Hashed ones are always taken.",
)
@json_option
def command(
    file: Path,
    data: Path,
    create_context: bool,
    skip_existing: bool,
    left_out: tuple[str, ...],
    any_password: bool,
    as_json: bool,
) -> None:
    """Add the entries of an LDIF FILE (RFC 2849) to the directory in DATA; `-` reads standard input.

    Parents come before children. Each entry is checked as if a client added it; entries are committed some
    thousand at a time, whether or not a server runs on the same data. entryUUID, createTimestamp,
    modifyTimestamp, creatorsName and modifiersName of an export are kept, and so is nTSecurityDescriptor, less
    what it inherits; what a server works out for itself (entryCSN, memberOf, hasSubordinates …) is left out.
    Passwords in clear are held to the password policy and hashed, hashed ones are taken as they are. For files
    with changes (changetype:) use ldapmodify.
    """
    configuration = load_configuration(data.absolute())
    options = ImportOptions(create_context, skip_existing, frozenset(left_out), any_password)
    with _open(file) as (stream, size), open_store(configuration) as store:
        counting = CountingStream(stream)
        with (
            ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as executor,
            progress_bar("importing", size, quiet=as_json) as report,
        ):
            work = bulk_import(configuration, store, schema_source(store), executor, options)
            began = time.monotonic()

            def progress(counts: ImportCounts) -> None:
                rate = counts.added / max(time.monotonic() - began, 1e-3)
                report(counting.octets, f"{counts.added:,} entries, {rate:,.0f}/s")

            error = None
            try:
                work.run(cast("BinaryIO", counting), progress)
            except ImportRefused as refusal:
                error = refusal
            finally:
                executor.shutdown(wait=False, cancel_futures=True)
    _tell(str(file), _Result(work.counts, time.monotonic() - began, error), as_json)


@contextmanager
def _open(file: Path) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file and its size; the size of what comes through a pipe is not known."""
    if str(file) == "-":
        yield sys.stdin.buffer, None
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise click.ClickException(f"{file} can't be read: {error.strerror}") from None
    with stream:
        yield stream, os.fstat(stream.fileno()).st_size or None


def _tell(file: str, result: _Result, as_json: bool) -> None:
    counts, refusal = result.counts, result.error
    where = ""
    if refusal is not None:
        name = refusal.dn.decode("utf-8", "replace")
        where = ": ".join(part for part in (f"{file}:{refusal.line}", name, refusal.message) if part)
    if as_json:
        print_json(
            {
                "added": counts.added,
                "skipped": counts.skipped,
                "contexts": [dn.decode("utf-8", "replace") for dn in counts.contexts],
                "seconds": round(result.seconds, 3),
                "entriesPerSecond": result.rate,
                "error": None if refusal is None else _error(refusal),
            }
        )
    else:
        for context in counts.contexts:
            click.echo(f"New naming context {context.decode('utf-8', 'replace')}.")
        skipped = f", {counts.skipped:,} were there already" if counts.skipped else ""
        click.echo(f"{counts.added:,} entries added in {result.seconds:.1f} s ({result.rate:,}/s){skipped}.")
    if refusal is not None:
        if not as_json:
            click.echo(f"{where}.", err=True)
            if counts.added:
                click.echo(
                    "What stood before it is in the directory: correct it and use --continue.", err=True
                )
        raise click.exceptions.Exit(1)


def _error(refusal: ImportRefused) -> dict[str, object]:
    dn = refusal.dn.decode("utf-8", "replace")
    return {"line": refusal.line, "dn": dn, "message": refusal.message}
