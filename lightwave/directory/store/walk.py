"""A walk over a subtree that many short transactions carry on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightwave.directory.store.reading import ReadTransaction


class TreeWalk:
    """Visits all entries below a base, depth first, a parent before its children; the base itself is not visited.

    Between transactions it remembers names, not cursors: what is added behind its position is not seen, what is
    removed before it is reached is not either.
    """

    __slots__ = ("_stack", "_tenant", "visited")

    def __init__(self, tenant: int, base: int) -> None:
        self._tenant = tenant
        self._stack: list[tuple[int, bytes | None]] = [(base, None)]
        self.visited = 0

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return not self._stack

    def take(self, transaction: ReadTransaction, count: int) -> list[int]:
        """Up to `count` more entry ids, fewer only at the end."""
        tenant, stack = self._tenant, self._stack
        result: list[int] = []
        while stack and len(result) < count:
            parent, after = stack.pop()
            for token, child in transaction.children(tenant, parent, after):
                result.append(child)
                if transaction.has_children(tenant, child):
                    stack.append((parent, token))
                    stack.append((child, None))
                    break
                if len(result) == count:
                    stack.append((parent, token))
                    break
        self.visited += len(result)
        return result
