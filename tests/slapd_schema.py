"""Schema files of slapd.conf's format as definitions that LDAP takes (RFC 4512 section 4.1)."""

from __future__ import annotations

import re
from pathlib import Path

_DIRECTIVES = {
    "attributetype": "attributeTypes",
    "attributetypes": "attributeTypes",
    "objectclass": "objectClasses",
    "objectclasses": "objectClasses",
}


def read_definitions(path: Path) -> list[tuple[str, bytes]]:
    """(attribute of the subschema subentry, definition) of each directive; objectIdentifier macros are expanded."""
    macros: dict[str, str] = {}
    found: list[tuple[str, bytes]] = []
    text = re.sub(r"(?m)^#.*\n?", "", path.read_text())
    for directive in re.sub(r"\n[ \t]+", " ", text).splitlines():
        name, _, rest = directive.strip().partition(" ")
        if name.lower() == "objectidentifier":
            macro, value = rest.split()
            macros[macro.lower()] = _expand(macros, value)
        elif kind := _DIRECTIVES.get(name.lower()):
            opening, oid, body = rest.split(None, 2)
            assert opening == "("
            found.append((kind, f"( {_expand(macros, oid)} {body}".encode()))
    return found


def _expand(macros: dict[str, str], oid: str) -> str:
    prefix, colon, suffix = oid.partition(":")
    known = macros.get(prefix.lower())
    if known is None:
        return oid
    return f"{known}.{suffix}" if colon else known
