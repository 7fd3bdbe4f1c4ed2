"""From measured rounds to a table and a JSON file."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(slots=True)
class Round:
    """One run of one case against one server. Times in microseconds of processor per operation."""

    rate: float
    p50: float
    p99: float
    server_us: float
    load_us: float
    received: float
    second_rate: float | None = None
    second_p50: float | None = None
    second_p99: float | None = None


@dataclass(slots=True)
class Measured:
    """All that was measured of one server."""

    name: str
    version: str
    configuration: str
    import_seconds: float = 0.0
    start_seconds: float = 0.0
    memory_after_start: dict[str, int] = field(default_factory=dict)
    memory_after_load: dict[str, int] = field(default_factory=dict)
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def median(self, case: str, what: str) -> float:
        return float(statistics.median(getattr(one, what) for one in self.rounds[case]))


def machine() -> dict[str, Any]:
    """What the figures depend on and a reader may compare with."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {
        "processor": model or platform.machine(),
        "processors": os.cpu_count(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


Sides = Sequence[Measured]
Titled = Sequence[tuple[str, str, float, str]]
"""Cases as (name, title, wanted ratio, the reference's case that it is wanted against)."""


def print_table(console: Console, sides: Sides, cases: Titled, count: int) -> None:
    """A line per case: both medians, their ratio, the ratio that is wanted, and what an operation costs."""
    title = f"{count:,} people; medians of rounds; rates a second, latency in ms, processor in µs"
    table = Table(title=title, title_justify="left")
    table.add_column("case", no_wrap=True)
    for heading in (*(side.name for side in sides), "ratio", "wanted", "p50", "p99", "server", "load"):
        table.add_column(heading, justify="right")
    for case in cases:
        _add_case(table, sides, *case)
    table.add_section()
    _add_operation(table, sides, count)
    console.print(table)
    for side in sides:
        console.print(f"{side.name}: {side.version}; {side.configuration}", highlight=False)
    console.print(_describe_machine(), highlight=False)


def _ratio(sides: Sides, values: Sequence[float], wanted: float | None = None) -> str:
    """The second value over the first, in the colour of whether it is what is wanted."""
    if len(sides) < 2 or not values[0]:
        return ""
    value = values[1] / values[0]
    if wanted is None:
        return f"{value:.2f}"
    colour = "green" if value >= wanted else "red"
    return f"[{colour}]{value:.2f}[/{colour}]"


def _pair(sides: Sides, case: str, what: str, unit: float = 1.0, digits: int = 2) -> str:
    return " / ".join(f"{side.median(case, what) / unit:.{digits}f}" for side in sides)


def _add_case(table: Table, sides: Sides, name: str, title: str, wanted: float, against: str) -> None:
    rates = [side.median(name, "rate") for side in sides]
    elsewhere = against in sides[0].rounds
    target = f"{wanted:.1f}" if not elsewhere else ""
    latencies = [_pair(sides, name, part, 1000) for part in ("p50", "p99")]
    costs = [_pair(sides, name, part, 1, 1) for part in ("server_us", "load_us")]
    shown = [f"{rate:,.0f}" for rate in rates]
    table.add_row(
        title, *shown, _ratio(sides, rates, None if elsewhere else wanted), target, *latencies, *costs
    )
    if elsewhere:
        rates[0] = sides[0].median(against, "rate")
        table.add_row(
            f"    over slapd's {against} alone", "", "", _ratio(sides, rates, wanted), f"{wanted:.1f}"
        )
    if sides[0].rounds[name][0].second_rate is not None:
        rates = [side.median(name, "second_rate") for side in sides]
        shown = [f"{rate:,.0f}" for rate in rates]
        latencies = [_pair(sides, name, part, 1000) for part in ("second_p50", "second_p99")]
        table.add_row("    the searches (p99 < 10)", *shown, _ratio(sides, rates), "", *latencies)


def _add_operation(table: Table, sides: Sides, count: int) -> None:
    """What is measured once: import, start, memory."""
    rates = [count / side.import_seconds for side in sides]
    table.add_row(
        "import, entries a second (5,000)", *(f"{rate:,.0f}" for rate in rates), _ratio(sides, rates)
    )
    table.add_row("start to first answer, s (1.5)", *(f"{side.start_seconds:.2f}" for side in sides))
    for what in ("private", "anonymous"):
        started = [f"{side.memory_after_start[what] / 2**20:.0f}" for side in sides]
        loaded = [f"{side.memory_after_load[what] / 2**20:.0f}" for side in sides]
        table.add_row(f"{what} memory after the start, MiB (200)", *started)
        table.add_row("    after the load", *loaded)


def _describe_machine() -> str:
    where = machine()
    return (
        f"on {where['processors']} × {where['processor']}, {where['memory_mib']} MiB, "
        f"Linux {where['kernel']}, Python {where['python']}; servers on one processor, load on another"
    )


def print_growth(console: Console, folder: Path, sides: Sides, cases: Titled, count: int) -> None:
    """What an operation costs beside the last run with another number of people: rates of then over now."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        then = json.loads(path.read_text())
        before = int(then["options"]["people"])
        if before != count and [side["name"] for side in then["sides"]] == [side.name for side in sides]:
            break
    else:
        return
    table = Table(title=f"cost of an operation at {count:,} people over that at {before:,} ({path.name})")
    table.add_column("case", no_wrap=True)
    for side in sides:
        table.add_column(side.name, justify="right")
    for name, title, _, _ in cases:
        row = []
        for side, old in zip(sides, then["sides"], strict=True):
            rounds = old["rounds"].get(name)
            rate = statistics.median(one["rate"] for one in rounds) if rounds else 0.0
            row.append(f"{rate / side.median(name, 'rate'):.2f}" if rate else "")
        table.add_row(title, *row)
    imports = [
        f"{(side.import_seconds / count) / (old['import_seconds'] / before):.2f}"
        for side, old in zip(sides, then["sides"], strict=True)
    ]
    table.add_row("import", *imports)
    console.print(table)


def write_json(path: Path, sides: Sequence[Measured], options: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "options": dict(options), "sides": [asdict(side) for side in sides]}
    path.write_text(json.dumps(content, indent=1) + "\n")
