"""A fresh directory in a temporary folder, written through the real pipeline, without threads or a reactor."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lightwave.directory.access.sid import AUTHENTICATED_USERS, BUILTIN_ADMINISTRATORS, EVERYONE
from lightwave.directory.access.token import ANONYMOUS, AuthenticatedBy, Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.messages import (
    AddRequest,
    CompareRequest,
    DeleteRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.compare import compare
from lightwave.directory.operations.computed import computed_values
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.plugins import default_plugins
from lightwave.directory.operations.ports import Plugin, Prepare, WriteRequest
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.tree import Domain, Tree, create_tree
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store import building
from lightwave.directory.store.check import check
from lightwave.directory.store.environment import Store
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.writing import WriteTransaction

T = TypeVar("T")

ADMINISTRATORS_SIDS = frozenset({BUILTIN_ADMINISTRATORS, AUTHENTICATED_USERS, EVERYONE})
"""of a member of Administrators"""
SIGNED_IN_SIDS = frozenset({AUTHENTICATED_USERS, EVERYONE})
"""of an account that is in no group"""
BUILTIN = Schema.load_builtin()
BASE = b"dc=lightwave,dc=local"
START = 1_795_000_000.0

Values = bytes | Sequence[bytes | str]


class ImmediateCommits:
    """A committer that applies and commits at once, each operation in a child transaction as the real one does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def submit(
        self, apply: Callable[[WriteTransaction], T], done: Callable[[T | BaseException], None]
    ) -> None:
        """Commits when `apply` returns, undoes it when it raises."""
        result: T | BaseException
        with self._store.write() as txn:
            child = txn.child()
            try:
                result = apply(child)
            except Exception as error:  # noqa: BLE001  the outcome is the caller's
                child.abort()
                result = error
            else:
                child.commit()
        done(result)

    def submit_flat(
        self, run_slice: Callable[[WriteTransaction], bool], done: Callable[[BaseException | None], None]
    ) -> None:
        """Runs all slices, until one fails."""
        more = True
        try:
            while more:
                with self._store.write() as txn:
                    more = run_slice(txn)
        except Exception as error:  # noqa: BLE001  the outcome is the caller's
            done(error)
        else:
            done(None)


class ImmediateThreads:
    """Threads that are none."""

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T | BaseException], None],
        peer: str = "",
        admit: Callable[[], None] | None = None,
    ) -> None:
        """Runs the work here and now."""
        result: T | BaseException
        try:
            if admit is not None:
                admit()
            result = work()
        except Exception as error:  # noqa: BLE001  the outcome is the caller's
            result = error
        try:
            done(result)
        finally:
            del (
                result
            )  # an exception, its traceback and this frame would keep each other, and a reader's slot


