"""Index definitions as entries: `cn=<attribute>,cn=indices,cn=config` of class lwIndex.

Adding, changing and deleting such an entry declares and drops indexes in the same transaction; they are built and
removed in the background. `lwIndexKind` says what for (equality, presence, substring, ordering; equality when it is
absent), `lwUniqueScope` in which subtrees the attribute is unique.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.computed import computed_types
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.gather import normalised_name
from lightwave.directory.operations.plugins.uniqueness import Scope, UniqueRule, put_scopes, scopes_of
from lightwave.directory.operations.ports import Effect
from lightwave.directory.operations.survey import Survey, SurveyEffect, check_all
from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.building import declare_index, drop_index
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexKind, IndexState
from lightwave.directory.store.layout import ROOT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.directory.store.writing import WriteTransaction

INDICES_DN = b"cn=indices,cn=config"
INDEX_CLASS = "lwIndex"
INDEX_KIND = "lwIndexKind"
UNIQUE_SCOPE = "lwUniqueScope"
NEEDED = frozenset(
    (
        "objectClass",
        "objectSid",
        "primaryGroupID",
        "sAMAccountName",
        "userPrincipalName",
        "servicePrincipalName",
        "lwAlias",
        "uidNumber",
        "gidNumber",
    )
)
"""Without their equality indexes the server could neither find accounts nor keep their names unique."""
_KINDS = {kind.name.lower().encode(): kind for kind in IndexKind}


def index_attribute(schema: Schema, name: bytes) -> AttributeType:
    """The attribute type that an index entry's cn names; raises DirectoryError where none can be indexed."""
    attribute = schema.attribute(name.decode("ascii", "replace"))
    if attribute is None:
        raise DirectoryError(ResultCode.UNDEFINED_ATTRIBUTE_TYPE, "the index's cn names no attribute type")
    if attribute.is_secret or attribute.is_link or attribute.oid in computed_types(schema):
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"{attribute.name} can't be indexed")
    return attribute


def index_kinds(attribute: AttributeType, values: Iterable[bytes]) -> set[IndexKind]:
    """The kinds that values of lwIndexKind name; raises DirectoryError for one that the attribute can't have."""
    kinds = set()
    for value in values:
        kind = _KINDS.get(value.strip().lower())
        if kind is None:
            raise DirectoryError(
                ResultCode.INVALID_ATTRIBUTE_SYNTAX,
                f"{INDEX_KIND}: one of {', '.join(k.decode() for k in _KINDS)}",
            )
        rule = {
            IndexKind.EQUALITY: attribute.equality,
            IndexKind.ORDERING: attribute.ordering,
            IndexKind.SUBSTRING: attribute.substring,
        }.get(kind, attribute)
        if rule is None:
            raise DirectoryError(
                ResultCode.INAPPROPRIATE_MATCHING, f"{attribute.name} has no rule for {kind.name.lower()}"
            )
        kinds.add(kind)
    return kinds or {IndexKind.EQUALITY}


def unique_scopes(
    txn: ReadTransaction, schema: Schema, attribute: AttributeType, values: Iterable[bytes]
) -> list[Scope]:
    """The scopes that values of lwUniqueScope name; raises DirectoryError where one does not exist."""
    found = []
    for value in values:
        if not value.strip():
            found.append(Scope(attribute.oid, 0, ROOT))
            continue
        try:
            tenant, base = txn.find(normalise_dn_text(schema, value))
        except NoSuchEntry:
            raise DirectoryError(ResultCode.NO_SUCH_OBJECT, f"{UNIQUE_SCOPE} names no entry") from None
        found.append(Scope(attribute.oid, tenant, base))
    return found


class IndexDefinitions:
    """Makes the store's index definitions follow the entries that describe them."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """A new definition."""
        schema = draft.schema
        if not _is_index(schema, draft.classes):
            return
        if draft.name[1:] != normalised_name(schema, INDICES_DN):
            raise DirectoryError(ResultCode.NAMING_VIOLATION, f"an index stands below {INDICES_DN.decode()}")
        attribute = index_attribute(schema, draft.rdn[0].value)
        _check_first(txn, schema, draft, attribute)
        by_name = {description.type.name: values for description, values in draft.attributes.items()}
        scopes = unique_scopes(txn, schema, attribute, by_name.get(UNIQUE_SCOPE, ()))
        kinds = index_kinds(attribute, by_name.get(INDEX_KIND, ()))
        _apply(txn, attribute, kinds, scopes, draft.effects)

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """Other kinds, other scopes."""
        schema = draft.schema
        if not _is_index(schema, draft.classes):
            return
        edited = {edit.description.type.name: edit.after for edit in draft.edits.values()}
        if INDEX_KIND not in edited and UNIQUE_SCOPE not in edited:
            return
        attribute = index_attribute(schema, naming_value(txn, schema, draft.record))
        kinds = index_kinds(attribute, edited.get(INDEX_KIND, _values(txn, schema, draft.record, INDEX_KIND)))
        scopes = unique_scopes(
            txn, schema, attribute, edited.get(UNIQUE_SCOPE, _values(txn, schema, draft.record, UNIQUE_SCOPE))
        )
        _apply(txn, attribute, kinds, scopes, draft.effects)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """A definition keeps its name: it says what is indexed."""
        moved = draft.new_parent != draft.old_parent or draft.normalised_rdn != draft.record.normalised_rdn
        if moved and _is_index(draft.schema, draft.classes):
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "an index definition can't be renamed")

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """The indexes go, and uniqueness with them."""
        if not _is_index(draft.schema, draft.classes):
            return
        attribute = index_attribute(draft.schema, naming_value(txn, draft.schema, draft.record))
        _apply(txn, attribute, set(), [], ())


def _is_index(schema: Schema, classes: frozenset[str]) -> bool:
    index = schema.object_class(INDEX_CLASS)
    return index is not None and index.oid in classes


def naming_value(txn: ReadTransaction, schema: Schema, record: Record) -> bytes:
    """The value of an index entry's cn."""
    values = _values(txn, schema, record, "cn")
    return values[0] if values else b""


