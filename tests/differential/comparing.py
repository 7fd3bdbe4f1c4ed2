"""Answers in a form in which two servers' can be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import ldap
import ldap.dn

from reference import wire

_OPERATIONAL = {
    "createtimestamp",
    "modifytimestamp",
    "creatorsname",
    "modifiersname",
    "entryuuid",
    "entrycsn",
    "entrydn",
    "subschemasubentry",
    "numsubordinates",
    "objectguid",
    "distinguishedname",
    "usncreated",
    "usnchanged",
    "memberof",
    "contextcsn",
    "name",
}
"""Attributes whose values each server chooses (`name` is the RDN's value here); the others have to agree."""

NAME_VALUED = {"member", "seealso", "manager", "owner", "secretary", "roleoccupant", "aliasedobjectname"}


# Ours keeps the spelling of a DN as it was given; slapd replaces a type's number by its name.
_TYPE_NAMES = {"2.5.4.3": "cn"}


def same_name(name: str | bytes) -> str:
    """A DN in one spelling: lower case, no spaces around separators, AVAs in order of their type."""
    text = name.decode(errors="replace") if isinstance(name, bytes) else name
    try:
        parsed = ldap.dn.str2dn(text)
    except ldap.DECODING_ERROR:
        return text.lower()
    rdns = []
    for rdn in parsed:
        avas = [
            (_TYPE_NAMES.get(type_, type_.lower()), re.sub(r"\s+", " ", value.strip()).lower())
            for type_, value, _ in rdn
        ]
        rdns.append("+".join(f"{type_}={value}" for type_, value in sorted(avas)))
    return ",".join(rdns)


_SUPERIORS = {
    "inetorgperson": ("organizationalPerson", "person", "top"),
    "organizationalperson": ("person", "top"),
    "extensibleobject": ("top",),
    "posixaccount": ("top",),
    "uidobject": ("top",),
    "labeleduriobject": ("top",),
}


def _with_superiors(classes: list[bytes]) -> tuple[bytes, ...]:
    """Object classes with all above them. RFC 4512, 3.3, adds them to the entry; slapd only matches them."""
    found = {name.decode(errors="replace").lower() for name in classes}
    for name in tuple(found):
        found |= {superior.lower() for superior in _SUPERIORS.get(name, ("top",))}
    return tuple(sorted(name.encode() for name in found))


def _same_value(attribute: str, value: bytes) -> bytes:
    if attribute.partition(";")[0] in NAME_VALUED:
        return same_name(value).encode()
    return value


def _same_description(description: str) -> str:
    type_, *options = description.lower().split(";")
    return ";".join([type_, *sorted(options)])


Entries = Mapping[str, Mapping[str, tuple[bytes, ...]]]


@dataclass(frozen=True, slots=True)
class Comparable:
    """An answer without what servers may choose freely. code None: the server closed the connection."""

    code: int | None
    matched: str
    entries: Entries
    diagnostic: str = ""
    """For the reader of a report; not compared."""

    def differences(self, other: Comparable) -> list[str]:
        """What is not the same, in words; empty when all is."""
        found = []
        if self.code != other.code:
            found.append(f"code {self.code} / {other.code}")
        if self.matched != other.matched:
            found.append(f"matched {self.matched!r} / {other.matched!r}")
        for name in sorted({*self.entries, *other.entries}):
            mine, theirs = self.entries.get(name), other.entries.get(name)
            if mine is None or theirs is None:
                found.append(
                    f"entry {name}: {'missing' if mine is None else 'there'} / "
                    f"{'missing' if theirs is None else 'there'}"
                )
                continue
            for attribute in sorted({*mine, *theirs}):
                if mine.get(attribute) != theirs.get(attribute):
                    found.append(f"{name} {attribute}: {mine.get(attribute)} / {theirs.get(attribute)}")
        return found


def without_links(tree: Comparable) -> Comparable:
    """A tree without attributes whose values are names of entries."""
    entries = {
        name: {a: values for a, values in attributes.items() if a.partition(";")[0] not in NAME_VALUED}
        for name, attributes in tree.entries.items()
    }
    return Comparable(tree.code, tree.matched, entries)


def comparable(answer: wire.Answer) -> Comparable:
    entries: dict[str, dict[str, tuple[bytes, ...]]] = {}
    for name, attributes in answer.entries:
        kept: dict[str, tuple[bytes, ...]] = {}
        for description, values in attributes.items():
            attribute = _same_description(description)
            if attribute == "objectclass" and values:
                kept[attribute] = _with_superiors(values)
            elif attribute not in _OPERATIONAL:
                kept[attribute] = tuple(sorted(_same_value(attribute, value) for value in values))
        entries[same_name(name)] = kept
    return Comparable(answer.code, same_name(answer.matched), entries, answer.diagnostic)


CLOSED = Comparable(None, "", {})
