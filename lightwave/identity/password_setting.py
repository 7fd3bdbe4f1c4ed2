"""The one check that every new password passes, whichever way it comes, and what is asked of who sets it.

Who sets his own password, or proves that he knows the old one, changes it: its age, its history and whether users may
change theirs count. Whoever else sets one resets it: history and age don't count, quality does unless policy exempts
administrators, and where policy says so it must be changed at the next sign-in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lightwave.directory.access.token import AuthenticatedBy
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.password_policy import (
    PASSWORD_POLICY,
    PasswordFault,
    PasswordPolicyResponse,
    encode_password_policy,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.breach_list import BreachListError, is_breached
from lightwave.identity.credential_format import Credentials
from lightwave.identity.password_rules import NOBODY, PasswordOwner, PasswordRefused, check_age, check_quality
from lightwave.identity.policy_attributes import PasswordPolicy
from lightwave.identity.verifiers import matches

_log = logging.getLogger(__name__)

BreachListPath = Callable[[ReadTransaction, Schema], "str | None"]
"""the path of the node's list of breached passwords, None where it has none"""

_ACCESS: Final = frozenset((PasswordFault.PASSWORD_MOD_NOT_ALLOWED, PasswordFault.MUST_SUPPLY_OLD_PASSWORD))


@dataclass(frozen=True, slots=True)
class Situation:
    """Under which rules passwords of one entry are set by one request.

    policy: None where none is asked (imports that say so). former: verifiers that a new password must not match.
    explains: the request has the control by which clients ask for the reason of a refusal.
    """

    policy: PasswordPolicy | None
    owner: PasswordOwner = NOBODY
    is_change: bool = False
    checks_quality: bool = True
    former: tuple[bytes, ...] = field(default=(), repr=False)
    breach_list: str | None = None
    must_change: bool = False
    explains: bool = False

    @property
    def remember(self) -> int:
        """How many former passwords are kept."""
        return self.policy.history if self.policy is not None else 0

    def check(self, prepared: bytes) -> None:
        """Raises DirectoryError unless this may be the new password. Heavy: in a thread."""
        policy = self.policy
        if policy is None or not policy.enabled:
            return
        try:
            if self.checks_quality:
                check_quality(prepared, policy, self.owner)
                self._check_breached(prepared, policy)
            if self.is_change and policy.history and any(matches(one, prepared) for one in self.former):
                raise PasswordRefused(
                    "the password was used before: choose another", PasswordFault.PASSWORD_IN_HISTORY
                )
        except PasswordRefused as error:
            raise refusal(error, explains=self.explains) from None

    def _check_breached(self, prepared: bytes, policy: PasswordPolicy) -> None:
        if not policy.check_breached or self.breach_list is None:
            return
        try:
            breached = is_breached(self.breach_list, prepared)
        except BreachListError as error:
            _log.error("no password can be set: %s", error)
            raise DirectoryError(
                ResultCode.UNAVAILABLE,
                "the list of breached passwords can't be asked: an administrator has to see to"
                " lwBreachedPasswordsFile",
                detail=str(error),
            ) from None
        if breached:
            raise PasswordRefused("the password is known from a breach: choose another")


def situation_of(
    policy: PasswordPolicy,
    owner: PasswordOwner,
    context: Context,
    credentials: Credentials | None,
    breach_list: str | None,
    *,
    is_own: bool,
    proves_old: bool,
    administers: bool,
) -> Situation:
    """The rules for this request; raises DirectoryError where it is too early, or not the user's to do.

    is_own: the password is the requester's. administers: he is an administrator of the entry's tenant, not of another
    one. The owner of the machine, on its own socket, resets even his own.
    """
    explains = context.has_control(PASSWORD_POLICY)
    is_change = (is_own or proves_old) and not _owns_machine(context)
    if is_change and policy.enabled:
        try:
            if not policy.user_may_change:
                raise PasswordRefused(
                    "users may not change their passwords", PasswordFault.PASSWORD_MOD_NOT_ALLOWED
                )
            if credentials is not None and credentials.passwords and not credentials.must_change:
                check_age(context.now() - credentials.set_at, policy)
        except PasswordRefused as error:
            raise refusal(error, explains=explains) from None
    exempt = policy.exempt_administrators and administers and not is_change
    return Situation(
        policy=policy,
        owner=owner,
        is_change=is_change,
        checks_quality=not exempt,
        former=_former(credentials, policy) if is_change else (),
        breach_list=breach_list,
        must_change=policy.enabled and policy.must_change and not is_change and not is_own,
        explains=explains,
    )


def _owns_machine(context: Context) -> bool:
    return context.token.authenticated_by is AuthenticatedBy.LOCAL_SOCKET


def _former(credentials: Credentials | None, policy: PasswordPolicy) -> tuple[bytes, ...]:
    if credentials is None:
        return ()
    return (*credentials.verifiers, *(one.verifier for one in credentials.history[: policy.history]))


def refusal(error: PasswordRefused, *, explains: bool) -> DirectoryError:
    """As LDAP says it: draft-behera-ldap-password-policy-10 §8, with the control where the client asked for it."""
    code = (
        ResultCode.INSUFFICIENT_ACCESS_RIGHTS if error.fault in _ACCESS else ResultCode.CONSTRAINT_VIOLATION
    )
    return DirectoryError(code, str(error), controls=fault_controls(error.fault, explains=explains))


def fault_controls(fault: PasswordFault, *, explains: bool) -> tuple[Control, ...]:
    """The control that says why, for a client that asked."""
    return (encode_password_policy(PasswordPolicyResponse(fault=fault)),) if explains else ()
