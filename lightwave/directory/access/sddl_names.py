"""The names of SDDL (MS-DTYP 2.5.1): aliases of SIDs, letters of rights, flags and types of entries.

`SddlNames` holds the aliases of one domain: most aliases are fixed, those of a domain's own accounts need its
SID, and those of the forest's (enterprise and schema administrators) the SID of the forest's root domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lightwave.directory.access import ace as aces
from lightwave.directory.access.ace import AceType
from lightwave.directory.access.sid import BUILTIN, Sid, make_sid, with_rid

_BUILTIN_RIDS = {
    "BA": 544, "BU": 545, "BG": 546, "PU": 547, "AO": 548, "SO": 549, "PO": 550, "BO": 551, "RE": 552,
    "RU": 554, "RD": 555, "NO": 556, "MU": 558, "LU": 559, "IS": 568, "CY": 569, "ER": 573, "CD": 574,
    "RA": 575, "ES": 576, "MS": 577, "HA": 578, "AA": 579, "RM": 580,
}  # fmt: skip

_FIXED: Final[Mapping[str, Sid]] = {
    **{alias: with_rid(BUILTIN, rid) for alias, rid in _BUILTIN_RIDS.items()},
    "WD": make_sid(1, 0),
    "CO": make_sid(3, 0),
    "CG": make_sid(3, 1),
    "OW": make_sid(3, 4),
    "NU": make_sid(5, 2),
    "IU": make_sid(5, 4),
    "SU": make_sid(5, 6),
    "AN": make_sid(5, 7),
    "ED": make_sid(5, 9),
    "PS": make_sid(5, 10),
    "AU": make_sid(5, 11),
    "RC": make_sid(5, 12),
    "SY": make_sid(5, 18),
    "LS": make_sid(5, 19),
    "NS": make_sid(5, 20),
    "WR": make_sid(5, 33),
    "UD": make_sid(5, 84, 0, 0, 0, 0, 0),
    "AC": make_sid(15, 2, 1),
    "LW": make_sid(16, 4096),
    "ME": make_sid(16, 8192),
    "MP": make_sid(16, 8448),
    "HI": make_sid(16, 12288),
    "SI": make_sid(16, 16384),
    "AS": make_sid(18, 1),
    "SS": make_sid(18, 2),
}

DOMAIN_RIDS: Final[Mapping[str, int]] = {
    "LA": 500, "LG": 501, "DA": 512, "DU": 513, "DG": 514, "DC": 515, "DD": 516, "CA": 517, "PA": 520,
    "CN": 522, "AP": 525, "KA": 526, "EK": 527, "RS": 553,
}  # fmt: skip
FOREST_RIDS: Final[Mapping[str, int]] = {"RO": 498, "SA": 518, "EA": 519}

# Letters of rights by their bits, lowest first: the order in which Windows writes them.
RIGHTS: Final[Mapping[str, int]] = {
    "CC": 0x0000_0001,
    "DC": 0x0000_0002,
    "LC": 0x0000_0004,
    "SW": 0x0000_0008,
    "RP": 0x0000_0010,
    "WP": 0x0000_0020,
    "DT": 0x0000_0040,
    "LO": 0x0000_0080,
    "CR": 0x0000_0100,
    "SD": 0x0001_0000,
    "RC": 0x0002_0000,
    "WD": 0x0004_0000,
    "WO": 0x0008_0000,
    "GA": 0x1000_0000,
    "GX": 0x2000_0000,
    "GW": 0x4000_0000,
    "GR": 0x8000_0000,
}
# Read and never written: rights of files, of keys of a registry, of labels.
FOREIGN_RIGHTS: Final[Mapping[str, int]] = {
    "FA": 0x001F_01FF,
    "FR": 0x0012_0089,
    "FW": 0x0012_0116,
    "FX": 0x0012_00A0,
    "KA": 0x000F_003F,
    "KR": 0x0002_0019,
    "KW": 0x0002_0006,
    "KX": 0x0002_0019,
    "NW": 0x0000_0001,
    "NR": 0x0000_0002,
    "NX": 0x0000_0004,
}

ACE_FLAGS: Final[Mapping[str, int]] = {
    "OI": aces.OBJECT_INHERIT,
    "CI": aces.CONTAINER_INHERIT,
    "NP": aces.NO_PROPAGATE_INHERIT,
    "IO": aces.INHERIT_ONLY,
    "ID": aces.INHERITED,
    "CR": aces.CRITICAL,
    "SA": aces.SUCCESSFUL_ACCESS,
    "FA": aces.FAILED_ACCESS,
}

# ZD and ZU are this project's own: Windows has no letters for these two types.
ACE_TYPES: Final[Mapping[str, AceType]] = {
    "A": AceType.ACCESS_ALLOWED,
    "D": AceType.ACCESS_DENIED,
    "AU": AceType.SYSTEM_AUDIT,
    "OA": AceType.ACCESS_ALLOWED_OBJECT,
    "OD": AceType.ACCESS_DENIED_OBJECT,
    "OU": AceType.SYSTEM_AUDIT_OBJECT,
    "XA": AceType.ACCESS_ALLOWED_CALLBACK,
    "XD": AceType.ACCESS_DENIED_CALLBACK,
    "XU": AceType.SYSTEM_AUDIT_CALLBACK,
    "ZA": AceType.ACCESS_ALLOWED_CALLBACK_OBJECT,
    "ZD": AceType.ACCESS_DENIED_CALLBACK_OBJECT,
    "ZU": AceType.SYSTEM_AUDIT_CALLBACK_OBJECT,
    "ML": AceType.SYSTEM_MANDATORY_LABEL,
    "RA": AceType.SYSTEM_RESOURCE_ATTRIBUTE,
    "SP": AceType.SYSTEM_SCOPED_POLICY_ID,
}
LETTERS_OF_TYPE: Final[Mapping[AceType, str]] = {kind: letters for letters, kind in ACE_TYPES.items()}


class SddlNames:
    """Aliases both ways. Without `domain` its aliases are neither read nor written; `forest` is the SID of
    the forest's root domain, by default the same.
    """

    __slots__ = ("alias_of", "sid_of")

    def __init__(self, domain: Sid | None = None, forest: Sid | None = None) -> None:
        root = forest if forest is not None else domain
        self.sid_of: dict[str, Sid] = dict(_FIXED)
        if domain is not None:
            self.sid_of |= {alias: with_rid(domain, rid) for alias, rid in DOMAIN_RIDS.items()}
        if root is not None:
            self.sid_of |= {alias: with_rid(root, rid) for alias, rid in FOREST_RIDS.items()}
        self.alias_of: dict[Sid, str] = {sid: alias for alias, sid in self.sid_of.items()}


NO_DOMAIN: Final = SddlNames()