class Directory:
    """A promoted store with one administrator, and a clock that tests move."""

    def __init__(
        self, folder: Path, preparers: Sequence[Prepare] = (), plugins: Sequence[Plugin] = ()
    ) -> None:
        self.time = START
        keyring, _ = Keyring.create(folder / "keyring")
        store = Store.create(
            folder / "store", keyring, server=os.urandom(16), now=lambda: self.time, map_size=1 << 30
        )
        with store.write() as txn:
            tree = create_tree(txn, BUILTIN, Domain(BASE, "here"))
        self._begin(store, tree, preparers, plugins)

    @classmethod
    def over(cls, store: Store, tree: Tree, preparers: Sequence[Prepare] = ()) -> Directory:
        """The same over a store that has such a tree."""
        made = cls.__new__(cls)
        made._begin(store, tree, preparers, ())
        return made

    def _begin(
        self, store: Store, tree: Tree, preparers: Sequence[Prepare], plugins: Sequence[Plugin]
    ) -> None:
        self.time = START
        self.store = store
        self.tree = tree
        self.schemas = SchemaSource(BUILTIN)
        self.committer = ImmediateCommits(self.store)
        self.pipeline = WritePipeline(
            self.store,
            self.committer,
            self.schemas,
            preparers,
            (*default_plugins(), *plugins),
            ImmediateThreads(),
        )
        self.limits = Limits()
        self.token = Token(
            tenant=self.tree.tenant,
            entry_id=self.tree.administrator,
            guid=bytes(16),
            dn=self.tree.administrator_dn,
            is_administrator=True,
            is_anonymous=False,
            authenticated_by=AuthenticatedBy.PASSWORD,
            sids=ADMINISTRATORS_SIDS,
            entry_ids=frozenset({self.tree.administrator}),
        )

    def context(self, *, anonymous: bool = False, controls: tuple[Control, ...] = ()) -> Context:
        """The surroundings of one request."""
        token = ANONYMOUS if anonymous else self.token
        return Context(token, self.limits, controls, lambda: self.time, secure=True)

    def write(self, request: WriteRequest, context: Context | None = None) -> Outcome:
        """Runs one write to its end."""
        outcomes: list[Outcome] = []
        self.pipeline.submit(context or self.context(), request, outcomes.append)
        (outcome,) = outcomes
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def add(self, dn: str | bytes, **attributes: Values | str) -> Outcome:
        """An add; in names of attributes `_` stands for `;` and `__` for `-`."""
        return self.write(
            AddRequest(
                _bytes(dn),
                tuple((k.replace("__", "-").replace("_", ";"), _values(v)) for k, v in attributes.items()),
            )
        )

    def modify(self, dn: str | bytes, *changes: tuple[str, str, Values | str]) -> Outcome:
        """A modify of (kind, attribute, values)."""
        return self.write(
            ModifyRequest(
                _bytes(dn),
                tuple(
                    Modification(ModifyKind[kind.upper()], attribute, _values(values))
                    for kind, attribute, values in changes
                ),
            )
        )

    def delete(self, dn: str | bytes) -> Outcome:
        """A delete."""
        return self.write(DeleteRequest(_bytes(dn)))

    def rename(
        self, dn: str | bytes, rdn: str | bytes, superior: str | bytes | None = None, *, keep: bool = False
    ) -> Outcome:
        """A modify DN; the old RDN goes unless it is to be kept."""
        above = None if superior is None else _bytes(superior)
        return self.write(ModifyDNRequest(_bytes(dn), _bytes(rdn), not keep, above))

    def compare(self, dn: str | bytes, attribute: str, value: str | bytes) -> ResultCode:
        """A compare's result code."""
        with self.store.read() as txn:
            schema = self.schemas.current(txn)
            request = CompareRequest(_bytes(dn), attribute, _bytes(value))
            return compare(txn, schema, self.context(), request).code

    def find(self, dn: str | bytes) -> tuple[int, int]:
        """(tenant, entry id); raises NoSuchEntry."""
        with self.store.read() as txn:
            return txn.find(normalise_dn_text(self.schemas.current(txn), _bytes(dn)))

    def values(self, dn: str | bytes, attribute: str) -> list[bytes]:
        """What a reader is shown of an attribute: stored, linked and computed values."""
        with self.store.read() as txn:
            schema = self.schemas.current(txn)
            tenant, entry_id = txn.find(normalise_dn_text(schema, _bytes(dn)))
            record = txn.record(tenant, entry_id)
            description = schema.describe(attribute)
            assert description is not None, attribute
            found = computed_values(txn, schema, tenant, entry_id, record, description.type, self.time)
            number = txn.attribute_number(description.key)
            if number is not None:
                found = found or record.values(number)
                found += [txn.dn(tenant, target) for target in txn.link_targets(tenant, entry_id, number)]
            return found

    def exists(self, dn: str | bytes) -> bool:
        """Whether an entry has this name."""
        return self.compare(dn, "objectClass", "top") is not ResultCode.NO_SUCH_OBJECT

    def build_indexes(self) -> None:
        """Finishes all background index work."""
        with self.store.read() as txn:
            describe = self.schemas.current(txn).describe
        self.committer.submit_flat(lambda txn: building.run_slice(txn, describe), lambda _: None)

    def findings(self) -> list[str]:
        """What is wrong between the store's databases; [] as it should be."""
        with self.store.read() as txn:
            return [str(finding) for finding in check(txn, self.schemas.current(txn).describe)]

    def close(self) -> None:
        """Closes the store."""
        self.store.close()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _values(values: Values | str) -> tuple[bytes, ...]:
    if isinstance(values, str):
        return (values.encode(),)
    return (values,) if isinstance(values, bytes) else tuple(map(_bytes, values))
