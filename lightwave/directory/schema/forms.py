"""One value -> the bytes in which a matching rule compares it (RFC 4517 §4.2).

Every function raises `InvalidValue` for a value that its rule cannot compare.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lightwave.directory.schema import stringprep, syntax_checks
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.matching import Names

Normaliser = Callable[[bytes], bytes]


def integer(value: bytes) -> bytes:
    """An INTEGER is canonical as it stands: its syntax allows no leading zeros."""
    syntax_checks.check_integer(value)
    return value


def integer_key(value: bytes) -> bytes:
    """Bytes that sort as integers of any size do.

    Sign (1 byte), length of the magnitude (2 bytes), magnitude; the last two are complemented below zero.
    """
    syntax_checks.check_integer(value)
    number = int(value)
    magnitude = abs(number).to_bytes((abs(number).bit_length() + 7) // 8, "big")
    key = len(magnitude).to_bytes(2, "big") + magnitude
    return b"\x01" + key if number >= 0 else b"\x00" + key.translate(_COMPLEMENT)


_COMPLEMENT: Final = bytes(range(255, -1, -1))


def numeric_string(value: bytes) -> bytes:
    """Digits without spaces (RFC 4517 §4.2.22)."""
    syntax_checks.check_numeric_string(value)
    return stringprep.prepare_numeric(value) or b" "


def boolean(value: bytes) -> bytes:
    """TRUE or FALSE."""
    syntax_checks.check_boolean(value)
    return value


def bit_string(value: bytes) -> bytes:
    """A bit string; no named bit list is known here, so trailing zeros count (RFC 4517 §4.2.1)."""
    syntax_checks.check_bit_string(value)
    return value


def ia5(prepare: Normaliser) -> Normaliser:
    """The same preparation for ASCII alone."""

    def normalise(value: bytes) -> bytes:
        if not value.isascii():
            raise InvalidValue("not an IA5 String")
        return prepare(value)

    return normalise


def octet_string(value: bytes) -> bytes:
    """Octets are compared as they are."""
    return value


def telephone_number(value: bytes) -> bytes:
    """Without spaces and hyphens, in lower case (RFC 4517 §4.2.29)."""
    return stringprep.prepare_telephone(value) or b" "


def uuid(value: bytes) -> bytes:
    """The 16 octets of a UUID (RFC 4530 §2.2)."""
    syntax_checks.check_uuid(value)
    return bytes.fromhex(value.replace(b"-", b"").decode("ascii"))


def change_sequence_number(value: bytes) -> bytes:
    """OpenLDAP's CSN in its newest form, in lower case: time with microseconds, count, server, modification."""
    syntax_checks.check_csn(value)
    time, count, server, modification = value.lower().split(b"#")
    if b"." not in time:
        time = time[:-1] + b".000000z"
    return b"#".join((time.upper(), count, server.rjust(3, b"0"), modification))


_LIST_ESCAPE: Final = re.compile(rb"\\(24|5[Cc])")


def list_of_lines(value: bytes) -> bytes:
    """Lines between `$`, each prepared with case folded (RFC 4517 §4.2.9)."""
    lines = [
        stringprep.prepare_fold(
            _LIST_ESCAPE.sub(lambda found: b"$" if found.group(1) == b"24" else b"\\", line)
        )
        for line in value.split(b"$")
    ]
    return b"$".join(line.replace(b"\\", b"\\5c").replace(b"$", b"\\24") for line in lines)


def first_component(normalise: Normaliser) -> Normaliser:
    """The first component of a description, or an assertion value as it is (RFC 4517 §4.2.15, §4.2.26)."""

    def component(value: bytes) -> bytes:
        found = _FIRST_COMPONENT.match(value)
        if found is None:
            return normalise(value)
        text: bytes = found.group(1) or found.group(2) or found.group(3) or b""
        try:
            return normalise(text)
        except InvalidValue:  # a description may itself bring the identifier that nobody knows yet
            return text.lower()

    return component


_FIRST_COMPONENT: Final = re.compile(rb"\s*(?:\{\d+\})?\s*\(\s*(?:'([^']*)'|\"([^\"]*)\"|([^\s()]+))")


def object_identifier(names: Names) -> Normaliser:
    """A numeric OID, or a name that the schema knows, as a numeric OID (RFC 4517 §4.2.26)."""

    def normalise(value: bytes) -> bytes:
        text = value.decode("ascii", "replace").strip()
        if text[:1].isdigit():
            syntax_checks.check_oid(text.encode())
            return text.encode()
        found = names.oid_of(text)
        if found is None:  # "if the descr is not recognized, Undefined"
            raise InvalidValue("an unknown object identifier")
        return found.encode().lower()

    return normalise


_NAME_AND_UID: Final = re.compile(rb"(?s:(.*))#('[01]*'B)")


def name_and_optional_uid(names: Names) -> Normaliser:
    """A name and the bit string behind it (RFC 4517 §4.2.31)."""

    def normalise(value: bytes) -> bytes:
        found = _NAME_AND_UID.fullmatch(value)
        if found is None:
            return names.normalise_name(value)
        return names.normalise_name(found.group(1)) + b"#" + found.group(2)

    return normalise
