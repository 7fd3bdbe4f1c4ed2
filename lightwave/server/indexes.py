"""Index definitions for the command line: edited by the operations that LDAP uses, built here or by the server.

Only one process builds: the one that holds the serving lock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lightwave.directory.ldap.messages import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.plugins.index_definitions import (
    INDEX_KIND,
    INDICES_DN,
    UNIQUE_SCOPE,
    index_attribute,
    naming_value,
)
from lightwave.directory.operations.plugins.uniqueness import scopes_of
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.store import building
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.indexes import IndexState
from lightwave.directory.store.reading import ReadTransaction
from lightwave.server.configuration import ConfigurationError, NodeConfiguration
from lightwave.server.locks import ServingLock
from lightwave.server.offline import write_now

POLL_SECONDS = 0.1
EACH_TENANT = "the root of each tenant"
"""the empty DN as a scope of uniqueness, in words"""

_RELIED_ON = {
    "objectClass": "searches for subentries, and searches that pass referrals or aliases, would look at all entries",
    "uid": "nobody could sign in by uid any more",
    "sAMAccountName": "nobody could sign in by sAMAccountName any more",
    "userPrincipalName": "nobody could sign in by userPrincipalName any more",
}
"""equality indexes that the server itself looks into: what would be lost"""


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One index. state: building, complete or dropping. done: 0 to 1. unique_in: DNs, of the equality index; the
    empty one is within each tenant.
    """

    attribute: str
    kind: str
    state: str
    done: float
    unique_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far pending work has come. done: 0 to 1. by_server: a running server does it."""

    done: float
    text: str
    by_server: bool


@dataclass(frozen=True, slots=True)
class _Definition:
    """The entry that defines an attribute's indexes."""

    dn: bytes
    kinds: tuple[str, ...]


