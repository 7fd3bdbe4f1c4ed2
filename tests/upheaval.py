"""Random changes of a subtree: adds, modifications, renames, moves of whole subtrees, deletions, groups.

Names are few, so that they are taken again soon after they were given up.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from reference import wire
from serving import person, unit

NAMES = "abcd"


class Upheaval:
    """Changes below a base, over one connection; what exists is asked of the server."""

    def __init__(self, connection: wire.Connection, base: str, random: Random) -> None:
        self._connection = connection
        self._base = base
        self._random = random
        self.done = 0

    def go_on(self, connection: wire.Connection) -> None:
        """The same over another connection."""
        self._connection = connection

    def step(self) -> None:
        """One operation that may fail where its name is taken or its entry has children."""
        choices: list[Callable[[], bytes | None]] = [self._add] * 3 + [self._modify] * 2
        choices += [self._rename, self._move, self._delete, self._group, self._member]
        operation = self._random.choice(choices)()
        if operation is not None and self._connection.ask(operation).code == 0:
            self.done += 1

    def _entries(self, of_class: str) -> list[str]:
        found = self._connection.ask(
            wire.search(self._base, filter=("equal", "objectClass", of_class.encode()), attributes=["1.1"])
        )
        return sorted(name.decode() for name, _ in found.entries)

    def _pick(self, names: list[str]) -> str | None:
        below = [name for name in names if name != self._base]
        return self._random.choice(below) if below else None

    def _name(self) -> str:
        return self._random.choice(NAMES)

    def _add(self) -> bytes | None:
        parent = self._random.choice(self._entries("organizationalUnit"))
        if self._random.random() < 0.3:
            name = self._name()
            return wire.add(f"ou={name},{parent}", unit(name))
        name = self._name()
        return wire.add(f"uid={name},{parent}", person(name))

    def _modify(self) -> bytes | None:
        name = self._pick(self._entries("inetOrgPerson"))
        value = str(self._random.randrange(1000)).encode()
        return None if name is None else wire.modify(name, [(wire.REPLACE, "description", [value])])

    def _rename(self) -> bytes | None:
        name = self._pick(self._entries("top"))
        return (
            None if name is None else wire.modify_dn(name, f"{name.partition('=')[0]}={self._name()}", True)
        )

    def _move(self) -> bytes | None:
        name = self._pick(self._entries("top"))
        target = self._random.choice(self._entries("organizationalUnit"))
        return None if name is None else wire.modify_dn(name, name.partition(",")[0], True, target)

    def _delete(self) -> bytes | None:
        name = self._pick(self._entries("top"))
        return None if name is None else wire.delete(name)

    def _group(self) -> bytes | None:
        member = self._pick(self._entries("inetOrgPerson"))
        name = self._name()
        parent = self._random.choice(self._entries("organizationalUnit"))
        return (
            None
            if member is None
            else wire.add(
                f"cn={name},{parent}",
                [("objectClass", [b"groupOfNames"]), ("cn", [name.encode()]), ("member", [member.encode()])],
            )
        )

    def _member(self) -> bytes | None:
        group = self._pick(self._entries("groupOfNames"))
        member = self._pick(self._entries("inetOrgPerson"))
        if group is None or member is None:
            return None
        return wire.modify(group, [(wire.ADD, "member", [member.encode()])])