def _values(txn: ReadTransaction, schema: Schema, record: Record, name: str) -> list[bytes]:
    attribute = schema.attribute(name)
    number = None if attribute is None else txn.attribute_number(attribute.oid)
    return [] if number is None else record.values(number)


def _check_first(txn: WriteTransaction, schema: Schema, draft: DraftEntry, attribute: AttributeType) -> None:
    """One entry an attribute: not one for its name and another for its OID."""
    for _, entry_id in txn.children(draft.tenant, draft.parent):
        other = naming_value(txn, schema, txn.record(draft.tenant, entry_id))
        if schema.attribute(other.decode("ascii", "replace")) is attribute:
            raise DirectoryError(
                ResultCode.ENTRY_ALREADY_EXISTS, f"{attribute.name} has a definition already"
            )


def _apply(
    txn: WriteTransaction,
    attribute: AttributeType,
    kinds: set[IndexKind],
    scopes: Sequence[Scope],
    effects: Sequence[Effect],
) -> None:
    """Makes the store's definitions of an attribute what the entry says."""
    oid = attribute.oid
    present = {
        one.kind for one in txn.definitions().by_type.get(oid, ()) if one.state is not IndexState.DROPPING
    }
    if attribute.name in NEEDED and IndexKind.EQUALITY not in kinds:
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM, f"the server needs the equality index of {attribute.name}"
        )
    if scopes and IndexKind.EQUALITY not in kinds:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "uniqueness needs an equality index")
    for kind in sorted(kinds - present, key=lambda one: one.name):
        try:
            declare_index(txn, oid, kind)
        except ValueError:
            raise DirectoryError(
                ResultCode.BUSY, f"the old {kind.name.lower()} index is still being dropped; try again"
            ) from None
    number = txn.attribute_number(oid)
    for kind in present - kinds:
        if number is not None:
            drop_index(txn, number, kind)
    known = scopes_of(txn).get(oid, ())
    new = [scope for scope in scopes if scope not in known]
    if new:
        _check_scopes(txn, attribute, new, effects)
    if tuple(scopes) != known:
        put_scopes(txn, oid, scopes)


def _check_scopes(
    txn: WriteTransaction, attribute: AttributeType, scopes: Sequence[Scope], effects: Sequence[Effect]
) -> None:
    """A new scope holds for what exists: the index can answer, and no two entries conflict."""
    number = txn.attribute_number(attribute.oid)
    if number is None or txn.index_state(number, IndexKind.EQUALITY) is not IndexState.COMPLETE:
        raise DirectoryError(
            ResultCode.UNWILLING_TO_PERFORM,
            f"the equality index of {attribute.name} is being built: set {UNIQUE_SCOPE} when it is complete",
        )
    surveyed = {
        one.rule.scope
        for one in effects
        if isinstance(one, SurveyEffect) and isinstance(one.rule, UniqueRule)
    }
    for scope in scopes:
        if scope not in surveyed:
            rule = UniqueRule(attribute, scope)
            if not scope.tenant:
                check_all(txn, rule)
                continue
            for entry_id in (scope.base, *txn.descendants(scope.tenant, scope.base)):
                rule.check(txn, scope.tenant, entry_id, txn.record(scope.tenant, entry_id))


def survey_of(
    txn: ReadTransaction, schema: Schema, attribute: AttributeType, values: Iterable[bytes]
) -> list[Survey]:
    """What to look at before these become values of lwUniqueScope; raises DirectoryError."""
    known = scopes_of(txn).get(attribute.oid, ())
    return [
        Survey(txn.store, UniqueRule(attribute, scope))
        for scope in unique_scopes(txn, schema, attribute, values)
        if scope not in known
    ]
