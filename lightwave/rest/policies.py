"""/v1/policies: the password policy of a tenant, and those of accounts and groups within it.

Read and written as entries, with the caller's rights. `check` says what a candidate password would be told, and by
which policy; it sets nothing, and the password is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel
from twisted.internet.defer import Deferred

from lightwave.directory.ldap.dn import AVA, format_dn
from lightwave.directory.ldap.filters import And, Equality, Or
from lightwave.directory.ldap.messages import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.operations.ports import Threads
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.store.environment import Store
from lightwave.identity import passwords
from lightwave.identity.breach_list import BreachListError, is_breached
from lightwave.identity.names import find_by_dn
from lightwave.identity.password_owner import owner_of_entry
from lightwave.identity.password_rules import NOBODY, PasswordOwner, PasswordRefused, check_quality
from lightwave.identity.password_setting import BreachListPath
from lightwave.identity.policies import POLICY_RDN, SETTINGS_CONTAINER, policy_of, tenant_policy
from lightwave.identity.policy_attributes import (
    BY_ATTRIBUTE,
    DEFAULT,
    PASSWORD_SETTINGS,
    PasswordPolicy,
    PolicyError,
    policy_from,
)
from lightwave.identity.strength import strength
from lightwave.rest.calling import Kind, locate
from lightwave.rest.directory_port import DirectoryPort, Found
from lightwave.rest.policy_models import (
    ATTRIBUTES,
    Candidate,
    Judgement,
    NewPolicy,
    Policies,
    Policy,
    PolicyChanges,
    PolicyQuery,
    changes_of,
    settings_of,
)
from lightwave.rest.resources import MAX_BODY, TenantQuery, answering, path_name, refusals
from lightwave.rest.tenancy import Domain
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.problems import Problem
from lightwave.web.routing import Access, Answer, Route

PATH = "/v1/policies"
DEFAULT_NAME = "default"
_ONE = f"{PATH}/{{name}}"
_TENANTS = Equality("objectClass", b"vmwPolicy")
_SETTINGS = Equality("objectClass", b"msDS-PasswordSettings")
_ACCOUNT = Kind(
    "account", Equality("objectClass", b"person"), ("sAMAccountName", "userPrincipalName", "uid"), "$"
)
_APPLIED = Kind(
    "account or group",
    Or((Equality("objectClass", b"person"), Equality("objectClass", b"group"))),
    ("sAMAccountName", "userPrincipalName", "uid", "cn"),
    "$",
)
_READ = (
    "cn",
    "description",
    "msDS-PasswordSettingsPrecedence",
    "msDS-PSOAppliesTo",
    *BY_ATTRIBUTE,
)
_CLASSES = (b"top", b"msDS-PasswordSettings", b"vmwPasswordPolicy", b"vmwLockoutPolicy", b"lwPasswordPolicy")
_REFUSED = refusals("there is no such policy, account or tenant")


class PolicyFace:
    """The routes of password policies."""

    def __init__(
        self,
        port: DirectoryPort,
        store: Store,
        schemas: SchemaSource,
        threads: Threads,
        breach_list: BreachListPath,
    ) -> None:
        self._port = port
        self._store = store
        self._schemas = schemas
        self._threads = threads
        self._breach_list = breach_list

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            self._route(
                "GET", PATH, self.show_all, "listPolicies", "List password policies", query=PolicyQuery
            ),
            self._route("POST", PATH, self.create, "createPolicy", "Make a policy for accounts and groups"),
            Route(
                method="POST",
                path=f"{PATH}/check",
                access=Access.SIGNED_IN,
                handle=answering(self.check),
                name="checkPassword",
                summary="Ask what a candidate password would be told",
                query=PolicyQuery,
                body=Candidate,
                max_body=MAX_BODY,
                answers={200: Answer("the judgement", Judgement), **_REFUSED},
            ),
            self._route("GET", _ONE, self.show, "showPolicy", "Show a password policy"),
            self._route("PATCH", _ONE, self.modify, "modifyPolicy", "Change a password policy"),
            self._route(
                "DELETE", _ONE, self.delete, "deletePolicy", "Delete a policy for accounts and groups"
            ),
        )

    @staticmethod
    def _route(
        method: str,
        path: str,
        handle: Callable[..., object],
        name: str,
        summary: str,
        query: type = TenantQuery,
    ) -> Route:
        bodies: dict[str, type[BaseModel]] = {"POST": NewPolicy, "PATCH": PolicyChanges}
        body = bodies.get(method)
        done = {
            "GET": {200: Answer("as the caller may read it", Policies if path == PATH else Policy)},
            "POST": {201: Answer("it was made", Policy)},
            "PATCH": {200: Answer("it was changed", Policy)},
            "DELETE": {204: Answer("it is gone")},
        }[method]
        return Route(
            method=method,
            path=path,
            access=Access.SIGNED_IN,
            handle=answering(handle),  # type: ignore[arg-type]
            name=name,
            summary=summary,
            query=query,
            body=body,
            max_body=MAX_BODY if body is not None else 0,
            answers={**done, **_REFUSED},
        )

    async def show_all(self, request: Request) -> Response:
        """All of a tenant, or the one that governs an account."""
        query: PolicyQuery = request.arguments
        domain = self._port.domain(request, query.tenant)
        policies = await self._all(request, domain)
        if query.account is not None:
            governing = await self._governing(request, domain, query.account)
            policies = [one for one in policies if one.dn == governing]
        return json_response(Policies(items=policies))

    async def show(self, request: Request) -> Response:
        """One."""
        domain = self._port.domain(request, request.arguments.tenant)
        return json_response(await self._policy(request, domain, path_name(request)))

    async def create(self, request: Request) -> Response:
        """Makes password settings."""
        new: NewPolicy = request.content
        domain = self._port.domain(request, request.arguments.tenant)
        if new.name.casefold() in (DEFAULT_NAME, "check"):
            raise Problem(422, f"{new.name!r} is no name for a policy of accounts and groups")
        attributes: dict[str, tuple[bytes, ...]] = {
            "objectClass": _CLASSES,
            "cn": (new.name.encode(),),
            "msDS-PasswordSettingsPrecedence": (b"%d" % new.precedence,),
            "msDS-PSOAppliesTo": await self._applied(request, domain, new.applies_to),
            "description": (new.description.encode(),) if new.description else (),
            **self._writable(changes_of(new.settings), DEFAULT_NAME + new.name),
        }
        dn = _dn(domain, new.name)
        given = tuple((name, values) for name, values in attributes.items() if values)
        await self._port.write(request, AddRequest(dn, given))
        made = await self._policy(request, domain, new.name)
        location = self._port.location(PATH, new.name, request.arguments.tenant)
        return json_response(made, 201, (("Location", location),))

    async def modify(self, request: Request) -> Response:
        """Changes one; all of what is asked, or nothing."""
        asked: PolicyChanges = request.content
        domain, name = self._port.domain(request, request.arguments.tenant), path_name(request)
        policy = await self._policy(request, domain, name)
        changed = self._writable(changes_of(asked.settings), policy.name)
        if "description" in asked.model_fields_set:
            changed["description"] = (asked.description.encode(),) if asked.description else ()
        if policy.name == DEFAULT_NAME and (asked.precedence is not None or asked.applies_to is not None):
            raise Problem(422, "the tenant's policy applies to all whom no other applies to")
        if asked.precedence is not None:
            changed["msDS-PasswordSettingsPrecedence"] = (b"%d" % asked.precedence,)
        if asked.applies_to is not None:
            changed["msDS-PSOAppliesTo"] = await self._applied(request, domain, asked.applies_to)
        if changed:
            changes = tuple(
                Modification(ModifyKind.REPLACE, attribute, values) for attribute, values in changed.items()
            )
            await self._port.write(request, ModifyRequest(policy.dn.encode(), changes))
        return json_response(await self._policy(request, domain, name))

    async def delete(self, request: Request) -> Response:
        """Deletes password settings."""
        domain = self._port.domain(request, request.arguments.tenant)
        policy = await self._policy(request, domain, path_name(request))
        if policy.name == DEFAULT_NAME:
            raise Problem(422, "a tenant has a policy: change it instead")
        await self._port.write(request, DeleteRequest(policy.dn.encode()))
        return Response(204)

    async def check(self, request: Request) -> Response:
        """What the policy thinks of a candidate."""
        query: PolicyQuery = request.arguments
        asked: Candidate = request.content
        domain = self._port.domain(request, query.tenant)
        dn = domain.dn
        if query.account is not None:
            found = await locate(self._port, request, domain, _ACCOUNT, query.account, ())
            dn = found.dn.encode()
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            place = find_by_dn(txn, schema, dn)
            if place is None:
                raise Problem(404, "there is no such account")
            policy, owner = tenant_policy(txn, schema, *place), NOBODY
            if query.account is not None:
                policy, owner = policy_of(txn, schema, *place), owner_of_entry(txn, schema, *place)
            path = self._breach_list(txn, schema)
            name = "built in" if policy.entry is None else txn.dn(*policy.entry).decode("utf-8", "replace")
        clear = asked.password.get_secret_value().encode("utf-8", "surrogatepass")
        waiting: Deferred[Judgement] = Deferred()

        def done(result: Judgement | BaseException) -> None:
            if isinstance(result, BaseException):
                waiting.errback(result)
            else:
                waiting.callback(result)

        self._threads.run(lambda: _judge(clear, policy, owner, path, name), done, request.channel.address)
        return json_response(await waiting)

    async def _all(self, request: Request, domain: Domain) -> list[Policy]:
        found = await self._port.read(request, POLICY_RDN + b"," + domain.dn, _TENANTS, _READ)
        base = DEFAULT if found is None else _effective(DEFAULT, found)
        policies = [] if found is None else [_shown(found, DEFAULT_NAME, base)]
        others = await self._port.find(
            request, SETTINGS_CONTAINER + b"," + domain.dn, _SETTINGS, _READ, most=1_000
        )
        shown = [_shown(one, one.text("cn") or "", _effective(base, one)) for one in others]
        shown.sort(key=lambda one: (one.precedence or 0, one.name.casefold()))
        return policies + shown

    async def _policy(self, request: Request, domain: Domain, name: str) -> Policy:
        base = await self._port.read(request, POLICY_RDN + b"," + domain.dn, _TENANTS, _READ)
        effective = DEFAULT if base is None else _effective(DEFAULT, base)
        if name.casefold() == DEFAULT_NAME and base is not None:
            return _shown(base, DEFAULT_NAME, effective)
        wanted = And((_SETTINGS, Equality("cn", name.encode("utf-8", "surrogateescape"))))
        found = await self._port.find(request, SETTINGS_CONTAINER + b"," + domain.dn, wanted, _READ)
        if not found:
            raise Problem(404, f"there is no policy {name!r} in {domain.dns_name}")
        return _shown(found[0], found[0].text("cn") or name, _effective(effective, found[0]))

    async def _governing(self, request: Request, domain: Domain, account: str) -> str | None:
        found = await locate(self._port, request, domain, _ACCOUNT, account, ())
        with self._store.read() as txn:
            schema = self._schemas.current(txn)
            place = find_by_dn(txn, schema, found.dn.encode())
            entry = None if place is None else policy_of(txn, schema, *place).entry
            return None if entry is None else txn.dn(*entry).decode("utf-8", "replace")

    async def _applied(self, request: Request, domain: Domain, names: list[str]) -> tuple[bytes, ...]:
        found = [await locate(self._port, request, domain, _APPLIED, name, ()) for name in names]
        return tuple(dict.fromkeys(one.dn.encode() for one in found))

    @staticmethod
    def _writable(changed: dict[str, tuple[bytes, ...]], name: str) -> dict[str, tuple[bytes, ...]]:
        if "Enabled" in changed and (name != DEFAULT_NAME or not changed["Enabled"]):
            raise Problem(422, "only the tenant's policy is enabled or not")
        return changed


def _dn(domain: Domain, name: str) -> bytes:
    rdn = format_dn(((AVA("cn", name.encode("utf-8", "surrogatepass")),),))
    return rdn + b"," + SETTINGS_CONTAINER + b"," + domain.dn


def _effective(base: PasswordPolicy, found: Found) -> PasswordPolicy:
    policy = base
    for attribute in BY_ATTRIBUTE:
        values = found.values(attribute)
        if values:
            try:
                policy = policy_from(policy, {attribute: values[0]})
            except PolicyError:
                continue
    return policy


def _shown(found: Found, name: str, policy: PasswordPolicy) -> Policy:
    settings = settings_of(policy)
    fields = {BY_ATTRIBUTE[attribute].field: key for key, attribute in ATTRIBUTES.items()}
    said = {key for key, attribute in ATTRIBUTES.items() if found.values(attribute)}
    said |= {
        fields[one.field] for one in PASSWORD_SETTINGS if found.values(one.attribute) and one.field in fields
    }
    aliases = {key: field.alias or key for key, field in type(settings).model_fields.items()}
    return Policy(
        name=name,
        dn=found.dn,
        description=found.text("description"),
        precedence=found.number("msDS-PasswordSettingsPrecedence"),
        applies_to=None if name == DEFAULT_NAME else found.texts("msDS-PSOAppliesTo"),
        settings=settings,
        said=sorted(aliases[key] for key in said),
    )


def _judge(
    clear: bytes, policy: PasswordPolicy, owner: PasswordOwner, path: str | None, name: str
) -> Judgement:
    """In a thread."""
    reason, prepared = None, b""
    try:
        prepared = passwords.prepare(clear)
        check_quality(prepared, policy, owner)
        if policy.enabled and policy.check_breached and path is not None and is_breached(path, prepared):
            reason = "the password is known from a breach: choose another"
    except (PasswordRefused, passwords.UnusablePassword) as error:
        reason = str(error)
    except BreachListError:
        reason = "the list of breached passwords can't be asked: no password can be set"
    score = strength(prepared.decode("utf-8", "surrogateescape"), owner.guessable()) if prepared else 0
    return Judgement(accepted=reason is None, reason=reason, strength=score, policy=name)
