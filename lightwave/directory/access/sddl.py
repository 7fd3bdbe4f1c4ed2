"""SDDL, the security descriptor definition language (MS-DTYP 2.5.1): descriptors as text, both ways.

What is written can be read again and gives the same descriptor, but for the control bits that SDDL has no
letters for. Reading is strict: capital letters, no blanks, each part once, numbers in hexadecimal with 0x or
in decimal; an error says where. Conditions of callback entries and the claims of resource attributes are
written as their octets, `(#…)`, and read so: they are carried, never interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lightwave.directory.access import security_descriptor as sd
from lightwave.directory.access.ace import HAS_DATA, HAS_GUIDS, Ace
from lightwave.directory.access.acl import MAX_ACES, Acl
from lightwave.directory.access.descriptor_errors import DescriptorError, SddlError
from lightwave.directory.access.guid import Guid, format_guid, parse_guid
from lightwave.directory.access.sddl_names import (
    ACE_FLAGS,
    ACE_TYPES,
    DOMAIN_RIDS,
    FOREIGN_RIGHTS,
    FOREST_RIDS,
    LETTERS_OF_TYPE,
    NO_DOMAIN,
    RIGHTS,
    SddlNames,
)
from lightwave.directory.access.security_descriptor import ALL_PARTS, SecurityDescriptor
from lightwave.directory.access.sid import Sid, format_sid, parse_sid

MAX_LENGTH: Final = 0x4_0000  # characters; the longest descriptor takes less

_NULL_DACL = "NO_ACCESS_CONTROL"
_DACL_FLAGS = {
    "P": sd.DACL_PROTECTED,
    "AR": sd.DACL_AUTO_INHERIT_REQUIRED,
    "AI": sd.DACL_AUTO_INHERITED,
}
_SACL_FLAGS = {
    "P": sd.SACL_PROTECTED,
    "AR": sd.SACL_AUTO_INHERIT_REQUIRED,
    "AI": sd.SACL_AUTO_INHERITED,
}
# Twelve digits at most, which is what is written: a D: that follows is not a thirteenth.
_SID = re.compile(r"S-1-(?:0[xX][0-9A-Fa-f]{1,12}|[0-9]+)(?:-[0-9]+)*|[A-Z]{2}")
_ACL_FLAG = re.compile(r"AR|AI|P")
_FIELD = re.compile(r"[^;()]*")
_DATA = re.compile(r"\(#((?:[0-9A-Fa-f]{2})*)\)")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]{1,8}|[1-9][0-9]{0,9}|0")
_ALL_RIGHTS: Mapping[str, int] = {**FOREIGN_RIGHTS, **RIGHTS}
_NAMED_BITS = sum(RIGHTS.values())


def parse_sddl(text: str, names: SddlNames = NO_DOMAIN) -> SecurityDescriptor:
    """The descriptor that `text` writes; SddlError says what is wrong and where.

    `names` knows the aliases; those of a domain's accounts (DA, DU, …) only when it was made for a domain.
    """
    if len(text) > MAX_LENGTH:
        raise SddlError(f"a descriptor is written in at most {MAX_LENGTH} characters", MAX_LENGTH)
    return _Reader(text, names).descriptor()


def parse_ace(text: str, names: SddlNames = NO_DOMAIN) -> Ace:
    """The one entry that `text` writes, parentheses included."""
    reader = _Reader(text[: MAX_LENGTH + 1], names)
    ace = reader.ace()
    if reader.place != len(text):
        raise SddlError("an entry ends with its parenthesis", reader.place)
    return ace


class _Reader:
    """Reads from left to right; `place` is the next character."""

    __slots__ = ("_names", "_text", "place")

    def __init__(self, text: str, names: SddlNames) -> None:
        self._text = text
        self._names = names
        self.place = 0

    def descriptor(self) -> SecurityDescriptor:
        control = sd.SELF_RELATIVE
        sids: dict[str, Sid] = {}
        lists: dict[str, Acl | None] = {}
        while self.place < len(self._text):
            part = self._text[self.place]
            if part not in "OGDS" or self._text[self.place + 1 : self.place + 2] != ":":
                raise SddlError("a part begins with O:, G:, D: or S:", self.place)
            if part in sids or part in lists:
                raise SddlError(f"the part {part}: stands there already", self.place)
            self.place += 2
            if part in "OG":
                sids[part] = self._sid()
            elif part == "D":
                control |= sd.DACL_PRESENT | self._acl_flags(_DACL_FLAGS)
                lists[part] = None if self._takes(_NULL_DACL) else self._acl()
            else:
                control |= sd.SACL_PRESENT | self._acl_flags(_SACL_FLAGS)
                lists[part] = self._acl()
        return SecurityDescriptor(control, sids.get("O"), sids.get("G"), lists.get("D"), lists.get("S"))

    def ace(self) -> Ace:
        start = self.place
        self._expect("(")
        kind = ACE_TYPES.get(self._field())
        if kind is None:
            raise SddlError("the type of an entry is none of " + ", ".join(ACE_TYPES), start + 1)
        self._expect(";")
        flags = self._letters(ACE_FLAGS, "flag")
        self._expect(";")
        mask = self._rights()
        self._expect(";")
        before = self.place
        object_type = self._guid()
        self._expect(";")
        inherited = self._guid()
        if not HAS_GUIDS[kind] and (object_type or inherited):
            raise SddlError("an entry of this type has no GUIDs: an object entry has", before)
        self._expect(";")
        sid = self._sid()
        data = b""
        if self._text[self.place : self.place + 1] == ";":
            if not HAS_DATA[kind]:
                raise SddlError("an entry of this type ends after its SID", self.place)
            self.place += 1
            data = self._data()
        self._expect(")")
        return Ace(kind, flags, mask, sid, object_type, inherited, data)

    def _takes(self, word: str) -> bool:
        if not self._text.startswith(word, self.place):
            return False
        self.place += len(word)
        return True

    def _expect(self, character: str) -> None:
        if self._text[self.place : self.place + 1] != character:
            raise SddlError(f"{character!r} is expected", self.place)
        self.place += 1

    def _field(self) -> str:
        """The text up to the next separator; a pattern that matches nothing matches the empty text."""
        found = _FIELD.match(self._text, self.place)
        field = found.group() if found else ""
        self.place += len(field)
        return field

    def _acl_flags(self, flags: Mapping[str, int]) -> int:
        bits = 0
        while found := _ACL_FLAG.match(self._text, self.place):
            bits |= flags[found.group()]
            self.place = found.end()
        return bits

    def _acl(self) -> Acl:
        aces: list[Ace] = []
        while self._text[self.place : self.place + 1] == "(":
            if len(aces) == MAX_ACES:
                raise SddlError(f"a list has at most {MAX_ACES} entries", self.place)
            aces.append(self.ace())
        return tuple(aces)

    def _letters(self, table: Mapping[str, int], what: str) -> int:
        """A field of pairs of letters, each of `table`."""
        start = self.place
        field = self._field()
        bits = 0
        for index in range(0, len(field), 2):
            bit = table.get(field[index : index + 2])
            if bit is None:
                raise SddlError(f"{field[index : index + 2]!r} is no {what}", start + index)
            bits |= bit
        return bits

    def _rights(self) -> int:
        number = _NUMBER.match(self._text, self.place)
        if number is None:
            return self._letters(_ALL_RIGHTS, "right")
        start = self.place
        self.place = number.end()
        mask = int(number.group(), 16 if number.group()[:2] in ("0x", "0X") else 10)
        if mask >> 32:
            raise SddlError("rights have at most 32 bits", start)
        return mask

    def _guid(self) -> Guid | None:
        start = self.place
        field = self._field()
        if not field:
            return None
        try:
            return parse_guid(field)
        except ValueError as wrong:
            raise SddlError(str(wrong), start) from None

    def _sid(self) -> Sid:
        start = self.place
        found = _SID.match(self._text, start)
        if found is None:
            raise SddlError("a SID or its alias is expected", start)
        self.place = found.end()
        name = found.group()
        if name.startswith("S-"):
            try:
                return parse_sid(name)
            except DescriptorError as wrong:
                raise SddlError(str(wrong), start) from None
        sid = self._names.sid_of.get(name)
        if sid is None:
            if name in DOMAIN_RIDS or name in FOREST_RIDS:
                raise SddlError(f"the alias {name} needs the SID of a domain", start)
            raise SddlError(f"{name} is no alias of a SID", start)
        return sid

    def _data(self) -> bytes:
        found = _DATA.match(self._text, self.place)
        if found is None:
            raise SddlError("application data is written as its octets, (#…)", self.place)
        data = bytes.fromhex(found.group(1))
        if len(data) % 4:
            raise SddlError("application data comes in units of four octets", self.place)
        self.place = found.end()
        return data


def format_sddl(descriptor: SecurityDescriptor, names: SddlNames = NO_DOMAIN, parts: int = ALL_PARTS) -> str:
    """`descriptor` as text: owner, group, DACL, SACL, as far as the SD flags `parts` ask for them."""
    written = []
    if parts & sd.OWNER_PART and descriptor.owner is not None:
        written.append("O:" + _sid_text(descriptor.owner, names))
    if parts & sd.GROUP_PART and descriptor.group is not None:
        written.append("G:" + _sid_text(descriptor.group, names))
    control = descriptor.control
    if parts & sd.DACL_PART and control & sd.DACL_PRESENT:
        text = _NULL_DACL if descriptor.dacl is None else format_acl(descriptor.dacl, names)
        written.append("D:" + _flag_text(control, _DACL_FLAGS) + text)
    if parts & sd.SACL_PART and control & sd.SACL_PRESENT:
        written.append("S:" + _flag_text(control, _SACL_FLAGS) + format_acl(descriptor.sacl or (), names))
    return "".join(written)


def format_acl(acl: Acl, names: SddlNames = NO_DOMAIN) -> str:
    """The entries of `acl`, one after the other."""
    return "".join(format_ace(ace, names) for ace in acl)


def format_ace(ace: Ace, names: SddlNames = NO_DOMAIN) -> str:
    """`ace` as text, parentheses included."""
    fields = [
        LETTERS_OF_TYPE[ace.type],
        _flag_text(ace.flags, ACE_FLAGS),
        format_rights(ace.mask),
        format_guid(ace.object_type) if ace.object_type is not None else "",
        format_guid(ace.inherited_object_type) if ace.inherited_object_type is not None else "",
        _sid_text(ace.sid, names),
    ]
    if ace.application_data:
        fields.append(f"(#{ace.application_data.hex()})")
    return "(" + ";".join(fields) + ")"


def format_rights(mask: int) -> str:
    """`mask` in letters where there is one for each of its bits, else in hexadecimal."""
    if mask & ~_NAMED_BITS or not mask:
        return f"0x{mask:x}"
    return _flag_text(mask, RIGHTS)


def _flag_text(bits: int, letters: Mapping[str, int]) -> str:
    return "".join(pair for pair, bit in letters.items() if bits & bit)


def _sid_text(sid: Sid, names: SddlNames) -> str:
    return names.alias_of.get(sid) or format_sid(sid)
