"""`make bench`: ours beside slapd, same data, same requests, same run.

Both servers run at once on one processor and only one of them is asked at a time; the load runs on another
processor. Every case goes to one and then to the other, again and again, and the median of the rounds counts,
so that what the machine does besides falls on both.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # the reference server and the node are the tests' own

import people  # noqa: E402 - only now are the shared modules on the path
from cases import Case, build_cases  # noqa: E402
from load import LoadError, compile_load, run_load  # noqa: E402
from report import Measured, Round, print_growth, print_table, write_json  # noqa: E402
from sides import Side, make_side, processor_seconds, resident_memory  # noqa: E402

# A table that is written to a file is not cut to a terminal that is not there.
console = Console(width=None if sys.stdout.isatty() else 132)


def choose_processors() -> tuple[set[int], set[int]]:
    """One for the servers and one for the load."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise click.ClickException("two processors are needed: one for the servers and one for the load")
    return {available[0]}, {available[1]}


def prepare(side: Side, ldif: Path, servers: set[int]) -> Measured:
    """Loads the data and starts the server."""
    measured = Measured(side.name, side.version, side.configuration)
    console.print(f"  {side.name}: loading", end="")
    measured.import_seconds = side.load(ldif)
    console.print(f" took {measured.import_seconds:.1f} s,", end="")
    measured.start_seconds = side.start(servers)
    measured.memory_after_start = resident_memory(side.pid)
    console.print(f" starting {measured.start_seconds:.2f} s", highlight=False)
    return measured


def run_once(program: Path, side: Side, case: Case, load_cpus: set[int], seconds: float, start: int) -> Round:
    """One case, once, against one server."""
    spent = processor_seconds(side.pid)
    duration = seconds if case.timed else 0.0
    warmup = 0.3 if case.timed else 0.0
    result = run_load(
        program, side.port, case.groups, cpus=load_cpus, seconds=duration, start=start, warmup=warmup
    )
    # The warm-up is in the server's time and not in the count: take its share off.
    spent = (processor_seconds(side.pid) - spent) * (duration / (duration + warmup) if case.timed else 1.0)
    first, *others = (result.groups[group.name] for group in case.groups)
    done = result.completed
    return Round(
        rate=first["rate"],
        p50=first["p50"],
        p99=first["p99"],
        server_us=spent / done * 1e6,
        load_us=result.processor_seconds / done * 1e6,
        received=sum(group["received"] for group in result.groups.values()) / done,
        second_rate=others[0]["rate"] if others else None,
        second_p50=others[0]["p50"] if others else None,
        second_p99=others[0]["p99"] if others else None,
    )


def measure(
    program: Path, sides: list[Side], measured: list[Measured], folder: Path, options: dict[str, Any]
) -> list[tuple[str, str, float, str]]:
    """All cases in alternating rounds; what the table says of them."""
    _, load_cpus = choose_processors()
    cases_for = build_cases(folder, options["people"], options["quick"])
    per_side = [cases_for(side.administrator) for side in sides]
    wanted = [name for name in per_side[0] if not options["case"] or name in options["case"]]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(wanted) * options["rounds"] * len(sides))
        # Deletions undo additions, so a round runs all cases before the next round begins.
        for turn in range(options["rounds"]):
            for name in wanted:
                for at, side in enumerate(sides):
                    case = per_side[at][name]
                    progress.update(task, description=f"{case.title.strip()}: {side.name}")
                    one = run_once(program, side, case, load_cpus, options["seconds"], turn * 7_919)
                    measured[at].rounds.setdefault(name, []).append(one)
                    progress.advance(task)
    cases = per_side[0]
    return [(name, cases[name].title, cases[name].target, cases[name].against) for name in wanted]


def warn_of_costly_load(sides: list[Measured]) -> None:
    for side in sides:
        for name in side.rounds:
            load, server = side.median(name, "load_us"), side.median(name, "server_us")
            if load > server:
                console.print(
                    f"[red]{name} on {side.name}: the load cost {load:.1f} µs, the server {server:.1f} µs"
                )


@click.command()
@click.option("--people", "population", default=10_000, show_default=True, help="how many people")
@click.option("--seconds", default=2.0, show_default=True, help="length of a timed run")
@click.option("--rounds", default=3, show_default=True, help="runs of each case against each server")
@click.option("--case", multiple=True, help="only this case; may be given again")
@click.option("--sides", "kinds", default="slapd,lightwave", show_default=True, help="what to compare")
@click.option("--quick", is_flag=True, help="one short round: whether it works, not how fast")
def main(
    population: int, seconds: float, rounds: int, case: tuple[str, ...], kinds: str, quick: bool
) -> None:
    """Ours beside slapd: rates, latencies, import, start and memory, with ratios."""
    if quick:
        seconds, rounds = 0.5, 1
    options = {"people": population, "seconds": seconds, "rounds": rounds, "case": case, "quick": quick}
    folder = ROOT / "build" / "bench"
    program = compile_load(folder)
    ldif = folder / f"people-{population}.ldif"
    console.print(f"{population:,} people")
    people.write_ldif(ldif, population)
    servers, _ = choose_processors()
    chosen = kinds.split(",")
    sides: list[Side] = []
    try:
        for at, kind in enumerate(chosen):
            name = kind if chosen.count(kind) == 1 else f"{kind} {at + 1}"
            sides.append(make_side(kind, folder / f"side-{at}", name))
        measured = [prepare(side, ldif, servers) for side in sides]
        cases = measure(program, sides, measured, folder / "requests", options)
        for side, found in zip(sides, measured, strict=True):
            found.memory_after_load = resident_memory(side.pid)
    except LoadError as error:
        raise click.ClickException(str(error)) from error
    finally:
        for side in sides:
            side.stop()
    print_table(console, measured, cases, population)
    warn_of_costly_load(measured)
    print_growth(console, ROOT / "bench" / "results", measured, cases, population)
    path = ROOT / "bench" / "results" / time.strftime(f"{population}-%Y%m%d-%H%M%S.json")
    write_json(path, measured, options)
    console.print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
