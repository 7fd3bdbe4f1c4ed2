"""What is measured: each case is a set of connection groups over files of ready-made requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import people
from load import Group
from reference import wire


@dataclass(frozen=True, slots=True)
class Case:
    """`groups` run at once, and the first one's rate is the case's figure.

    target: at least this ratio of rates is wanted, ours over slapd's in the case `against` (or in this one).
    timed False sends each request once.
    """

    name: str
    title: str
    groups: tuple[Group, ...]
    target: float
    timed: bool = True
    against: str = ""


class RequestFiles:
    """Writes files of requests into a folder: the same ones for every server."""

    def __init__(self, folder: Path, population: int, seed: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._population = population
        self._chance = random.Random(seed)

    def write(self, name: str, operations: Iterable[bytes]) -> Path:
        path = self._folder / name
        path.write_bytes(wire.request_file(operations))
        return path

    def people(self, count: int) -> Iterator[int]:
        """Numbers of people in no order, some of them more than once."""
        return (self._chance.randrange(self._population) for _ in range(count))

    def base_searches(self, count: int) -> Path:
        return self.write("base", (wire.search(people.name(n), wire.BASE) for n in self.people(count)))

    def equality_searches(self, count: int) -> Path:
        found = (
            wire.search(people.SUFFIX, wire.SUBTREE, ("equal", "uid", people.uid(n).encode()))
            for n in self.people(count)
        )
        return self.write("equality", found)

    def modifies(self, count: int) -> Path:
        found = (
            wire.modify(people.name(n), [(wire.REPLACE, "description", [f"Changed {at} times".encode()])])
            for at, n in enumerate(self.people(count))
        )
        return self.write("modify", found)

    def binds(self, count: int) -> Path:
        return self.write("bind", (wire.bind(people.name(n), people.PASSWORD) for n in self.people(count)))

    def new_people(self, count: int) -> tuple[Path, Path]:
        """Additions of people that are not there yet, and the deletions that undo them."""
        numbers = range(self._population + 1_000_000, self._population + 1_000_000 + count)
        added = (wire.add(people.name(n), people.attributes(n)) for n in numbers)
        return self.write("add", added), self.write("delete", (wire.delete(people.name(n)) for n in numbers))


def build_cases(
    folder: Path, population: int, quick: bool
) -> Callable[[tuple[str, str]], Mapping[str, Case]]:
    """Writes the requests; the cases for a server whose administrator has this name and password.

    Searches are done as an ordinary person, so that each server's access rules are at work; writes as the
    administrator.
    """
    files = RequestFiles(folder, population)
    distinct = min(max(population, 10_000), 200_000)
    base, equality = files.base_searches(distinct), files.equality_searches(distinct)
    modify, bind = files.modifies(50_000), files.binds(min(population, 10_000))
    add, delete = files.new_people(1_000 if quick else 4_000)
    person = files.write("as-person", [wire.bind(people.name(0), people.PASSWORD)])

    def cases(administrator: tuple[str, str]) -> Mapping[str, Case]:
        writer = files.write(f"as-{administrator[0].partition(',')[0]}", [wire.bind(*administrator)])
        reader, admin = _bare(person), _bare(writer)
        searching = Group("search", equality, 8, 1, 1, reader)
        modifying = Group("modify", modify, 16, 1, -1, admin)
        found = [
            Case("base-1", "base search, 8 connections", (Group("base", base, 8, 1, 1, reader),), 1.0),
            Case("base-8", "  8 outstanding each", (Group("base", base, 8, 8, 1, reader),), 1.0),
            Case("equality-1", "equality search, 8 connections", (searching,), 1.0),
            Case("equality-8", "  8 outstanding each", (Group("search", equality, 8, 8, 1, reader),), 1.0),
            Case("bind", "simple bind, {SSHA}, 8 connections", (Group("bind", bind, 8),), 1.0),
            Case("modify", "modify, 16 connections", (modifying,), 3.0),
            Case("mixed", "  while 8 more search", (modifying, searching), 1.5, against="modify"),
            Case("add", "add, 16 connections", (Group("add", add, 16, 1, -1, admin),), 2.0, timed=False),
            Case("delete", "delete, 16", (Group("delete", delete, 16, 1, -1, admin),), 2.0, timed=False),
        ]
        return {case.name: case for case in found}

    return cases


def _bare(path: Path) -> Path:
    """A file with the one operation of `path` and no length before it: what load.c binds with."""
    bare = path.with_suffix(".op")
    bare.write_bytes(path.read_bytes()[4:])
    return bare
