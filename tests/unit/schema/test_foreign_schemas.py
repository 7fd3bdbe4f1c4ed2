"""Schemas and entries that others wrote: OpenLDAP's and 389 Directory Server's own files.

They stand where Debian's package slapd puts them, and in 389-ds-base, which is fetched and unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import lacks
from foreign_files import FetchError, dirsrv
from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.ldap.ldif import ContentRecord, read_ldif
from lightwave.directory.schema.attribute import AttributeDescription
from lightwave.directory.schema.checks import check_entry
from lightwave.directory.schema.definitions import AttributeTypeDefinition, Definition, ObjectClassDefinition
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.reading import READERS, parse_definition
from lightwave.directory.schema.schema import Schema

OPENLDAP = Path("/etc/ldap/schema")


def dirsrv_folder() -> Path:
    """389-ds-base's folder; without it the test ends."""
    try:
        return dirsrv()
    except FetchError:
        lacks("389-ds-base")
        raise


def definitions_of_ldif(path: Path) -> Iterator[Definition]:
    with path.open("rb") as stream:
        for record in read_ldif(stream):
            assert isinstance(record, ContentRecord)
            for name, value in record.attributes:
                kind = name.lower().removeprefix("olc")
                if kind in READERS:
                    yield parse_definition(kind, value)


def definitions_of_directives(path: Path) -> Iterator[Definition]:
    """`attributetype ( … )` and `objectclass ( … )` as slapd.conf has them, with `objectidentifier` macros."""
    text = re.sub(r"^#.*\n", "", path.read_text(errors="replace"), flags=re.MULTILINE)
    macros: dict[str, str] = {}
    kinds = {
        "attributetype": "attributeTypes",
        "objectclass": "objectClasses",
        "ditcontentrule": "dITContentRules",
    }
    for statement in re.split(r"\n(?=\S)", text):
        keyword, _, body = statement.strip().partition(" ")
        if "\t" in keyword:
            keyword, _, body = statement.strip().partition("\t")
        if keyword.lower() == "objectidentifier":
            name, oid = body.split()
            macros[name] = expand(macros, oid)
        elif keyword.lower() in kinds:
            expanded = re.sub(
                r"(?<=[\s('])[A-Za-z]\w*:[\d.]+", lambda found: expand(macros, found.group()), body
            )
            yield parse_definition(kinds[keyword.lower()], expanded.encode())


def expand(macros: dict[str, str], oid: str) -> str:
    name, _, rest = oid.partition(":")
    base = macros.get(name, name)
    return f"{base}.{rest}" if rest else base


def test_openldaps_schemas_can_be_read() -> None:
    if not OPENLDAP.is_dir():
        lacks("slapd's schema")
    for path in sorted(OPENLDAP.glob("*.ldif")):
        assert list(definitions_of_ldif(path)), path
    for path in sorted(OPENLDAP.glob("*.schema")):
        assert list(definitions_of_directives(path)), path


@pytest.mark.parametrize("name", ["java", "corba"])
def test_openldaps_schemas_can_be_added(schema: Schema, name: str) -> None:
    path = OPENLDAP / f"{name}.ldif"
    if not path.exists():
        lacks("slapd's schema")
    added = list(definitions_of_ldif(path))
    assert schema.with_definitions(add=added).added_definitions() == tuple(added)


def test_what_we_define_agrees_with_openldap(schema: Schema) -> None:
    """Where OpenLDAP has a definition under our identifier, the name is one of ours too."""
    if not OPENLDAP.is_dir():
        lacks("slapd's schema")
    compared = 0
    for path in sorted(OPENLDAP.glob("*.schema")):
        for definition in definitions_of_directives(path):
            if not isinstance(definition, AttributeTypeDefinition | ObjectClassDefinition):
                continue
            ours = schema.attribute(definition.oid) or schema.object_class(definition.oid)
            if ours is not None:
                compared += 1
                assert {one.lower() for one in definition.names} & {one.lower() for one in ours.names}, (
                    definition
                )
    assert compared > 300


def test_389s_schemas_can_be_read() -> None:
    folder = dirsrv_folder() / "schema"
    if not folder.is_dir():
        lacks("389-ds-base")
    assert sum(len(list(definitions_of_ldif(path))) for path in sorted(folder.glob("*.ldif"))) > 1_000


@pytest.mark.parametrize("name", ["Example.ldif", "Ace.ldif"])
def test_389s_example_passes_every_check(schema: Schema, name: str) -> None:
    path = dirsrv_folder() / "data" / name
    if not path.exists():
        lacks("389-ds-base")
    names = set()
    with path.open("rb") as stream:
        for record in read_ldif(stream):
            assert isinstance(record, ContentRecord)
            attributes: dict[AttributeDescription, list[bytes]] = {}
            for text, value in record.attributes:
                description = schema.describe(text)
                assert description is not None, text
                attributes.setdefault(description, []).append(value)
            check_entry(schema, attributes, parse_dn(record.dn)[0])
            names.add(normalise_dn_text(schema, record.dn))
    assert len(names) > 150
