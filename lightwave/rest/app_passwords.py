"""/v1/app-passwords: passwords for programs on devices, of the caller himself or of an account that he names.

Everybody makes, lists and revokes his own, unless he is signed in with one of them: else a device that was lost could
make itself another. Those of somebody else are for whoever may reset that account's password (`control_rights`); where
a second factor is demanded of it, they are made by administrators. The password stands in the answer to its making and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import Field
from twisted.internet.defer import Deferred

from lightwave.directory.access.control_rights import RESET_PASSWORD
from lightwave.directory.access.token import AuthenticatedBy
from lightwave.directory.ldap.filters import Equality
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import check_control_right
from lightwave.directory.operations.outcome import SUCCESS, Outcome
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.app_passwords import (
    MAX_NAME,
    PROTOCOLS,
    AppPassword,
    AppPasswordRefused,
    add_app_password,
    app_passwords,
    new_app_password,
    revoke_app_password,
)
from lightwave.identity.audit import event_of, record, target_of
from lightwave.identity.credentials import read_credentials
from lightwave.identity.names import find_by_dn
from lightwave.identity.policies import policy_of
from lightwave.identity.required_factors import demanded_of
from lightwave.rest.calling import Kind, locate
from lightwave.rest.directory_port import Contexts, DirectoryPort
from lightwave.rest.resources import MAX_BODY, Name, Resource, TenantQuery, answering, refusals
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.problems import Problem, problem_of_outcome
from lightwave.web.routing import Access, Answer, Route

PATH = "/v1/app-passwords"
_ONE = f"{PATH}/{{id}}"
_ACCOUNT = Kind(
    "account", Equality("objectClass", b"person"), ("sAMAccountName", "userPrincipalName", "uid"), "$"
)
_REFUSED = refusals("there is no such account, app password or tenant")


class AccountQuery(TenantQuery):
    """Whose they are."""

    account: Name | None = Field(
        default=None, description="Name, GUID, SID or distinguished name; without it the caller himself"
    )


class NewAppPassword(Resource):
    """One to be made."""

    name: str = Field(
        min_length=1, max_length=MAX_NAME, description="Of the device", examples=["Ada's phone"]
    )
    protocols: list[str] = Field(
        default_factory=list,
        max_length=len(PROTOCOLS),
        description=f"For which it serves, of {', '.join(PROTOCOLS)}; all without",
        examples=[["ldap"]],
    )


class AppPasswordShown(Resource):
    """One that there is."""

    id: str
    name: str
    protocols: list[str]
    created: datetime
    used: datetime | None = Field(default=None, description="When it was last used, to the day")


class AppPasswordMade(AppPasswordShown):
    """One that has just been made."""

    password: str = Field(description="Shown this once")


class AppPasswordList(Resource):
    """Those of an account."""

    items: list[AppPasswordShown]


class _Whose(NamedTuple):
    tenant: int
    entry_id: int
    is_own: bool


class AppPasswordFace:
    """The routes of app passwords."""

    def __init__(
        self,
        store: Store,
        schemas: SchemaSource,
        pipeline: WritePipeline,
        port: DirectoryPort,
        contexts: Contexts,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._pipeline = pipeline
        self._port = port
        self._contexts = contexts
        self._random = random_bytes

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self.list),
                name="listAppPasswords",
                summary="List app passwords",
                query=AccountQuery,
                answers={200: Answer("all of them", AppPasswordList), **_REFUSED},
            ),
            Route(
                method="POST",
                path=PATH,
                access=Access.SIGNED_IN,
                handle=answering(self.create),
                name="createAppPassword",
                summary="Make an app password",
                query=AccountQuery,
                body=NewAppPassword,
                max_body=MAX_BODY,
                answers={201: Answer("it was made", AppPasswordMade), **_REFUSED},
            ),
            Route(
                method="DELETE",
                path=_ONE,
                access=Access.SIGNED_IN,
                handle=answering(self.revoke),
                name="revokeAppPassword",
                summary="Revoke an app password: what is open under it ends",
                query=AccountQuery,
                answers={204: Answer("it is revoked"), **_REFUSED},
            ),
        )

    async def list(self, request: Request) -> Response:
        """All of an account."""
        whose = await self._whose(request)
        context = self._contexts.of(request)
        with self._store.read() as txn:
            self._check(txn, self._schemas.current(txn), context, whose)
            found = app_passwords(read_credentials(txn, whose.tenant, whose.entry_id))
        return json_response(AppPasswordList(items=[AppPasswordShown(**_shown(one)) for one in found]))

    async def create(self, request: Request) -> Response:
        """Makes one."""
        asked: NewAppPassword = request.content
        context = self._contexts.of(request)
        try:
            made, password = new_app_password(asked.name, asked.protocols, context.now(), self._random)
        except AppPasswordRefused as error:
            raise Problem(422, str(error)) from None
        whose = await self._whose(request)

        def apply(txn: WriteTransaction, schema: Schema) -> Outcome:
            self._check(txn, schema, context, whose)
            _check_factor(txn, schema, context, whose)
            try:
                add_app_password(txn, whose.tenant, whose.entry_id, made, txn.begin_change())
            except AppPasswordRefused as error:
                raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, str(error)) from None
            _audit(txn, context, whose, "app-password-create", made)
            return SUCCESS

        await self._operate(context, apply)
        return json_response(AppPasswordMade(**_shown(made), password=password), 201)

    async def revoke(self, request: Request) -> Response:
        """Forgets one."""
        context = self._contexts.of(request)
        whose = await self._whose(request)
        try:
            identity = bytes.fromhex(request.parameters["id"])
        except ValueError:
            identity = b""

        def apply(txn: WriteTransaction, schema: Schema) -> Outcome:
            self._check(txn, schema, context, whose)
            known = app_passwords(read_credentials(txn, whose.tenant, whose.entry_id))
            found = next((one for one in known if one.id == identity), None)
            if found is None:
                raise DirectoryError(ResultCode.NO_SUCH_OBJECT, "there is no such app password")
            revoke_app_password(txn, whose.tenant, whose.entry_id, identity, txn.begin_change())
            _audit(txn, context, whose, "app-password-revoke", found)
            return SUCCESS

        await self._operate(context, apply)
        return Response(204)

    async def _operate(self, context: Context, apply: Callable[[WriteTransaction, Schema], Outcome]) -> None:
        answer: Deferred[Outcome] = Deferred()
        self._pipeline.submit_operation(context, apply, answer.callback)
        outcome = await answer
        if outcome.code is not ResultCode.SUCCESS:
            raise problem_of_outcome(outcome)

    async def _whose(self, request: Request) -> _Whose:
        """The account that is meant; raises Problem 404 where the caller sees none."""
        query: AccountQuery = request.arguments
        token = request.caller
        assert token.entry_id is not None  # the route is for who is signed in
        if query.account is None:
            if query.tenant is not None:
                self._port.domain(request, query.tenant)  # one that the caller does not see is not there
            return _Whose(token.tenant, token.entry_id, is_own=True)
        domain = self._port.domain(request, query.tenant)
        found = await locate(self._port, request, domain, _ACCOUNT, query.account, ())
        with self._store.read() as txn:
            place = find_by_dn(txn, self._schemas.current(txn), found.dn.encode())
        if place is None:
            raise Problem(404, f"there is no account {query.account!r} in {domain.dns_name}")
        return _Whose(*place, is_own=place == (token.tenant, token.entry_id))

    @staticmethod
    def _check(txn: ReadTransaction, schema: Schema, context: Context, whose: _Whose) -> None:
        if context.token.app_password:
            raise DirectoryError(
                ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "an app password makes, shows and revokes none"
            )
        if not whose.is_own:
            tenant, entry_id = whose.tenant, whose.entry_id
            entry = txn.record(tenant, entry_id)
            check_control_right(txn, schema, context, tenant, entry_id, entry, RESET_PASSWORD)


def _check_factor(txn: ReadTransaction, schema: Schema, context: Context, whose: _Whose) -> None:
    """An app password stands for a second factor: who has proved none has none to give.

    Neither has one who may reset somebody's password, nor whose own password is enough over this protocol alone.
    """
    token, tenant = context.token, whose.tenant
    if token.bypasses(tenant) or (token.administers(tenant) and not whose.is_own):
        return
    if whose.is_own and token.authenticated_by is not AuthenticatedBy.PASSWORD:
        return
    record = txn.record(tenant, whose.entry_id)
    if demanded_of(txn, schema, record) or policy_of(txn, schema, tenant, whose.entry_id).second_factor_for:
        raise DirectoryError(
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
            "a second factor is demanded of the account: an administrator makes its app passwords, or the account"
            " itself, signed in with more than its password",
        )


def _audit(txn: WriteTransaction, context: Context, whose: _Whose, action: str, one: AppPassword) -> None:
    target = target_of(txn, whose.tenant, whose.entry_id)
    detail = f"{one.name} ({one.id.hex()}) for {' '.join(one.protocols)}"
    record(txn, event_of(context, whose.tenant, action, target, detail))


def _shown(one: AppPassword) -> dict[str, Any]:
    return {
        "id": one.id.hex(),
        "name": one.name,
        "protocols": list(one.protocols),
        "created": datetime.fromtimestamp(one.created, UTC),
        "used": datetime.fromtimestamp(one.used, UTC) if one.used else None,
    }