class IndexAdministration:
    """The indexes of one node's store."""

    def __init__(self, configuration: NodeConfiguration, store: Store, schemas: SchemaSource) -> None:
        self._configuration = configuration
        self._store = store
        self._schemas = schemas

    def facts(self) -> list[IndexFacts]:
        """All indexes, sorted by attribute and kind."""
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            scopes = scopes_of(txn)
            found = []
            for one in txn.definitions():
                attribute = schema.attribute(one.key)
                unique = scopes.get(one.key, ()) if one.kind.name == "EQUALITY" else ()
                found.append(
                    IndexFacts(
                        one.key if attribute is None else attribute.name,
                        one.kind.name.lower(),
                        one.state.name.lower(),
                        _done(txn, one.state, one.position[1]),
                        tuple(_name(txn, scope.tenant, scope.base) for scope in unique),
                    )
                )
        return sorted(found, key=lambda one: (one.attribute.lower(), one.kind))

    def add(self, attribute: str, kinds: Sequence[str]) -> str:
        """Have an attribute indexed; its name as the schema writes it. Raises DirectoryError."""
        name, definition = self._definition(attribute)
        if definition is None:
            dn = b"cn=" + name.encode() + b"," + INDICES_DN
            self._write(
                AddRequest(
                    dn,
                    (
                        ("objectClass", (b"top", b"lwIndex")),
                        ("cn", (name.encode(),)),
                        (INDEX_KIND, tuple(kind.encode() for kind in dict.fromkeys(kinds))),
                    ),
                )
            )
        elif missing := [kind for kind in dict.fromkeys(kinds) if kind not in definition.kinds]:
            self._set_kinds(definition, (*definition.kinds, *missing))
        return name

    def loss(self, attribute: str, kinds: Sequence[str]) -> str | None:
        """What is lost with these indexes (all without any) besides speed, None for nothing. Raises DirectoryError."""
        name, _ = self._definition(attribute)
        if kinds and "equality" not in kinds:
            return None
        for one in self.facts():
            if one.attribute == name and one.unique_in:
                scopes = "; ".join(scope or EACH_TENANT for scope in one.unique_in)
                return f"values of {name} would no longer be unique below {scopes}"
        return _RELIED_ON.get(name)

    def drop(self, attribute: str, kinds: Sequence[str]) -> str:
        """Drop an attribute's indexes of these kinds, all without any; its name. Raises DirectoryError."""
        name, definition = self._definition(attribute)
        missing = [kind for kind in kinds if definition is None or kind not in definition.kinds]
        if definition is None or missing:
            what = f"{' or '.join(missing)} index" if missing else "index"
            raise DirectoryError(
                ResultCode.NO_SUCH_OBJECT, f"{name} has no {what}; lightwave index list shows all"
            )
        left = [kind for kind in definition.kinds if kinds and kind not in kinds]
        if left:
            self._set_kinds(definition, left)
        else:
            self._write(DeleteRequest(definition.dn))
        return name

    def make_unique(self, attribute: str, scopes: Sequence[bytes]) -> None:
        """Have an attribute unique below these entries; its equality index must be complete."""
        _, definition = self._definition(attribute)
        if definition is None:
            raise DirectoryError(ResultCode.NO_SUCH_OBJECT, f"{attribute} has no index")
        change = Modification(ModifyKind.ADD, UNIQUE_SCOPE, tuple(scopes))
        self._write(ModifyRequest(definition.dn, (change,)))

    def work(self) -> Iterator[IndexProgress]:
        """Carry on pending work, or watch the server do it, until nothing is pending."""
        while True:
            try:
                lock = ServingLock(self._configuration.data)
            except ConfigurationError:
                progress = self._progress(by_server=True)
                yield progress
                if progress.done >= 1.0:
                    return
                time.sleep(POLL_SECONDS)
                continue
            try:
                yield from self._build()
            finally:
                lock.release()
            return

    def _build(self) -> Iterator[IndexProgress]:
        more = True
        while more:
            with self._store.write() as txn:
                more = building.run_slice(txn, self._schemas.current(txn).describe)
            yield self._progress(by_server=False)

    def _progress(self, *, by_server: bool) -> IndexProgress:
        with self._store.read() as txn:
            waiting = building.pending(txn)
            if not waiting:
                return IndexProgress(1.0, "", by_server)
            done = min(_done(txn, one.state, one.position[1]) for one in waiting)
        count = f"{len(waiting)} indexes" if len(waiting) > 1 else waiting[0].kind.name.lower()
        return IndexProgress(min(done, 0.999), count, by_server)

    def _definition(self, attribute: str) -> tuple[str, _Definition | None]:
        """(name of the attribute, its definition or None); raises DirectoryError for what can't be indexed."""
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            if schema.attribute(attribute) is None:
                raise DirectoryError(
                    ResultCode.UNDEFINED_ATTRIBUTE_TYPE, f"there is no attribute '{attribute}' in the schema"
                )
            wanted = index_attribute(schema, attribute.encode())
            kind_type = schema.attribute(INDEX_KIND)
            number = None if kind_type is None else txn.attribute_number(kind_type.oid)
            tenant, parent = txn.find(normalise_dn_text(schema, INDICES_DN))
            for _, entry_id in txn.children(tenant, parent):
                record = txn.record(tenant, entry_id)
                named = schema.attribute(naming_value(txn, schema, record).decode("ascii", "replace"))
                if named is wanted:
                    values = [] if number is None else record.values(number)
                    kinds = tuple(value.decode("ascii", "replace").strip().lower() for value in values)
                    dn = txn.dn(tenant, entry_id, record)
                    return wanted.name, _Definition(dn, kinds or ("equality",))
        return wanted.name, None

    def _set_kinds(self, definition: _Definition, kinds: Sequence[str]) -> None:
        values = tuple(kind.encode() for kind in kinds)
        change = Modification(ModifyKind.REPLACE, INDEX_KIND, values)
        self._write(ModifyRequest(definition.dn, (change,)))

    def _write(self, request: AddRequest | ModifyRequest | DeleteRequest) -> None:
        write_now(self._store, self._schemas, request)


def _done(txn: ReadTransaction, state: IndexState, position: int) -> float:
    if state is IndexState.COMPLETE:
        return 1.0
    last = txn.counters().entry_id
    return position / last if last else 0.0


def _name(txn: ReadTransaction, tenant: int, entry_id: int) -> str:
    if not tenant:
        return ""
    try:
        return txn.dn(tenant, entry_id).decode("utf-8", "replace")
    except NoSuchEntry:
        return "an entry that is gone"
