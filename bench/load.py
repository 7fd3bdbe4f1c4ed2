"""The load generator's Python side: compiles load.c, runs it on its own processor, checks what came back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("load.c")


class LoadError(Exception):
    """A run whose figures would mean nothing: wrong results, wrong counts, a broken connection."""


@dataclass(frozen=True, slots=True)
class Group:
    """Connections that do the same thing. entries: what each search has to return, -1 for no search."""

    name: str
    requests: Path
    connections: int
    outstanding: int = 1
    entries: int = -1
    bind: Path | None = None

    def arguments(self, start: int) -> list[str]:
        numbers = [str(self.connections), str(self.outstanding), str(self.entries), str(start)]
        return [self.name, str(self.requests), *numbers, str(self.bind) if self.bind else "-"]


@dataclass(frozen=True, slots=True)
class Result:
    """A run: per group what load.c counted, and the processor time that the load itself took."""

    groups: dict[str, dict[str, Any]]
    processor_seconds: float

    @property
    def completed(self) -> int:
        return sum(int(group["completed"]) for group in self.groups.values())


def compile_load(folder: Path) -> Path:
    """The compiled generator in `folder`, newer than its source."""
    program = folder / "load"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        warnings = ["-Wall", "-Wextra", "-std=gnu11"]
        subprocess.run(["gcc", "-O2", *warnings, "-o", str(program), str(SOURCE)], check=True)
    return program


def run_load(
    program: Path,
    port: int,
    groups: Sequence[Group],
    *,
    cpus: set[int],
    seconds: float,
    start: int = 0,
    warmup: float = 0.3,
) -> Result:
    """Runs `groups` at once for `seconds`; 0 sends every request once. A wrong answer raises LoadError."""
    arguments = ["127.0.0.1", str(port), str(seconds), str(warmup)]
    for group in groups:
        arguments += group.arguments(start)
    done = subprocess.run(
        [str(program), *arguments],
        capture_output=True,
        timeout=seconds + 600,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    if done.returncode:
        raise LoadError(done.stderr.decode().strip())
    raw = json.loads(done.stdout)
    found = {group["name"]: group for group in raw["groups"]}
    for name, counted in found.items():
        wrong = {code: count for code, count in counted["codes"].items() if code != "0"}
        if wrong or counted["mismatches"] or not counted["completed"]:
            raise LoadError(
                f"{name}: results {wrong}, {counted['mismatches']} with a wrong number of entries"
            )
    return Result(found, raw["processor_seconds"])
