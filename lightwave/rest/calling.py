"""By which names a resource's entry is called: its GUID, its SID, its distinguished name, or what its kind is named by.

A name becomes the value of equality assertions and never a part of a filter's text, so nothing in it has a meaning
of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.sid import parse_sid
from lightwave.directory.ldap.filters import And, Equality, Filter, Or
from lightwave.rest.directory_port import DirectoryPort, Found
from lightwave.rest.tenancy import Domain
from lightwave.web.messages import Request
from lightwave.web.problems import Problem


class Kind(NamedTuple):
    """A kind of entries. word: for sentences. wanted: what makes an entry one. names: attributes, in the order
    in which they are asked. suffix: with which sAMAccountName ends, though nobody says it.
    """

    word: str
    wanted: Filter
    names: tuple[str, ...]
    suffix: str = ""


async def locate(
    port: DirectoryPort, request: Request, domain: Domain, kind: Kind, name: str, attributes: Sequence[str]
) -> Found:
    """The one entry of a kind that `name` calls; raises Problem 404, or 409 where more than one has the name."""
    found = await _located(port, request, domain, kind, name, attributes)
    if found is None:
        raise Problem(404, f"there is no {kind.word} {name!r} in {domain.dns_name}")
    return found


async def _located(
    port: DirectoryPort, request: Request, domain: Domain, kind: Kind, name: str, attributes: Sequence[str]
) -> Found | None:
    value = name.encode("utf-8", "surrogateescape")
    if "=" in name and domain.contains(port.schema, value):
        by_dn = await port.read(request, value, kind.wanted, attributes)
        if by_dn is not None:
            return by_dn
    assertions = [*_identifiers(name), *(Equality(one, value) for one in kind.names)]
    if kind.suffix:
        assertions.append(Equality("sAMAccountName", value + kind.suffix.encode()))
    anyhow = await port.find(request, domain.dn, And((Or(tuple(assertions)), kind.wanted)), attributes)
    if len(anyhow) < 2:
        return anyhow[0] if anyhow else None
    for assertion in assertions:
        found = await port.find(request, domain.dn, And((assertion, kind.wanted)), attributes)
        if len(found) > 1:
            raise Problem(
                409, f"more than one {kind.word} has the name {name!r}: ask by distinguished name or id"
            )
        if found:
            return found[0]
    return None


def _identifiers(name: str) -> list[Equality]:
    """Assertions about the GUID or SID that a name spells."""
    if len(name) == 36 and name.count("-") == 4:
        try:
            return [Equality("entryUUID", str(uuid.UUID(name)).encode())]
        except ValueError:
            return []
    if name[:2].upper() == "S-":
        try:
            return [Equality("objectSid", parse_sid(name.upper()))]
        except DescriptorError:
            return []
    return []
