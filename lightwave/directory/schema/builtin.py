"""The definitions that come with the server: the LDIF files in `data`, in the order of their names.

Each file is one record whose attributes are those of a subschema subentry (RFC 4512 §4.2).
"""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO

from lightwave.directory.ldap.ldif import ContentRecord, read_ldif
from lightwave.directory.schema.definitions import Definition
from lightwave.directory.schema.errors import SchemaError
from lightwave.directory.schema.reading import READERS, parse_definition


def load_builtin_definitions() -> tuple[Definition, ...]:
    """Every built-in definition; raises `SchemaError` naming the file for one that cannot be read."""
    found: list[Definition] = []
    folder = files(__package__).joinpath("data")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if not file.name.endswith(".ldif"):
            continue
        with BytesIO(file.read_bytes()) as stream:
            for record in read_ldif(stream):
                if not isinstance(record, ContentRecord):
                    raise SchemaError(f"{file.name} holds changes")
                for name, value in record.attributes:
                    if name.lower() in READERS:
                        found.append(_parse(file.name, name, value))
    return tuple(found)


def _parse(file: str, name: str, value: bytes) -> Definition:
    try:
        return parse_definition(name, value)
    except SchemaError as error:
        raise SchemaError(f"{file}: {error}: {value[:120].decode(errors='replace')}") from error
