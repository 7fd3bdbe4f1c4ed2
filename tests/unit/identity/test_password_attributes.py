"""userPassword and unicodePwd in add and modify: planned on a snapshot, computed outside, applied if
nothing moved.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accounts import ADMINISTRATOR, ANN, BASE, NOW, SCHEMA, SECRET, Accounts, authenticator
from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.directory.ldap.messages import (
    AddRequest,
    DeleteRequest,
    Modification,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.outcome import PreconditionBroken
from lightwave.directory.operations.ports import Effect, Preparation, Prepare, Target, WriteRequest
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.identity.authentication import SimpleClaim
from lightwave.identity.credentials import read_credentials
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.password_attributes import PasswordPrepare
from lightwave.identity.password_preparation import UNICODE_PWD, USER_PASSWORD
from lightwave.identity.refusals import AuthenticationFailed
from lightwave.sasl.channel import Channel

ADD, DELETE, REPLACE = ModifyKind.ADD, ModifyKind.DELETE, ModifyKind.REPLACE
USER: Token = replace(ANONYMOUS, is_anonymous=False)
ADMIN: Token = replace(USER, tenant=SYSTEM_TENANT, is_administrator=True)
HASHED = b"{SSHA}" + base64.b64encode(hashlib.sha1(b"imported" + b"salt").digest() + b"salt")


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path)
    yield made
    made.store.close()


def context(token: Token = ADMIN, *, secure: bool = True) -> Context:
    return Context(token, Limits(), (), lambda: NOW, secure=secure)


def modify(*changes: tuple[ModifyKind, str, tuple[bytes, ...]]) -> ModifyRequest:
    return ModifyRequest(ANN, tuple(Modification(*change) for change in changes))


def quoted(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")


def plan(accounts: Accounts, request: WriteRequest, asking: Context | None = None) -> Preparation | None:
    port: Prepare = PasswordPrepare(MINIMUM, policed=False)
    with accounts.store.read() as txn:
        target = Target(accounts.tenant, accounts.ann, txn.record(accounts.tenant, accounts.ann).guid)
        is_add = isinstance(request, AddRequest)
        return port.plan(txn, SCHEMA, asking or context(), request, None if is_add else target)


def prepared(accounts: Accounts, request: WriteRequest, asking: Context | None = None) -> Effect:
    preparation = plan(accounts, request, asking)
    assert preparation is not None
    return preparation.run()


def apply(accounts: Accounts, effect: Effect) -> None:
    with accounts.store.write() as txn:
        target = Target(accounts.tenant, accounts.ann, txn.record(accounts.tenant, accounts.ann).guid)
        effect.verify(txn, target)
        effect.apply(txn, target, txn.begin_change())


def carry_out(accounts: Accounts, request: WriteRequest, asking: Context | None = None) -> None:
    apply(accounts, prepared(accounts, request, asking))


def refused(accounts: Accounts, request: WriteRequest, asking: Context | None = None) -> ResultCode:
    with pytest.raises(DirectoryError) as caught:
        prepared(accounts, request, asking)
    return caught.value.code


def opens(accounts: Accounts, password: bytes) -> bool:
    try:
        with accounts.store.read() as txn:
            authenticator().authenticate(txn, SimpleClaim(ANN, password), Channel(True), NOW)
    except AuthenticationFailed:
        return False
    return True


def test_it_handles_its_attributes_only(accounts: Accounts) -> None:
    port = PasswordPrepare(MINIMUM, policed=False)
    assert port.handles(USER_PASSWORD)
    assert port.handles(UNICODE_PWD)
    assert not port.handles("2.5.4.3")
    assert SCHEMA.attribute("userPassword").oid == USER_PASSWORD  # type: ignore[union-attr]
    assert SCHEMA.attribute("unicodePwd").oid == UNICODE_PWD  # type: ignore[union-attr]
    assert plan(accounts, modify((REPLACE, "cn", (b"x",)))) is None
    assert plan(accounts, modify((REPLACE, "nonsense", (b"x",)))) is None
    assert plan(accounts, DeleteRequest(ANN)) is None
    assert plan(accounts, AddRequest(b"cn=x," + BASE, (("cn", (b"x",)),))) is None


def test_an_add_makes_credentials(accounts: Accounts) -> None:
    accounts.set_password(accounts.ann)
    request = AddRequest(ANN, (("cn", (b"x",)), ("userPassword", (b"one", HASHED))))
    preparation = plan(accounts, request)
    assert preparation is not None
    assert preparation.heavy
    with accounts.store.write() as txn:
        target = Target(accounts.tenant, accounts.bob, txn.record(accounts.tenant, accounts.bob).guid)
        effect = preparation.run()
        effect.verify(txn, target)
        effect.apply(txn, target, txn.begin_change())
        credentials = read_credentials(txn, accounts.tenant, accounts.bob)
    assert credentials is not None
    assert len(credentials.verifiers) == 2


def test_replace_is_a_reset(accounts: Accounts) -> None:
    carry_out(accounts, modify((REPLACE, "userPassword", (b"new", b"other"))))
    assert opens(accounts, b"new")
    assert opens(accounts, b"other")
    assert not opens(accounts, SECRET)
    carry_out(accounts, modify((REPLACE, "userPassword", ())))
    assert not opens(accounts, b"new")


def test_values_are_added_and_deleted_by_their_clear_text(accounts: Accounts) -> None:
    carry_out(accounts, modify((ADD, "userPassword", (b"second",))))
    assert opens(accounts, SECRET)
    assert opens(accounts, b"second")
    carry_out(accounts, modify((DELETE, "userPassword", (SECRET,))))
    assert not opens(accounts, SECRET)
    assert opens(accounts, b"second")
    carry_out(accounts, modify((DELETE, "2.5.4.35", ())))
    assert not opens(accounts, b"second")
    assert refused(accounts, modify((DELETE, "userPassword", ()))) is ResultCode.NO_SUCH_ATTRIBUTE


def test_a_change_says_the_old_password(accounts: Accounts) -> None:
    right = modify((DELETE, "userPassword", (SECRET,)), (ADD, "userPassword", (b"new",)))
    wrong = modify((DELETE, "userPassword", (b"wrong",)), (ADD, "userPassword", (b"new",)))
    assert refused(accounts, wrong, context(USER)) is ResultCode.NO_SUCH_ATTRIBUTE
    carry_out(accounts, right, context(USER))
    assert opens(accounts, b"new")


def test_unicode_pwd_resets_and_changes(accounts: Accounts) -> None:
    carry_out(accounts, modify((REPLACE, "unicodePwd", (quoted("Zoë 1"),))))
    assert opens(accounts, "Zoë 1".encode())
    change = ((DELETE, "unicodePwd", (quoted("Zoë 1"),)), (ADD, "unicodePwd", (quoted("2"),)))
    carry_out(accounts, modify(*change), context(USER))
    assert opens(accounts, b"2")
    assert refused(accounts, modify(*change), context(USER)) is ResultCode.CONSTRAINT_VIOLATION
    again = modify((ADD, "unicodePwd", (quoted("3"),)))
    assert refused(accounts, again) is ResultCode.ATTRIBUTE_OR_VALUE_EXISTS


@pytest.mark.parametrize(
    "value", [b"", b"plain", '"x'.encode("utf-16-le"), b'"x"', b'"\0', '"'.encode("utf-16-le")]
)
def test_unicode_pwd_has_its_form(accounts: Accounts, value: bytes) -> None:
    assert refused(accounts, modify((REPLACE, "unicodePwd", (value,)))) is ResultCode.UNWILLING_TO_PERFORM


def test_unicode_pwd_needs_a_secure_connection_and_one_value(accounts: Accounts) -> None:
    one = modify((REPLACE, "unicodePwd", (quoted("x"),)))
    assert refused(accounts, one, context(secure=False)) is ResultCode.UNWILLING_TO_PERFORM
    two = modify((REPLACE, "unicodePwd", (quoted("x"), quoted("y"))))
    assert refused(accounts, two) is ResultCode.CONSTRAINT_VIOLATION
    assert (
        refused(accounts, modify((REPLACE, "unicodePwd", (quoted(""),)))) is ResultCode.CONSTRAINT_VIOLATION
    )


def test_hashed_values_are_taken_from_administrators_only(accounts: Accounts) -> None:
    request = modify((REPLACE, "userPassword", (HASHED,)))
    for other in (USER, replace(ADMIN, tenant=ADMIN.tenant + 1)):  # another tenant's are none here
        assert refused(accounts, request, context(other)) is ResultCode.CONSTRAINT_VIOLATION
    preparation = plan(accounts, request)
    assert preparation is not None
    assert not preparation.heavy
    carry_out(accounts, request)
    assert opens(accounts, b"imported")
    carry_out(accounts, modify((DELETE, "userPassword", (HASHED,))))
    assert not opens(accounts, b"imported")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (((ModifyKind.INCREMENT, "userPassword", (b"1",)),), ResultCode.CONSTRAINT_VIOLATION),
        (((ADD, "userPassword", ()),), ResultCode.PROTOCOL_ERROR),
        (((ADD, "userPassword", (b"",)),), ResultCode.CONSTRAINT_VIOLATION),
        (((ADD, "userPassword", (b"x" * 1_025,)),), ResultCode.CONSTRAINT_VIOLATION),
        (((ADD, "userPassword", (b"x", b"x")),), ResultCode.ATTRIBUTE_OR_VALUE_EXISTS),
        (
            ((ADD, "userPassword", (HASHED,)), (ADD, "userPassword", (HASHED,))),
            ResultCode.ATTRIBUTE_OR_VALUE_EXISTS,
        ),
        (((ADD, "userPassword;lang-de", (b"x",)),), ResultCode.CONSTRAINT_VIOLATION),
        (((ADD, "userPassword", (b"{SSHA}" + b"x" * 5_000,)),), ResultCode.CONSTRAINT_VIOLATION),
        (((ADD, "userPassword", tuple(b"%d" % n for n in range(17))),), ResultCode.CONSTRAINT_VIOLATION),
        (((ADD, "userPassword", tuple(b"%d" % n for n in range(16))),), ResultCode.CONSTRAINT_VIOLATION),
        (((DELETE, "userPassword", (b"x" * 2_000,)),), ResultCode.NO_SUCH_ATTRIBUTE),
    ],
)
def test_what_is_refused(
    accounts: Accounts, changes: tuple[tuple[ModifyKind, str, tuple[bytes, ...]], ...], code: ResultCode
) -> None:
    assert refused(accounts, modify(*changes)) is code
    assert opens(accounts, SECRET)


def test_a_broken_precondition_is_noticed(accounts: Accounts) -> None:
    effect = prepared(accounts, modify((ADD, "userPassword", (b"new",))))
    accounts.set_password(accounts.ann, b"meanwhile")
    with pytest.raises(PreconditionBroken):
        apply(accounts, effect)
    assert opens(accounts, b"meanwhile")
    assert not opens(accounts, b"new")


def test_no_password_is_in_a_representation(accounts: Accounts) -> None:
    request = modify((ADD, "userPassword", (b"canary-clear",)), (DELETE, "userPassword", (SECRET,)))
    preparation = plan(accounts, request)
    assert preparation is not None
    for text in (repr(preparation), repr(preparation.run()), repr(request)):
        assert "canary-clear" not in text
        assert "ARGON2" not in text
        assert SECRET.decode() not in text
    assert ADMINISTRATOR
