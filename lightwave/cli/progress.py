"""Progress bars: on a terminal only, on standard error, never with --json."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Report = Callable[[float, str], None]
"""Called with what is done, in the unit of the total, and a text about it."""


def _nothing(done: float, text: str) -> None:
    return


@contextmanager
def progress_bar(title: str, total: float | None, *, quiet: bool) -> Iterator[Report]:
    """A bar for one piece of work; `total` None where nobody knows. Without a terminal it shows nothing."""
    if quiet or not sys.stderr.isatty():
        yield _nothing
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total, text="")

        def report(done: float, text: str) -> None:
            progress.update(task, completed=done, text=text)

        yield report


def stages(report: Report) -> Callable[[str, int, int], None]:
    """Progress of work in stages, of which each fills the bar anew: (stage, what is done, what there is)."""

    def progress(stage: str, done: int, total: int) -> None:
        report(done / total if total else 1.0, stage)

    return progress
