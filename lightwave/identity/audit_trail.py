"""Writes of entries become events: the last of the plug-ins, which refuses and amends nothing.

It hears of a write inside its transaction, after all that may refuse it; when the write fails after that, the event
goes with it. Detail: for an add its structural class and the names of its attributes, for a modify the names of what
was changed, with the GUIDs of those that links name (`member+3f2a…`), and a few harmless values.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from lightwave.directory.ldap.dn import format_rdn
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename, LinkEdit
from lightwave.directory.store.audit_rows import append
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.audit import SAFE_VALUES, Action, Subject, event_of
from lightwave.identity.password_preparation import PasswordEffect

if TYPE_CHECKING:
    from lightwave.directory.operations.ports import Effect
    from lightwave.directory.schema.schema import Schema

_MOST_LINKS = 20
"""targets of one attribute that an event names"""
_POLICY = ("vmwPolicy", "vmwPasswordPolicy", "vmwLockoutPolicy", "msDS-PasswordSettings")


class _Known:
    """OIDs of what is told apart, in one schema."""

    __slots__ = ("policies", "safe")

    def __init__(self, schema: Schema) -> None:
        classes = (schema.object_class(name) for name in _POLICY)
        self.policies = frozenset(one.oid for one in classes if one is not None)
        attributes = (schema.attribute(name) for name in SAFE_VALUES)
        self.safe = frozenset(one.oid for one in attributes if one is not None)


@lru_cache(maxsize=8)
def _known(schema: Schema) -> _Known:
    return _Known(schema)


class AuditTrail:
    """`operations.ports.Plugin`."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """An entry that is added, or brought back."""
        names = [f"objectClass={draft.structural.name}"]
        names += [one.text for one in draft.attributes if one.key != "2.5.4.0"]
        if draft.descriptor is not None:
            names.append("nTSecurityDescriptor")
        if _sets_password(draft.effects):
            names.append("password")
        dn = format_rdn(draft.rdn) + b"," + txn.place(draft.tenant, draft.parent).dn
        action = Action.UNDELETE if draft.revived else Action.ADD
        target = Subject(draft.guid, dn)
        append(txn, event_of(context, draft.tenant, action, target, " ".join(names)))

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """What is changed."""
        record = draft.record
        target = Subject(record.guid, txn.dn(draft.tenant, draft.entry_id, record))
        detail = " ".join(_changes(txn, draft))
        append(txn, event_of(context, draft.tenant, _action(context, draft), target, detail))

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """The target bears its old name, the detail tells the new one."""
        record = draft.record
        target = Subject(record.guid, txn.dn(draft.tenant, draft.entry_id, record))
        dn = format_rdn(draft.rdn) + b"," + txn.place(draft.tenant, draft.new_parent).dn
        detail = "to " + dn.decode("utf-8", "replace")
        append(txn, event_of(context, draft.tenant, Action.RENAME, target, detail))

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """An entry that goes."""
        target = Subject(draft.record.guid, draft.dn)
        append(txn, event_of(context, draft.tenant, Action.DELETE, target))


def _action(context: Context, draft: DraftModify) -> Action:
    """The word for a modify: by what weighs most in it."""
    if draft.effects and _sets_password(draft.effects):
        is_own = context.token.guid == draft.record.guid
        return Action.PASSWORD_CHANGE if is_own else Action.PASSWORD_RESET
    known = _known(draft.schema)
    if draft.descriptor is not None:
        return Action.ACCESS_CHANGE
    return Action.MODIFY if known.policies.isdisjoint(draft.classes) else Action.POLICY_CHANGE


def _changes(txn: ReadTransaction, draft: DraftModify) -> Iterator[str]:
    safe = _known(draft.schema).safe
    for key, edit in draft.edits.items():
        if key in draft.links:
            continue
        name = edit.description.text
        if edit.description.type.oid in safe and all(map(_is_number, edit.after)):
            name += "=" + ",".join(value.decode() for value in edit.after)
        yield name
    for link in draft.links.values():
        yield from _linked(txn, draft.tenant, link)
    if draft.effects and _sets_password(draft.effects):
        yield "password"
    if draft.expires is not None:
        yield "entryTtl"
    if draft.descriptor is not None:
        yield "nTSecurityDescriptor"


def _linked(txn: ReadTransaction, tenant: int, link: LinkEdit) -> Iterator[str]:
    name = link.description.text
    for sign, targets in (("+", link.added), ("-", link.removed)):
        for target in islice(targets, _MOST_LINKS):
            yield f"{name}{sign}{_guid(txn, tenant, target)}"
        if len(targets) > _MOST_LINKS:
            yield f"{name}{sign}{len(targets) - _MOST_LINKS} more"


def _guid(txn: ReadTransaction, tenant: int, entry_id: int) -> str:
    try:
        return str(uuid.UUID(bytes=txn.record(tenant, entry_id).guid))
    except NoSuchEntry:
        return "?"


def _is_number(value: bytes) -> bool:
    return len(value) <= 20 and value.removeprefix(b"-").isdigit()


def _sets_password(effects: Iterable[Effect]) -> bool:
    return any(isinstance(effect, PasswordEffect) for effect in effects)
