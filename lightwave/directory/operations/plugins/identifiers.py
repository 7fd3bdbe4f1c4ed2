"""SIDs are the server's to give: each account and group gets one when it is added, and keeps it.

A deleted entry that comes back has the SID that it had. A foreignSecurityPrincipal stands for an account of another
domain, has its SID, and is named by it ([MS-ADTS] 3.1.1.5.2.3, 6.1.1.4.10). An import keeps a SID of the domain's own
that nobody else has: that is how an export comes back; others are replaced.
"""

from __future__ import annotations

from typing import Final

from lightwave.directory.access.descriptor_errors import DescriptorError
from lightwave.directory.access.membership import OBJECT_CLASS, OBJECT_SID, PRIMARY_GROUP_ID, entries_of_sid
from lightwave.directory.access.sid import Sid, decode_sid, format_sid, parse_sid, split_rid
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.plugins.amending import amend, stored
from lightwave.directory.operations.security_identifiers import (
    AVAILABLE_POOL,
    LAST_RID,
    domain_sid,
    next_sid,
    sid_description,
    was_given_out,
)
from lightwave.directory.store.entry_rows import GROUPS
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

USER: Final = "1.2.840.113556.1.5.9"
COMPUTER: Final = "1.2.840.113556.1.3.30"
GROUP: Final = "1.2.840.113556.1.5.8"
RID_MANAGER: Final = "1.2.840.113556.1.5.83"
SID_HISTORY: Final = "1.2.840.113556.1.4.609"
SECURITY_PRINCIPAL: Final = "1.2.840.113556.1.5.6"
FOREIGN_PRINCIPAL: Final = "1.2.840.113556.1.5.76"
WITH_SID: Final = frozenset((USER, GROUP, SECURITY_PRINCIPAL))


class Identifiers:
    """`ports.Plugin`: gives SIDs, and lets nobody else."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """An account or group gets its SID."""
        if FOREIGN_PRINCIPAL in draft.classes:
            _name_foreigner(txn, draft)
            return
        if not draft.restored and any(one.key == SID_HISTORY for one in draft.attributes):
            raise _no_history()
        if RID_MANAGER in draft.classes and not draft.restored:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "a domain has one RID manager")
        description = sid_description(draft.schema)
        given = draft.attributes.get(description)
        if WITH_SID.isdisjoint(draft.classes):
            if given is not None:
                if not draft.restored:
                    raise _refused()
                del draft.attributes[description]
            return
        if given is not None:
            if _may_keep(txn, draft, given[0]):
                return
            if not draft.restored:
                raise _refused()
            del draft.attributes[description]
        sid = next_sid(txn, draft.schema, draft.tenant)
        if sid is not None:
            draft.attributes[description] = (sid,)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """A SID stays; what a primary group gives is current from this commit on."""
        if OBJECT_SID in draft.edits:
            raise _refused()
        history = draft.edits.get(SID_HISTORY)
        if history is not None and not set(history.after) <= set(history.before):
            raise _no_history()
        if AVAILABLE_POOL in draft.edits:
            _check_pool(draft)
        if OBJECT_CLASS in draft.edits and not WITH_SID.isdisjoint(draft.classes):
            self._give_missing(txn, draft)
        if PRIMARY_GROUP_ID in draft.edits:
            txn.bump_generation(draft.tenant, GROUPS)

    def _give_missing(self, txn: WriteTransaction, draft: DraftModify) -> None:
        """An entry that becomes a security principal."""
        if not stored(txn, draft, "objectSid"):
            sid = next_sid(txn, draft.schema, draft.tenant)
            if sid is not None:
                amend(txn, draft, "objectSid", sid)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """A foreign principal keeps the name that its SID is."""
        if FOREIGN_PRINCIPAL in draft.classes and draft.normalised_rdn != draft.record.normalised_rdn:
            raise DirectoryError(
                ResultCode.UNWILLING_TO_PERFORM, "a foreign security principal is named by its SID"
            )

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing: the links go with the entry."""


def _refused() -> DirectoryError:
    return DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "objectSid: no user modification allowed")


def _no_history() -> DirectoryError:
    """A SID of another's would be one's own wherever it is honoured: here it is removed only (3.1.1.5.3.2)."""
    return DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "sIDHistory: values are only removed")


def _check_pool(draft: DraftModify) -> None:
    """Raises DirectoryError where RIDs would be given a second time: an administrator may pass some over."""
    edit = draft.edits[AVAILABLE_POOL]
    before, after = (int(values[0]) if values else 0 for values in (edit.before, edit.after))
    if not (before & 0xFFFFFFFF <= after & 0xFFFFFFFF <= after >> 32 <= LAST_RID):
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM, "rIDAvailablePool: what was given out stays given out"
        )


def _may_keep(txn: WriteTransaction, draft: DraftEntry, sid: bytes) -> bool:
    """Whether the draft brings a SID that it had before: as a tombstone, or in the backup or export it is from."""
    number = txn.attribute_number(OBJECT_SID)
    if number is None:
        return False
    if draft.revived and txn.record(draft.tenant, draft.revived).values(number) == [sid]:
        return True
    return (
        draft.restored
        and was_given_out(txn, draft.schema, draft.tenant, sid)
        and not _others(txn, draft, number, sid)
    )


def _others(txn: ReadTransaction, draft: DraftEntry, number: int, sid: bytes) -> bool:
    """Whether another entry has the SID, a deleted one included."""
    found = txn.index_ids(draft.tenant, number, IndexKind.EQUALITY, sid)
    return any(entry_id != draft.revived for entry_id in found)


def _name_foreigner(txn: WriteTransaction, draft: DraftEntry) -> None:
    """Its SID is what its name says; none of this domain's, and none that stands here already."""
    description = sid_description(draft.schema)
    try:
        sid = parse_sid(draft.rdn[0].value.decode("ascii", "replace").upper())
        given = draft.attributes.get(description, (sid,))[0]
        if given != sid and _of_text(given) != sid:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, "objectSid is not the SID in the name")
    except DescriptorError:
        raise DirectoryError(
            ResultCode.NAMING_VIOLATION, "a foreign security principal is named by its SID: cn=S-1-5-21-…"
        ) from None
    parts = split_rid(sid)
    if parts is None or parts[0] == domain_sid(txn, draft.schema, draft.tenant):
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, "that SID is none of another domain's: name the account itself"
        )
    draft.attributes[description] = (sid,)
    if entries_of_sid(txn, draft.tenant, sid):
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, f"{format_sid(sid)} has a foreign security principal already"
        )


def _of_text(value: bytes) -> Sid:
    """A SID as octets or text; raises DescriptorError."""
    if value.startswith(b"S-"):
        return parse_sid(value.decode("ascii", "replace"))
    return decode_sid(value)
