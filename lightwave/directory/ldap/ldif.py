"""LDIF (RFC 2849): a streaming reader of content and change records, and a writer of content records.

Invariants
- A record is never larger than its bound, nor has more lines; the file may be of any size.
- Every error is an LdifError with the number of the line it is about.
- `attribute:< url` is refused: reading a file or a host because a data file says so is never wanted.
- `read_ldif(format_record(dn, attributes))` gives back the same DN and attributes.

Read beyond the RFC, since real files have it: UTF-8 in plain values, a byte order mark, missing `version:`,
missing `-` and missing blank line at the end, no space after the colon, `increment:` (RFC 4525).

Import reads millions of lines, so a block of the file is cut into records, and a record unfolded and cut into
lines, by `bytes` methods; line numbers are only counted out when there is an error.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NoReturn

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.requests import Modification, ModifyKind

_BLOCK: Final = 1024 * 1024
_MAX_RECORD: Final = 64 * 1024 * 1024
_MAX_LINES: Final = 1_000_000
_WIDTH: Final = 76


class LdifError(Exception):
    """The file is not LDIF at `line` (from 1)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.message = message
        self.line = line


@dataclass(slots=True)
class ContentRecord:
    """An entry: its attributes with one value each, in the order of the file. `line` is that of its `dn:`."""

    dn: bytes
    attributes: list[tuple[str, bytes]] = field(repr=False)
    line: int


@dataclass(slots=True)
class ChangeAdd:
    """changetype: add"""

    dn: bytes
    attributes: list[tuple[str, bytes]] = field(repr=False)
    line: int
    controls: tuple[Control, ...] = ()


@dataclass(slots=True)
class ChangeModify:
    """changetype: modify"""

    dn: bytes
    changes: tuple[Modification, ...]
    line: int
    controls: tuple[Control, ...] = ()


@dataclass(slots=True)
class ChangeDelete:
    """changetype: delete"""

    dn: bytes
    line: int
    controls: tuple[Control, ...] = ()


@dataclass(slots=True)
class ChangeModDN:
    """changetype: moddn or modrdn; `new_superior` is None when the entry stays under its parent."""

    dn: bytes
    new_rdn: bytes
    delete_old_rdn: bool
    new_superior: bytes | None
    line: int
    controls: tuple[Control, ...] = ()


ChangeRecord = ChangeAdd | ChangeModify | ChangeDelete | ChangeModDN
Record = ContentRecord | ChangeRecord
_Pair = tuple[str, bytes]


def read_ldif(stream: BinaryIO, *, max_record: int = _MAX_RECORD) -> Iterator[Record]:
    """The records of a file, in order. Raises LdifError; records before the faulty one are yielded first."""
    first = True
    names: dict[bytes, str] = {}
    for line, text in _read_blocks(stream, max_record):
        try:
            pairs = _read_pairs(text, names)
            start = 0
            if first and pairs and pairs[0][0].lower() == "version":
                if pairs[0][1].strip() != b"1":
                    _fail("only version 1 of LDIF is known", 0)
                start = 1
            if len(pairs) > start:  # else nothing but comments, or the version alone
                first = False
                at = line if text[:1] in b"dD" else line + _physical_line(text, start)
                yield _read_record(pairs, start, at)
        except _PairError as error:
            raise LdifError(error.message, line + _physical_line(text, error.index)) from None


