"""What an entry has of its own where nobody said otherwise: the default of its class, or of what it is the root of.

The defaults are SDDL in data/class-defaults.sddl. They apply to new entries, and to entries that no descriptor was ever
stored for. Their owner is whoever made the entry; administrators own as Administrators do.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from lightwave.directory.access.ace import Ace
from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.sddl import parse_sddl
from lightwave.directory.access.sddl_names import SddlNames
from lightwave.directory.access.security_descriptor import SecurityDescriptor
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS, Sid, make_sid, split_rid
from lightwave.directory.schema.objectclass import ObjectClass

DOMAIN: Final = "root of a domain"
TOP: Final = "top"
DELETED_OBJECTS: Final = "cn=Deleted Objects"
PROTECTED_ACCOUNT: Final = "protected account"

_DATA = "data/class-defaults.sddl"
_NO_DOMAIN: Final = make_sid(0, 0)
"""stands for the SID of a domain that has none; entries that speak of its accounts are left out"""


@lru_cache(maxsize=4096)
def default_descriptor(
    name: str, domain: Sid | None, owner: Sid = BUILTIN_ADMINISTRATORS
) -> SecurityDescriptor:
    """The default of a name in the data; `domain` is the SID of the entry's domain, None where it has none."""
    parsed = parse_sddl(_defaults()[name], SddlNames(domain or _NO_DOMAIN))
    if domain is None:
        parsed = replace(parsed, dacl=tuple(one for one in parsed.dacl or () if not _is_nobodys(one)))
    return replace(parsed, owner=owner, group=owner)


def default_of_class(structural: ObjectClass) -> str:
    """The name of the default of a structural class: its own, or that of the nearest class above it."""
    known = _defaults()
    for one in structural.lineage:
        for name in one.names:
            if name in known:
                return name
    return TOP


def default_of_root(dn: bytes) -> str:
    """The name of the default of a naming context's root; dn: as the server wrote it."""
    name = dn.decode("utf-8", "replace")
    return name if name in _defaults() else DOMAIN


def _is_nobodys(ace: Ace) -> bool:
    parts = split_rid(ace.sid)
    return parts is not None and parts[0] == _NO_DOMAIN


@cache
def _defaults() -> dict[str, str]:
    found: dict[str, str] = {}
    text = resources.files(__package__).joinpath(_DATA).read_text("utf-8")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, entries = line.partition(" D:")
        if name in found:
            raise DescriptorError(f"{name} has two defaults")
        found[name] = "D:" + entries
    return found
