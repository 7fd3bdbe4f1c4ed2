"""Rights as the bits of an access mask, with Active Directory's values (MS-ADTS §5.1.3.2)."""

from __future__ import annotations

from enum import IntFlag


class Right(IntFlag):
    """Bits of an ACCESS_MASK; the names are MS-ADTS's own without their prefix."""

    NONE = 0
    CREATE_CHILD = 0x0000_0001
    DELETE_CHILD = 0x0000_0002
    LIST_CONTENTS = 0x0000_0004
    SELF_WRITE = 0x0000_0008
    READ_PROPERTY = 0x0000_0010
    WRITE_PROPERTY = 0x0000_0020
    DELETE_TREE = 0x0000_0040
    LIST_OBJECT = 0x0000_0080
    CONTROL_ACCESS = 0x0000_0100
    DELETE = 0x0001_0000
    READ_CONTROL = 0x0002_0000
    WRITE_DAC = 0x0004_0000
    WRITE_OWNER = 0x0008_0000


READ = Right.LIST_CONTENTS | Right.READ_PROPERTY | Right.LIST_OBJECT | Right.READ_CONTROL
FULL = (
    READ
    | Right.CREATE_CHILD
    | Right.DELETE_CHILD
    | Right.SELF_WRITE
    | Right.WRITE_PROPERTY
    | Right.DELETE_TREE
    | Right.CONTROL_ACCESS
    | Right.DELETE
    | Right.WRITE_DAC
    | Right.WRITE_OWNER
)
