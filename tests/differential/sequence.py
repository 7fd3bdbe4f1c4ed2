"""The same requests to two servers, and what came back otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from differential import pools
from differential.comparing import CLOSED, Comparable, comparable, without_links
from differential.differences import LINKS_FOLLOW, Difference, explain
from differential.generator import Request, base_tree
from reference import wire

RENEW_EVERY = 60
"""Requests after which the tree is made anew: deletions and renames leave ever less to meet."""


class Peer:
    """A server to ask, signed in as its administrator."""

    def __init__(self, name: str, connect: Callable[[], wire.Connection]) -> None:
        self.name = name
        self._connect = connect
        self._connection = connect()

    def ask(self, request: Request) -> Comparable:
        """The answer; CLOSED where the server ended the connection, and then a new one is opened."""
        try:
            return comparable(self._connection.ask(request.operation, request.controls))
        except wire.ServerClosed:
            self._connection.close()
            self._connection = self._connect()
            return CLOSED

    def tree(self) -> Comparable:
        """All entries of the small tree with their user attributes."""
        return comparable(self._connection.ask(wire.search(pools.BASE)))

    def reset(self) -> None:
        """Makes the small tree anew."""
        found = self._connection.ask(wire.search(pools.BASE, attributes=["1.1"]))
        for name, _ in sorted(found.entries, key=lambda entry: -entry[0].count(b",")):
            self._must(wire.delete(name))
        for new_name, attributes in base_tree():
            self._must(wire.add(new_name, attributes))

    def close(self) -> None:
        self._connection.close()

    def _must(self, operation: bytes) -> None:
        answer = self._connection.ask(operation)
        if answer.code:
            raise AssertionError(f"{self.name}: {answer.code} {answer.diagnostic} to {operation!r}")


@dataclass(slots=True)
class Report:
    """What a run found. unexplained: texts for people; explained: how often each difference applied."""

    asked: int = 0
    succeeded: int = 0
    unexplained: list[str] = field(default_factory=list)
    explained: dict[str, int] = field(default_factory=dict)

    def note(self, difference: Difference) -> None:
        self.explained[difference.title] = self.explained.get(difference.title, 0) + 1


def run(reference: Peer, subject: Peer, requests: Iterable[Request], report: Report) -> None:
    """Asks both; after each write that one of them accepted, the trees have to be the same.

    Where they are not, both trees are made anew, so that one difference is not reported again and again.
    """
    for number, request in enumerate(requests):
        if number % RENEW_EVERY == 0:
            reference.reset()
            subject.reset()
        theirs, ours = reference.ask(request), subject.ask(request)
        report.asked += 1
        report.succeeded += ours.code in (0, 5, 6)
        found = ours.differences(theirs)
        if found:
            difference = explain(request, theirs, ours)
            if difference:
                report.note(difference)
            else:
                report.unexplained.append(_describe(request, theirs, ours, found))
        if request.kind in ("search", "compare") or 0 not in (theirs.code, ours.code):
            continue
        mine, other = subject.tree(), reference.tree()
        trees = mine.differences(other)
        if trees:
            followed = request.kind in ("delete", "modifyDN") and not without_links(mine).differences(
                without_links(other)
            )
            if followed:
                report.note(LINKS_FOLLOW)
            elif not found:
                report.unexplained.append(f"the trees differ after\n{request.text}  " + "\n  ".join(trees))
            reference.reset()
            subject.reset()


def _describe(request: Request, theirs: Comparable, ours: Comparable, found: Sequence[str]) -> str:
    lines = [request.text.rstrip(), f"  slapd: {theirs.code} {theirs.diagnostic}"]
    lines += [f"  ours:  {ours.code} {ours.diagnostic}", *(f"  ours / slapd: {one}" for one in found)]
    return "\n".join(lines)
