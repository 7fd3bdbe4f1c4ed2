"""What is wrong with a security descriptor, a SID or a line of SDDL.

Both are errors of whoever wrote the value, never bugs; their texts may be shown to that client, for they say
nothing but what it sent.
"""

from __future__ import annotations


class DescriptorError(ValueError):
    """A security descriptor, or a part of one, can't be read or written."""


class MalformedDescriptor(DescriptorError):
    """Octets that are no security descriptor, access control list or SID (MS-DTYP 2.4)."""


class SddlError(DescriptorError):
    """Text that is no SDDL (MS-DTYP 2.5.1). `position` counts characters from 0."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"at character {position + 1}: {problem}")
        self.problem = problem
        self.position = position
