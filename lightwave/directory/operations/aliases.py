"""Alias dereferencing (RFC 4512 §2.6, RFC 4511 §4.5.1.3).

While the base is found, an alias on its way is replaced by what it names; while searching, each alias in
scope makes what it names a further base. Names that lead in a circle end in loopDetect, an alias that names
nothing in aliasProblem (for a base) or is passed over (while searching).
"""

from __future__ import annotations

from collections.abc import Callable

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.sources import Children, Indexed, Source, Subtree, every
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.reading import ReadTransaction

ALIASED_OBJECT_NAME = "2.5.4.1"
ALIAS_CLASS = "2.5.6.1"
MOST_STEPS = 16
"""aliases followed for one base before it is called a loop"""
MOST_TARGETS = 1_000
"""bases that aliases may add to one search"""


Sees = Callable[[int, int], bool]
"""(tenant, entry id) -> whether the requester sees the entry; to him an alias that he does not see is no alias"""


def aliased_name(txn: ReadTransaction, tenant: int, entry_id: int) -> bytes | None:
    """aliasedObjectName of an entry; None when it is no alias."""
    number = txn.attribute_number(ALIASED_OBJECT_NAME)
    if number is None:
        return None
    values = txn.record(tenant, entry_id).values(number)
    return values[0] if values else None


def resolve_base(
    txn: ReadTransaction,
    schema: Schema,
    name: NormalisedDN,
    found: tuple[int, int] | None,
    sees: Sees,
) -> tuple[int, int]:
    """The entry that `name` leads to when aliases on its way are followed.

    found: the entry of that very name, when it exists. Raises NoSuchEntry, or DirectoryError (loopDetect,
    aliasProblem).
    """
    for _ in range(MOST_STEPS):
        if found is None:
            try:
                found = txn.find(name)
            except NoSuchEntry as error:
                if not error.matched_entry_id:
                    raise
                matched = _matched(error)
                target = aliased_name(txn, *matched) if sees(*matched) else None
                if target is None:
                    raise
                depth = len(txn.normalised_dn(*matched))
                name = (*name[: len(name) - depth], *_target_name(schema, target))
                continue
        target = aliased_name(txn, *found) if sees(*found) else None
        if target is None:
            return found
        name = _target_name(schema, target)
        found = None
        try:
            found = txn.find(name)
        except NoSuchEntry as error:
            if (
                error.matched_entry_id
                and sees(*_matched(error))
                and aliased_name(txn, *_matched(error)) is not None
            ):
                continue  # a further alias on the way
            raise _names_nothing() from None
        if not sees(*found):
            raise _names_nothing()
    raise DirectoryError(ResultCode.LOOP_DETECT, "aliases lead in a circle")


def _names_nothing() -> DirectoryError:
    """Of an alias that names no entry, and of one that names an entry that the requester does not see."""
    return DirectoryError(ResultCode.ALIAS_PROBLEM, "the alias names no entry")


def _matched(error: NoSuchEntry) -> tuple[int, int]:
    return error.matched_tenant, error.matched_entry_id


def _target_name(schema: Schema, target: bytes) -> NormalisedDN:
    try:
        return normalise_dn_text(schema, target)
    except InvalidValue:
        raise DirectoryError(ResultCode.ALIAS_PROBLEM, "the alias holds no distinguished name") from None


def alias_targets(
    txn: ReadTransaction, schema: Schema, tenant: int, base: int, scope: int, sees: Sees
) -> list[int] | None:
    """Entries that aliases in the scope name, those reached through further aliases included.

    None when the scope holds no alias: the usual case, told by one look at the index of objectClass.
    """
    targets: list[int] = []
    seen: set[int] = {base}
    waiting = [(base, scope)]
    any_alias = False
    while waiting:
        top, one_scope = waiting.pop()
        for entry_id in _aliases_below(txn, schema, tenant, top, one_scope):
            any_alias = True
            target = _followed(txn, schema, tenant, entry_id, sees) if sees(tenant, entry_id) else None
            if target is None or target in seen:
                continue
            seen.add(target)
            targets.append(target)
            if len(targets) > MOST_TARGETS:
                raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, "the search passes too many aliases")
            if scope == 2:
                waiting.append((target, 2))
    return targets if any_alias else None


def _followed(txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, sees: Sees) -> int | None:
    """Where an alias ends; None when it names nothing, leads in a circle or out of the tenant."""
    target = aliased_name(txn, tenant, entry_id)
    if target is None:
        return None
    try:
        found_tenant, found = resolve_base(txn, schema, _target_name(schema, target), None, sees)
    except (NoSuchEntry, DirectoryError):
        return None
    return found if found_tenant == tenant else None


def _aliases_below(txn: ReadTransaction, schema: Schema, tenant: int, top: int, scope: int) -> list[int]:
    """Alias entries in a scope."""
    number = txn.attribute_number("2.5.4.0")
    if number is None or txn.attribute_number(ALIASED_OBJECT_NAME) is None:
        return []
    if txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE:
        source: Source = Children(tenant, top) if scope == 1 else Subtree(tenant, top)
        return [one for one in every(source, txn) if aliased_name(txn, tenant, one) is not None]
    attribute = schema.attribute("objectClass")
    key = attribute.normalise(ALIAS_CLASS.encode()) if attribute is not None else b""
    found = []
    for entry_id in every(Indexed(tenant, number, IndexKind.EQUALITY, key), txn):
        if txn.record(tenant, entry_id).parent == top if scope == 1 else txn.is_below(tenant, entry_id, top):
            found.append(entry_id)
    return found
