"""Permissive modify ([MS-ADTS] 3.1.1.3.4.1.8): adding what is there and deleting what is not there succeeds.

Each change is cut down to what is left to do before it is carried out. Replacing and incrementing are as ever. So are
passwords: to delete one is to prove that one knows it, and a wrong one has to stay wrong.
"""

from __future__ import annotations

from lightwave.directory.ldap.messages import ModifyKind
from lightwave.directory.operations.changes import LinkAttribute, ParsedChange, RecordAttribute


def what_is_left(change: ParsedChange, attribute: RecordAttribute | LinkAttribute) -> ParsedChange | None:
    """The part of the change that has an effect on the working copy as it is now; None for none."""
    if change.kind is ModifyKind.ADD:
        present = False
    elif change.kind is ModifyKind.DELETE:
        present = True
    else:
        return change
    if not change.values:  # the deletion of the whole attribute
        return change if attribute.count() else None
    values = {
        normalised: value
        for normalised, value in change.values.items()
        if attribute.holds(normalised, value) is present
    }
    return ParsedChange(change.kind, change.description, values) if values else None