class _PairError(Exception):
    """Something is wrong with the pair of this index in its record."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.message = message
        self.index = index


def _fail(message: str, index: int) -> NoReturn:
    raise _PairError(message, index)


def _read_blocks(stream: BinaryIO, max_record: int) -> Iterator[tuple[int, bytes]]:
    """Cut the file at blank lines: (number of the first line, lines joined by LF)."""
    line = 1
    rest = stream.read(3)
    if rest == b"\xef\xbb\xbf":
        rest = b""
    while True:
        block = stream.read(_BLOCK)
        if not block:
            break
        if b"\r" in block or b"\r" in rest:
            if block.endswith(b"\r"):
                block += stream.read(1)  # a CRLF is not cut in two
            rest = (rest + block).replace(b"\r\n", b"\n")
        else:
            rest += block
        *records, rest = rest.split(b"\n\n")
        for record in records:
            if len(record) > max_record:
                raise LdifError("record too long", line)
            yield from _trimmed(line, record)
            line += record.count(b"\n") + 2
        if len(rest) > max_record:
            raise LdifError("record too long", line)
    yield from _trimmed(line, rest.replace(b"\r\n", b"\n").rstrip(b"\n"))


def _trimmed(line: int, record: bytes) -> Iterator[tuple[int, bytes]]:
    """Leave out the line ends that a run of blank lines puts before a record, and empty records."""
    if record.startswith(b"\n"):
        trimmed = record.lstrip(b"\n")
        line += len(record) - len(trimmed)
        record = trimmed
    if record:
        yield line, record


def _physical_line(text: bytes, index: int) -> int:
    """How many lines of the record stand before the pair of this index, comments and folded ones included."""
    number = 0
    in_comment = False
    for number, line in enumerate(text.split(b"\n")):
        if line[:1] == b" ":
            continue
        in_comment = line[:1] == b"#"
        if not in_comment:
            if index <= 0:
                return number
            index -= 1
    return number


# attribute-description of RFC 2849; `_` and the range option's characters are in files of real servers
_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]*(?:;[A-Za-z0-9_=*-]+)*")
_MAX_NAMES: Final = 20_000


def _read_pairs(text: bytes, names: dict[bytes, str]) -> list[_Pair]:
    """The lines of one record, unfolded, as (name, value); a `-` line is ("-", b""). `names` is a cache."""
    if b"\n " in text:
        text = text.replace(b"\n ", b"")
    lines = text.split(b"\n")
    if len(lines) > _MAX_LINES:
        _fail("record of too many lines", 0)
    pairs: list[_Pair] = []
    for line in lines:
        octets, _, value = line.partition(b":")
        name = names.get(octets)
        if name is None:
            if line[:1] == b"#":
                continue
            name = _read_name(line, octets, names, len(pairs))
        first = value[:1]
        if first == b" ":
            value = value.lstrip(b" ")
        elif first == b":":
            value = _decode_base64(value[1:], len(pairs))
        elif first == b"<":
            _fail("a value by URL is refused", len(pairs))
        pairs.append((name, value))
    return pairs


def _read_name(line: bytes, octets: bytes, names: dict[bytes, str], index: int) -> str:
    """A name that is not in the cache yet."""
    if line.rstrip(b" ") == b"-":
        return "-"
    if octets == line or _NAME.fullmatch(octets) is None:
        _fail("neither `name: value` nor a comment", index)
    name = octets.decode("ascii")
    if len(names) < _MAX_NAMES:
        names[octets] = name
    return name


def _decode_base64(text: bytes, index: int) -> bytes:
    try:
        return b64decode(text.strip(b" "), validate=True)
    except Base64Error:
        _fail("bad base64", index)


def _read_record(pairs: list[_Pair], start: int, line: int) -> Record:
    name, dn = pairs[start]
    if name.lower() != "dn":
        _fail("a record begins with `dn:`", start)
    pos = start + 1
    controls: list[Control] = []
    while pos < len(pairs) and pairs[pos][0].lower() == "control":
        controls.append(_read_control(pairs[pos][1], pos))
        pos += 1
    if pos < len(pairs) and pairs[pos][0].lower() == "changetype":
        return _read_change(dn, pairs, pos, line, tuple(controls))
    if controls:
        _fail("controls without `changetype:`", pos - 1)
    return ContentRecord(dn, _read_attributes(pairs, pos), line)


def _read_attributes(pairs: list[_Pair], pos: int) -> list[_Pair]:
    attributes = pairs[pos:]
    for index, (name, _) in enumerate(attributes):
        if name == "-":
            _fail("`-` outside a modification", pos + index)
        if name == "dn":
            _fail("a second `dn:` in a record", pos + index)
    return attributes


# control = "control:" FILL ldap-oid 0*1(1*SPACE ("true" / "false")) 0*1(value-spec)
_CONTROL = re.compile(rb"([0-9]+(?:\.[0-9]+)*)(?: +(true|false))?(?: *:(.*))?", re.DOTALL | re.IGNORECASE)


def _read_control(text: bytes, index: int) -> Control:
    match = _CONTROL.fullmatch(text.rstrip(b" ") if b":" not in text else text)
    if match is None:
        _fail("malformed control", index)
    value: bytes | None = match[3]
    if value is not None:
        if value[:1] == b"<":
            _fail("a value by URL is refused", index)
        value = _decode_base64(value[1:], index) if value[:1] == b":" else value.lstrip(b" ")
    return Control(match[1].decode("ascii"), (match[2] or b"").lower() == b"true", value)


def _read_change(
    dn: bytes, pairs: list[_Pair], pos: int, line: int, controls: tuple[Control, ...]
) -> ChangeRecord:
    kind = pairs[pos][1].strip(b" ").lower()
    index = pos
    pos += 1
    if kind == b"add":
        return ChangeAdd(dn, _read_attributes(pairs, pos), line, controls)
    if kind == b"modify":
        return ChangeModify(dn, _read_modifications(pairs, pos), line, controls)
    if kind == b"delete":
        if pos < len(pairs):
            _fail("nothing may follow `changetype: delete`", pos)
        return ChangeDelete(dn, line, controls)
    if kind in (b"modrdn", b"moddn"):
        return _read_moddn(dn, pairs, pos, line, controls)
    _fail("unknown changetype", index)


_KINDS: Final = {
    "add": ModifyKind.ADD,
    "delete": ModifyKind.DELETE,
    "replace": ModifyKind.REPLACE,
    "increment": ModifyKind.INCREMENT,
}


def _read_modifications(pairs: list[_Pair], pos: int) -> tuple[Modification, ...]:
    """*( ("add:" / "delete:" / "replace:") FILL AttributeDescription SEP *attrval-spec "-" SEP )"""
    changes: list[Modification] = []
    while pos < len(pairs):
        operation, description = pairs[pos]
        kind = _KINDS.get(operation.lower())
        description = description.strip(b" ")
        if kind is None:
            _fail("`add:`, `delete:`, `replace:` or `increment:` expected", pos)
        if _NAME.fullmatch(description) is None:
            _fail("not an attribute description", pos)
        attribute = description.decode("ascii")
        values: list[bytes] = []
        pos += 1
        while pos < len(pairs) and pairs[pos][0] != "-":
            if pairs[pos][0].lower() != attribute.lower():
                _fail(f"value of another attribute than {attribute}, or `-` is missing", pos)
            values.append(pairs[pos][1])
            pos += 1
        pos += 1
        changes.append(Modification(kind, attribute, tuple(values)))
    return tuple(changes)


def _read_moddn(
    dn: bytes, pairs: list[_Pair], pos: int, line: int, controls: tuple[Control, ...]
) -> ChangeModDN:
    """newrdn, deleteoldrdn and perhaps newsuperior, in this order."""
    if [name.lower() for name, _ in pairs[pos : pos + 2]] != ["newrdn", "deleteoldrdn"]:
        _fail("`newrdn:` and `deleteoldrdn:` expected", min(pos, len(pairs) - 1))
    flag = pairs[pos + 1][1].strip(b" ")
    if flag not in (b"0", b"1"):
        _fail("deleteoldrdn is neither 0 nor 1", pos + 1)
    new_superior: bytes | None = None
    after = pos + 2
    if after < len(pairs) and pairs[after][0].lower() == "newsuperior":
        new_superior = pairs[after][1]
        after += 1
    if after < len(pairs):
        _fail("nothing may follow here", after)
    return ChangeModDN(dn, pairs[pos][1], flag == b"1", new_superior, line, controls)


# SAFE-STRING of RFC 2849, and not ending in a space (its note 8)
_SAFE = re.compile(rb"(?![ :<])[\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )")


def format_record(dn: bytes, attributes: Iterable[tuple[str, bytes]]) -> bytes:
    """A content record and the blank line after it.

    Folded at 76 columns, base64 where the RFC asks for it.
    """
    lines = [_format_line(b"dn", dn)]
    lines += [_format_line(name.encode("ascii"), value) for name, value in attributes]
    lines.append(b"\n")
    return b"".join(lines)


def _format_line(name: bytes, value: bytes) -> bytes:
    safe = _SAFE.fullmatch(value) is not None
    line = b"%b: %b" % (name, value) if safe else b"%b:: %b" % (name, b64encode(value))
    if len(line) <= _WIDTH:
        return line + b"\n"
    parts = [line[:_WIDTH]]
    parts += [line[pos : pos + _WIDTH - 1] for pos in range(_WIDTH, len(line), _WIDTH - 1)]
    return b"\n ".join(parts) + b"\n"
