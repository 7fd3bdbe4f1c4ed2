"""SRP's keys belong to their password and to the names of its account, and nobody's keys look like somebody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts import ANN, BASE, NOW, SECRET, Accounts, authenticator
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.ldap.messages import AddRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.ports import Target
from lightwave.directory.schema.schema import Schema
from lightwave.identity.account_names import MAX_NAMES, domain_of, names_of_addition, spelt_names
from lightwave.identity.credentials import CredentialBlob, KeysKept, prepare_password, set_password
from lightwave.identity.hashing import MINIMUM, HashingCost
from lightwave.identity.password_attributes import PasswordPrepare
from lightwave.identity.password_preparation import PasswordPreparation
from lightwave.identity.srp import KINDS, srp_keys
from lightwave.sasl.srp_keys import decode_keys
from lightwave.sasl.srp_math import PROFILES, SRP, SRP_SHA_256, password_verifier

SCHEMA = Schema.load_builtin()
CONTEXT = Context(
    Token(
        tenant=1,
        entry_id=1,
        guid=bytes(16),
        dn=b"cn=x",
        is_administrator=True,
        is_anonymous=False,
        authenticated_by=AuthenticatedBy.PASSWORD,
        authenticated_at=0.0,
    ),
    Limits(),
    (),
    lambda: NOW,
    secure=True,
)
NO_SCRAM = HashingCost(memory=8, passes=1, iterations=0)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path)
    yield made
    made.store.close()


def give(accounts: Accounts, *clear: bytes, names: tuple[str, ...] = ("ann",)) -> None:
    passwords = [
        prepare_password(one, NO_SCRAM, kept=KeysKept(scram=False, srp=True, names=names)).passwords[0]
        for one in clear
    ]
    with accounts.store.write() as txn:
        blob = CredentialBlob(tuple(passwords))
        set_password(txn, accounts.tenant, accounts.ann, blob, txn.begin_change())


def test_what_is_made() -> None:
    (kept,) = prepare_password(SECRET, NO_SCRAM, kept=KeysKept(srp=True, names=("ann", "ann@a.b"))).passwords
    assert [kind for kind, _ in kept.keys] == [KINDS[SRP_SHA_256], KINDS[SRP]]
    for profile, names in ((SRP, ["ann", "ann@a.b"]), (SRP_SHA_256, [""])):
        keys = decode_keys(kept.key(KINDS[profile]) or b"")
        assert [name.decode() for name, _ in keys.verifiers] == names
        for name, verifier in keys.verifiers:
            expected = password_verifier(profile, keys.salt, name.decode(), SECRET.decode())
            assert verifier == expected
    assert prepare_password(SECRET, NO_SCRAM).passwords[0].keys == ()
    without_names = prepare_password(SECRET, NO_SCRAM, kept=KeysKept(srp=True)).passwords[0]
    assert [kind for kind, _ in without_names.keys] == [KINDS[SRP_SHA_256]]
    unpreparable = prepare_password("a\u0627".encode(), NO_SCRAM, kept=KeysKept(srp=True, names=("a",)))
    assert [kind for kind, _ in unpreparable.passwords[0].keys] == [KINDS[SRP]]
    no_text = prepare_password(b"\xff\xfe", NO_SCRAM, kept=KeysKept(srp=True, names=("a",)))
    assert no_text.passwords[0].keys == ()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.mechanism)
def test_somebody_and_nobody(accounts: Accounts, profile: object) -> None:
    assert profile in (SRP, SRP_SHA_256)
    chosen = SRP if profile is SRP else SRP_SHA_256
    give(accounts, b"first", b"second")
    with accounts.store.read() as txn:
        asked = authenticator()
        salt, verifier, candidate = asked.lookup_srp(txn, chosen, "ann")
        assert candidate.entry_id == accounts.ann
        assert verifier == password_verifier(chosen, salt, "ann", "second")
        other_salt, other, candidate = asked.lookup_srp(txn, chosen, "ANN")
        assert (candidate.entry_id, other_salt) == (accounts.ann, salt)
        assert (other == verifier) is not chosen.named
        by_dn = asked.lookup_srp(txn, chosen, ANN.decode())
        assert by_dn[0] == salt
        nobody = asked.lookup_srp(txn, chosen, "nobody")
        assert nobody[:2] == asked.lookup_srp(txn, chosen, "u:NoBody")[:2]
        assert nobody[2].entry_id is None
        assert len(nobody[0]) == len(salt)
        assert 0 < nobody[1] < chosen.group.modulus
        assert nobody[1].bit_length() > chosen.group.bits - 64
        assert asked.lookup_srp(txn, chosen, "somebody")[0] != nobody[0]


def test_which_spellings_of_nobodys_name_are_one(accounts: Accounts) -> None:
    """As those of an account are, so that no pair of them tells whether it is there."""
    with accounts.store.read() as txn:

        def salt(name: str) -> bytes:
            return authenticator().lookup_srp(txn, SRP_SHA_256, name)[0]

        for name in ("ann", "bob", "nobody"):
            dn = f"uid={name},{BASE.decode()}"
            spellings = (name, f"u:{name}", f"{name}@lightwave.local", dn, f"dn:{dn.upper()}")
            assert len({salt(one) for one in spellings}) == 1, name
            elsewhere = {salt(f"{name}@elsewhere.example"), salt(f"{name}@other.example"), salt(name)}
            assert len(elsewhere) == 3
            assert salt(f"{name}@Elsewhere.example") in elsewhere


def test_an_account_without_keys_looks_like_nobody(accounts: Accounts) -> None:
    with accounts.store.write() as txn:
        blob = prepare_password(SECRET, MINIMUM)
        set_password(txn, accounts.tenant, accounts.ann, blob, txn.begin_change())
    with accounts.store.read() as txn:
        first, second = (authenticator().lookup_srp(txn, SRP, "ann") for _ in range(2))
        assert first[:2] == second[:2]
        assert first[2].entry_id == accounts.ann
        assert srp_keys(first[2].credentials, SRP) is None


def test_a_change_makes_keys_for_the_accounts_names(accounts: Accounts) -> None:
    request = ModifyRequest(ANN, (Modification(ModifyKind.REPLACE, "userPassword", (SECRET,)),))
    with accounts.store.read() as txn:
        target = Target(accounts.tenant, accounts.ann, txn.record(accounts.tenant, accounts.ann).guid)
        plan = PasswordPrepare(MINIMUM).plan(txn, SCHEMA, CONTEXT, request, target)
    assert isinstance(plan, PasswordPreparation)
    assert plan.kept.names == (
        "ann",
        "ann@lightwave.local",
        "ann.account",
        "ann.account@lightwave.local",
    )
    addition = AddRequest(b"cn=x," + ANN, (("cn", (b"x",)), ("uid", (b"x",)), ("userPassword", (SECRET,))))
    with accounts.store.read() as txn:
        plan = PasswordPrepare(MINIMUM).plan(txn, SCHEMA, CONTEXT, addition, None)
    assert isinstance(plan, PasswordPreparation)
    assert plan.kept == KeysKept(scram=True, srp=True, names=("x", "x@lightwave.local"))


def test_names_of_an_addition() -> None:
    attributes = [
        ("cn", (b"Ann",)),
        ("uid", (b"ann", b"annie")),
        ("uid;lang-de", (b"anna",)),
        ("sAMAccountName", (b"ann",)),
        ("userPrincipalName", (b"ann.lee@example.com",)),
    ]
    found = names_of_addition(SCHEMA, b"cn=Ann,ou=x,DC=Example,dc=com", attributes)
    assert found == ("ann", "ann@example.com", "annie", "annie@example.com", "ann.lee@example.com")
    assert names_of_addition(SCHEMA, b"cn=x,o=y", [("uid", (b"ann",))]) == ("ann",)
    assert names_of_addition(SCHEMA, b"no dn", [("uid", (b"", b"x" * 500))]) == ()
    many = [b"name%d" % number for number in range(50)]
    assert len(spelt_names(lambda _: many, "a.b")) == MAX_NAMES


def test_domains() -> None:
    assert domain_of(SCHEMA, b"cn=x,dc=Acme,dc=Example") == "acme.example"
    assert domain_of(SCHEMA, b"dc=a,cn=x") == ""
    assert domain_of(SCHEMA, b"") == ""
    assert domain_of(SCHEMA, b"\xff,") == ""
