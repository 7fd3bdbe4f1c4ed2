"""What is done to tenants as a whole: prepared in threads, then one operation of the pipeline each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred

from lightwave.directory.access.sid import Sid
from lightwave.directory.access.tenant_state import TenantState
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.outcome import SUCCESS, Outcome
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.ports import Threads
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.tenant_removal import removals
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity import tenants
from lightwave.identity.credentials import CredentialBlob, KeysKept, prepare_password
from lightwave.identity.hashing import HashingCost
from lightwave.identity.operators import find_operator
from lightwave.identity.password_rules import PasswordOwner, check_quality
from lightwave.identity.passwords import prepare
from lightwave.identity.policies import DEFAULT, PasswordPolicy, policy_of
from lightwave.identity.tokens import current
from lightwave.rest.directory_port import Contexts
from lightwave.web.messages import Request
from lightwave.web.problems import Problem, problem_of_outcome

T = TypeVar("T")


class Making(NamedTuple):
    """What passwords and GUIDs are made with."""

    hashing: HashingCost
    new_guid: Callable[[], bytes]
    random_bytes: Callable[[int], bytes]


class TenantPort:
    """Tenants for their face; in the name of who asks."""

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        pipeline: WritePipeline,
        threads: Threads,
        contexts: Contexts,
        making: Making,
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._pipeline = pipeline
        self._threads = threads
        self._contexts = contexts
        self.making = making

    def check_manager(self, request: Request) -> None:
        """Raises DirectoryError unless the caller manages tenants."""
        tenants.check_manager(self._contexts.of(request))

    def is_system(self, guid: bytes) -> bool:
        """Whether this is the system tenant's GUID."""
        with self._store.read() as txn:
            return txn.tenant_number(guid) == SYSTEM_TENANT

    def removed_rows(self, guid: bytes) -> int | None:
        """How many rows of a tenant that is being deleted are gone; None where nothing is left but its entry."""
        with self._store.read() as txn:
            number = txn.tenant_number(guid)
            return next((one.rows for one in removals(txn) if one.tenant == number), None)

    async def create(self, request: Request, name: str, password: str) -> str:
        """Makes a tenant; its domain. Raises DirectoryError and Problem."""
        self.check_manager(request)
        domain = tenants.check_domain(name)
        with self._store.read() as txn:
            tenants.check_free(txn, self._schemas.current(txn), domain)
        guid = self.making.new_guid()
        keyring = self._store.keyring
        names = ("Administrator", f"Administrator@{domain}")

        def prepare() -> CredentialBlob:
            blob = self._prepared(password, DEFAULT, names)
            if keyring is not None:
                keyring.prepare_tenant(guid)
            return blob

        new = tenants.NewTenant(domain, guid, await self._in_thread(prepare))
        new_guid = self.making.new_guid
        try:
            await self._operate(
                request,
                lambda txn, schema, context: tenants.create_tenant(txn, schema, context, new, new_guid),
            )
        except Problem as refusal:
            # A commit that failed may stand all the same: then the tenant is nothing without its keys. What is not kept
            # is cleared away later.
            if keyring is not None and refusal.status < 500:
                await self._in_thread(lambda: keyring.destroy_tenant(guid))
            raise
        if keyring is not None:
            await self._in_thread(lambda: keyring.keep_tenant(guid))
        return domain

    async def set_state(self, request: Request, name: str, state: TenantState) -> None:
        """Suspends or resumes a tenant; raises Problem."""
        await self._operate(
            request, lambda txn, schema, context: tenants.set_state(txn, schema, context, name, state)
        )

    async def delete(self, request: Request, name: str) -> None:
        """Begins to delete a tenant; raises Problem."""
        await self._operate(
            request, lambda txn, schema, context: tenants.begin_deletion(txn, schema, context, name)
        )

    async def recover(self, request: Request, name: str, password: str) -> str:
        """Gives a tenant's Administrator a new password; his DN. Raises Problem."""
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            number = tenants.find_entry(txn, schema, name).number
            policy = policy_of(txn, schema, number, tenants.administrator_of(txn, number))
        names = ("Administrator", f"Administrator@{name}")
        blob = await self._in_thread(lambda: self._prepared(password, policy, names))
        dn = await self._operate(
            request,
            lambda txn, schema, context: tenants.recover_administrator(txn, schema, context, name, blob),
        )
        return dn.decode("utf-8", "replace")

    def _prepared(self, password: str, policy: PasswordPolicy, names: tuple[str, ...]) -> CredentialBlob:
        """Heavy. Raises PasswordRefused and UnusablePassword."""
        clear = password.encode()
        check_quality(prepare(clear), policy, PasswordOwner(names))
        kept = KeysKept(scram=policy.keep_scram, srp=policy.keep_srp, names=names)
        return prepare_password(clear, self.making.hashing, kept=kept)

    def operator(self, name: str) -> Sid:
        """The SID of whom a tenant may let in; raises Problem 404 for all others alike."""
        with self._store.read() as txn:
            sid = find_operator(txn, self._schemas.current(txn), name)
        if sid is None:
            raise Problem(404, f"no operator is called {name!r}: ask him for his SID, and invite that")
        return sid

    async def _operate(self, request: Request, apply: Callable[[WriteTransaction, Schema, Context], T]) -> T:
        context = self._contexts.of(request)
        results: list[T] = []

        def in_transaction(txn: WriteTransaction, schema: Schema) -> Outcome:
            now = replace(
                context, token=current(txn, context.token)
            )  # what the caller is in this transaction
            results[:] = [apply(txn, schema, now)]
            return SUCCESS

        answer: Deferred[Outcome] = Deferred()
        self._pipeline.submit_operation(context, in_transaction, answer.callback)
        outcome = await answer
        if outcome.code is not ResultCode.SUCCESS:
            raise problem_of_outcome(outcome)
        return results[0]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        answer: Deferred[T] = Deferred()

        def done(result: T | BaseException) -> None:
            if isinstance(result, BaseException):
                answer.errback(result)
            else:
                answer.callback(result)

        self._threads.run(work, done)
        return await answer
