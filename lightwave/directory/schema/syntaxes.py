"""LDAP syntaxes: one check for each (RFC 4517 §3.3 and those of the schemas that build on it).

A check takes a value as it came and raises `InvalidValue` if its syntax does not allow it; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Syntax:
    """A syntax; `binary_transfer` marks those whose values travel with `;binary` only (RFC 4522, RFC 4523 §2)."""

    oid: str
    description: str
    check: Callable[[bytes], None]
    human_readable: bool = True
    binary_transfer: bool = False

    def __repr__(self) -> str:
        return f"<Syntax {self.description} {self.oid}>"
