"""Authentication in its phases: who is found, what verifies, what a token says, and when it is refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from accounts import ADMINISTRATOR, ANN, BASE, BOB, NOW, SCHEMA, SECRET, Accounts, authenticator, schema_of
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.administrator import administrator, record_administrator
from lightwave.identity.authentication import Authenticator, SimpleClaim, is_anonymous_bind
from lightwave.identity.credentials import Credentials, read_credentials
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.ldap_results import result_code
from lightwave.identity.liveness import TokenLiveness, check_live
from lightwave.identity.refusals import AuthenticationFailed, NotLive, Refusal
from lightwave.identity.trust import ClientTrust
from lightwave.pki.authority import CertifiedKey, create_issuing, create_root, issue_client, subject_of
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import ExternalClaim, PasswordClaim

TLS = Channel(is_confidential=True)
VALID = datetime.fromtimestamp(NOW, UTC)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def issuing() -> CertifiedKey:
    return create_issuing(
        create_root("lightwave.local", serial=1, now=VALID), "lightwave.local", serial=2, now=VALID
    )


def ssha(password: bytes) -> bytes:
    return b"{SSHA}" + base64.b64encode(hashlib.sha1(password + b"salt").digest() + b"salt")


def sign_in(
    accounts: Accounts,
    claim: SimpleClaim | PasswordClaim | ExternalClaim,
    channel: Channel = TLS,
    using: Authenticator | None = None,
) -> Token:
    with accounts.store.read() as txn:
        return (using or authenticator()).authenticate(txn, claim, channel, NOW)


def refusal(
    accounts: Accounts,
    claim: SimpleClaim | PasswordClaim | ExternalClaim,
    channel: Channel = TLS,
    using: Authenticator | None = None,
) -> Refusal:
    with pytest.raises(AuthenticationFailed) as caught:
        sign_in(accounts, claim, channel, using)
    return caught.value.refusal


# --- simple bind


def test_a_token_says_who_and_how(accounts: Accounts) -> None:
    token = sign_in(accounts, SimpleClaim(b"UID=Ann, DC=lightwave,DC=LOCAL", SECRET))
    assert (token.tenant, token.entry_id, token.dn) == (accounts.tenant, accounts.ann, ANN)
    assert not token.is_administrator
    assert not token.is_anonymous
    assert token.authenticated_by is AuthenticatedBy.PASSWORD
    assert token.authenticated_at == NOW
    assert token.credential_version > 0


def test_the_administrator_is_one_by_guid(accounts: Accounts) -> None:
    assert sign_in(accounts, SimpleClaim(ADMINISTRATOR, SECRET)).is_administrator
    with accounts.store.read() as txn:
        assert administrator(txn) == (accounts.tenant, accounts.administrator)
    with accounts.store.write() as txn:
        record_administrator(txn, accounts.tenant, txn.record(accounts.tenant, accounts.ann).guid)
    assert not sign_in(accounts, SimpleClaim(ADMINISTRATOR, SECRET)).is_administrator
    assert sign_in(accounts, SimpleClaim(ANN, SECRET)).is_administrator


@pytest.mark.parametrize(
    "name", [ANN, BOB, b"uid=nobody," + BASE, b"dc=nowhere", BASE, b"cn=aggregate,cn=schemacontext"]
)
def test_a_wrong_password_is_one_refusal(accounts: Accounts, name: bytes) -> None:
    assert refusal(accounts, SimpleClaim(name, b"wrong")) is Refusal.INVALID_CREDENTIALS


def test_what_is_no_name(accounts: Accounts) -> None:
    assert refusal(accounts, SimpleClaim(b"not a name", SECRET)) is Refusal.INVALID_NAME
    assert refusal(accounts, SimpleClaim(b"nonsense=1," + BASE, SECRET)) is Refusal.INVALID_NAME
    assert refusal(accounts, SimpleClaim(b"\xff@" + b"x" * 2_000, SECRET)) is Refusal.INVALID_NAME
    assert refusal(accounts, SimpleClaim(b"\xff@x", SECRET)) is Refusal.INVALID_NAME


@pytest.mark.parametrize("name", [b"ann@%s", b"ANN@%s", b"%s\\ann", b"%s\\ANN"])
def test_names_of_accounts(accounts: Accounts, name: bytes) -> None:
    """As Active Directory takes them in a simple bind; the domain by its whole name or its first label."""
    labels = [rdn.partition(b"=")[2] for rdn in BASE.split(b",")]
    domains = [b".".join(labels)] + ([] if b"@" in name else [labels[0], labels[0].upper()])
    for domain in domains:
        assert sign_in(accounts, SimpleClaim(name % domain, SECRET)).dn == ANN
        assert refusal(accounts, SimpleClaim(name % domain, b"wrong")) is Refusal.INVALID_CREDENTIALS
    assert refusal(accounts, SimpleClaim(name % b"elsewhere", SECRET)) is Refusal.INVALID_CREDENTIALS


@pytest.mark.parametrize("name", [b"@", b"\\", b"\\ann", b"a\\", b"nobody@", b"config\\ann"])
def test_names_of_no_account(accounts: Accounts, name: bytes) -> None:
    assert refusal(accounts, SimpleClaim(name, SECRET)) is Refusal.INVALID_CREDENTIALS


def test_the_password_is_prepared_on_both_sides(accounts: Accounts) -> None:
    accounts.set_password(accounts.ann, "Zoe\u0308 Zoë".encode())
    sign_in(accounts, SimpleClaim(ANN, "Zoë Zoe\u0308".encode()))


def test_imported_hashes_are_of_what_clients_sent(accounts: Accounts) -> None:
    raw = "Zoe\u0308".encode()
    accounts.set_password(accounts.ann, ssha(raw))
    sign_in(accounts, SimpleClaim(ANN, raw))
    accounts.set_password(accounts.ann, ssha("Zoë".encode()))
    sign_in(accounts, SimpleClaim(ANN, raw))
    assert refusal(accounts, SimpleClaim(ANN, b"Zoe")) is Refusal.INVALID_CREDENTIALS


def test_any_of_several_passwords(accounts: Accounts) -> None:
    accounts.set_password(accounts.ann, ssha(b"light"), b"heavy")
    for password in (b"light", b"heavy"):
        sign_in(accounts, SimpleClaim(ANN, password))
    assert refusal(accounts, SimpleClaim(ANN, b"none")) is Refusal.INVALID_CREDENTIALS


@pytest.mark.parametrize("password", [b"", b"x" * 1_025, b"x" * 1_000_000, b"\0", b"\xff"])
def test_odd_passwords_are_refused(accounts: Accounts, password: bytes) -> None:
    accounts.set_password(accounts.ann, ssha(password[:2_000]))
    if password and len(password) <= 1_024:
        sign_in(accounts, SimpleClaim(ANN, password))
    else:
        assert refusal(accounts, SimpleClaim(ANN, password)) is Refusal.INVALID_CREDENTIALS


def test_what_is_cheap_is_decided_inline_and_nothing_else(accounts: Accounts) -> None:
    accounts.set_password(accounts.bob, ssha(b"light"))
    using = authenticator()
    with accounts.store.read() as txn:
        light, heavy = using.lookup(txn, BOB), using.lookup(txn, ANN)
        nobody = using.lookup(txn, b"uid=nobody," + BASE)
    assert using.verify_inline(light, b"light") is not None
    assert using.verify_inline(light, b"wrong") is None
    assert using.verify_inline(heavy, SECRET) is None
    assert using.verify_inline(nobody, SECRET) is None
    assert SECRET.decode() not in repr(heavy)
    assert "SSHA" not in repr(light)


def test_a_password_changed_between_the_phases_is_refused(accounts: Accounts) -> None:
    using = authenticator()
    with accounts.store.read() as txn:
        verified = using.verify(using.lookup(txn, ANN), SECRET)
    accounts.set_password(accounts.ann, SECRET)
    with accounts.store.read() as txn, pytest.raises(AuthenticationFailed):
        using.complete(txn, verified, NOW)


def test_an_account_removed_between_the_phases_is_refused(accounts: Accounts) -> None:
    using = authenticator()
    with accounts.store.read() as txn:
        verified = using.verify(using.lookup(txn, ANN), SECRET)
    with accounts.store.write() as txn:
        txn.remove_entry(accounts.tenant, accounts.ann, txn.begin_change(), describe=SCHEMA.describe)
    with accounts.store.read() as txn, pytest.raises(AuthenticationFailed) as caught:
        using.complete(txn, verified, NOW)
    assert caught.value.refusal is Refusal.INVALID_CREDENTIALS


def test_anonymous_binds() -> None:
    assert is_anonymous_bind(b"", b"")
    assert not is_anonymous_bind(ANN, SECRET)
    with pytest.raises(AuthenticationFailed) as caught:
        is_anonymous_bind(b"", SECRET)
    assert caught.value.refusal is Refusal.INVALID_CREDENTIALS


def test_every_refusal_has_a_result_code() -> None:
    for one in Refusal:
        assert result_code(one) != 0
        assert one.value


# --- names of SASL


@pytest.mark.parametrize(
    "name",
    [
        "dn:uid=ann,dc=lightwave,dc=local",
        "uid=ANN,dc=lightwave,dc=local",
        "u:ann",
        "ann",
        "Ann",
        "ann.account",
        "ann@lightwave.local",
        "u:ann@lightwave.local",
        "ann.account@lightwave.local",
    ],
)
def test_names_of_users(accounts: Accounts, name: str) -> None:
    token = sign_in(accounts, PasswordClaim(name, None, SECRET))
    assert token.entry_id == accounts.ann


@pytest.mark.parametrize(
    "name",
    [
        "dn:",
        "u:",
        "",
        "nobody",
        "ann@other.local",
        "ann@",
        "@",
        "dn:ann",
        "u:\ud800",
        "x" * 2_000,
        "=",
        "ann*",
    ],
)
def test_names_of_nobody(accounts: Accounts, name: str) -> None:
    assert refusal(accounts, PasswordClaim(name, None, SECRET)) is Refusal.INVALID_CREDENTIALS


def test_a_name_of_two_is_nobodys(accounts: Accounts) -> None:
    accounts.set_attribute(accounts.bob, "uid", [b"ann"])
    assert refusal(accounts, PasswordClaim("ann", None, SECRET)) is Refusal.INVALID_CREDENTIALS


def test_nobodys_uid_takes_a_name_that_is_unique_from_its_owner(accounts: Accounts) -> None:
    accounts.set_attribute(accounts.bob, "uid", [b"ann.account"])
    for name in ("ann.account", "ann.account@lightwave.local", "lightwave.local\\ann.account"):
        assert sign_in(accounts, PasswordClaim(name, None, SECRET)).entry_id == accounts.ann


def test_one_may_act_as_oneself(accounts: Accounts) -> None:
    for authorization in (None, "u:ann", "dn:UID=ann,dc=lightwave,dc=local", "ann"):
        assert sign_in(accounts, PasswordClaim("ann", authorization, SECRET)).entry_id == accounts.ann


# --- EXTERNAL


def certificate(issuing: CertifiedKey, subject: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    made = issue_client(
        issuing, subject_of(subject), key.public_key(), serial=7, now=VALID, lifetime=timedelta(days=1)
    )
    return made.public_bytes(Encoding.DER)


def trusting(issuing: CertifiedKey) -> Authenticator:
    return Authenticator(schema_of, MINIMUM, ClientTrust((issuing.certificate,)), owner_uid=1000)


def test_a_certificate_is_its_subjects(accounts: Accounts, issuing: CertifiedKey) -> None:
    channel = Channel(True, certificate=certificate(issuing, ANN.decode()))
    token = sign_in(accounts, ExternalClaim(None), channel, trusting(issuing))
    assert token.entry_id == accounts.ann
    assert token.authenticated_by is AuthenticatedBy.CERTIFICATE


def test_a_certificate_may_stand_in_the_entry(accounts: Accounts, issuing: CertifiedKey) -> None:
    der = certificate(issuing, "CN=somebody elsewhere")
    channel = Channel(True, certificate=der)
    assert refusal(accounts, ExternalClaim(None), channel, trusting(issuing)) is Refusal.INVALID_CREDENTIALS
    accounts.set_attribute(accounts.bob, "userCertificate;binary", [der])
    assert sign_in(accounts, ExternalClaim(None), channel, trusting(issuing)).entry_id == accounts.bob


def test_certificates_that_prove_nothing(accounts: Accounts, issuing: CertifiedKey) -> None:
    stranger = create_issuing(create_root("x", serial=1, now=VALID), "x", serial=2, now=VALID)
    empty = x509.Name([])
    key = ec.generate_private_key(ec.SECP256R1())
    unnamed = issue_client(issuing, empty, key.public_key(), serial=7, now=VALID).public_bytes(Encoding.DER)
    for der in (certificate(stranger, ANN.decode()), unnamed, b"", b"\x30\x00"):
        channel = Channel(True, certificate=der)
        assert (
            refusal(accounts, ExternalClaim(None), channel, trusting(issuing)) is Refusal.INVALID_CREDENTIALS
        )
    good = Channel(True, certificate=certificate(issuing, ANN.decode()))
    assert refusal(accounts, ExternalClaim(None), good) is Refusal.INVALID_CREDENTIALS  # nothing is trusted


@pytest.mark.parametrize(("uid", "allowed"), [(0, True), (1000, True), (1001, False)])
def test_the_owner_of_the_store_is_administrator(
    accounts: Accounts, issuing: CertifiedKey, uid: int, allowed: bool
) -> None:
    channel = Channel(True, local_uid=uid)
    if allowed:
        token = sign_in(accounts, ExternalClaim(None), channel, trusting(issuing))
        assert token.is_administrator
        assert token.authenticated_by is AuthenticatedBy.LOCAL_SOCKET
    else:
        assert (
            refusal(accounts, ExternalClaim(None), channel, trusting(issuing)) is Refusal.INVALID_CREDENTIALS
        )


def test_external_needs_an_external_identity(accounts: Accounts) -> None:
    assert refusal(accounts, ExternalClaim(None), TLS) is Refusal.MECHANISM_NOT_AVAILABLE


# --- liveness


def windows_time(seconds: float) -> bytes:
    return b"%d" % int((seconds + 11_644_473_600) * 10_000_000)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("userAccountControl", b"514"),
        ("lockoutTime", windows_time(NOW - 1)),
        ("accountExpires", windows_time(NOW - 1)),
        ("nsAccountLock", b"TRUE"),
    ],
)
def test_who_may_not_act(accounts: Accounts, attribute: str, value: bytes) -> None:
    token = sign_in(accounts, SimpleClaim(ANN, SECRET))
    live = TokenLiveness(schema_of)
    with accounts.store.read() as txn:
        live.check_token(txn, token, NOW)
    accounts.set_attribute(accounts.ann, attribute, [value])
    assert refusal(accounts, SimpleClaim(ANN, SECRET)) is Refusal.INVALID_CREDENTIALS
    with accounts.store.read() as txn, pytest.raises(NotLive):
        live.check_token(txn, token, NOW)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("userAccountControl", b"512"),
        ("lockoutTime", b"0"),
        ("accountExpires", b"0"),
        ("accountExpires", b"9223372036854775807"),
        ("accountExpires", windows_time(NOW + 60)),
        ("nsAccountLock", b"FALSE"),
    ],
)
def test_who_may_act(accounts: Accounts, attribute: str, value: bytes) -> None:
    accounts.set_attribute(accounts.ann, attribute, [value])
    sign_in(accounts, SimpleClaim(ANN, SECRET))


def test_an_account_expires_while_it_is_signed_in_and_nothing_is_written(accounts: Accounts) -> None:
    accounts.set_attribute(accounts.ann, "accountExpires", [windows_time(NOW + 60)])
    token = sign_in(accounts, SimpleClaim(ANN, SECRET))
    live = TokenLiveness(schema_of)
    with accounts.store.read() as txn:
        live.check_token(txn, token, NOW)
        live.check_token(txn, token, NOW + 59)
        with pytest.raises(NotLive, match="expired"):
            live.check_token(txn, token, NOW + 61)


def test_a_change_of_password_ends_what_was_issued_before(accounts: Accounts) -> None:
    token = sign_in(accounts, SimpleClaim(ANN, SECRET))
    live = TokenLiveness(schema_of)
    accounts.set_password(accounts.ann, b"another")
    with accounts.store.read() as txn, pytest.raises(NotLive, match="credentials"):
        live.check_token(txn, token, NOW)
    fresh = sign_in(accounts, SimpleClaim(ANN, b"another"))
    with accounts.store.read() as txn:
        live.check_token(txn, fresh, NOW)
    accounts.set_password(accounts.ann)
    with accounts.store.read() as txn, pytest.raises(NotLive):
        live.check_token(txn, fresh, NOW)


def test_what_was_issued_before_the_cut_off_is_dead(accounts: Accounts) -> None:
    token = sign_in(accounts, SimpleClaim(ANN, SECRET))
    for seconds, alive in ((-1, True), (0, True), (1, False)):
        moment = datetime.fromtimestamp(NOW + seconds, UTC).strftime("%Y%m%d%H%M%SZ").encode()
        accounts.set_attribute(accounts.ann, "lwValidFrom", [moment])
        with accounts.store.read() as txn:
            if alive:
                check_live(txn, SCHEMA, accounts.tenant, accounts.ann, NOW, token)
            else:
                with pytest.raises(NotLive, match="cut-off"):
                    check_live(txn, SCHEMA, accounts.tenant, accounts.ann, NOW, token)


def test_a_removed_account_is_dead(accounts: Accounts) -> None:
    token = sign_in(accounts, SimpleClaim(ANN, SECRET))
    with accounts.store.write() as txn:
        txn.remove_entry(accounts.tenant, accounts.ann, txn.begin_change(), describe=SCHEMA.describe)
        with pytest.raises(NotLive):
            TokenLiveness(schema_of).check_token(txn, token, NOW)


# --- what is remembered of an account


def test_a_remembered_account_is_read_once(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def counted(txn: ReadTransaction, tenant: int, entry_id: int) -> Credentials | None:
        reads.append(entry_id)
        return read_credentials(txn, tenant, entry_id)

    monkeypatch.setattr("lightwave.identity.authentication.read_credentials", counted)
    using = authenticator()
    for _ in range(3):
        sign_in(accounts, SimpleClaim(ANN, SECRET), using=using)
    accounts.set_attribute(accounts.bob, "lockoutTime", [b"0"])  # somebody else's change
    sign_in(accounts, SimpleClaim(ANN, SECRET), using=using)
    assert reads == [accounts.ann]


def test_a_remembered_account_follows_its_entry(accounts: Accounts) -> None:
    using = authenticator()
    former = sign_in(accounts, SimpleClaim(ANN, SECRET), using=using)

    accounts.set_password(accounts.ann, b"another")
    assert refusal(accounts, SimpleClaim(ANN, SECRET), using=using) is Refusal.INVALID_CREDENTIALS
    token = sign_in(accounts, SimpleClaim(ANN, b"another"), using=using)
    assert token.credential_version > former.credential_version

    accounts.set_attribute(accounts.ann, "nsAccountLock", [b"TRUE"])
    assert refusal(accounts, SimpleClaim(ANN, b"another"), using=using) is Refusal.INVALID_CREDENTIALS
    accounts.set_attribute(accounts.ann, "nsAccountLock", [])
    sign_in(accounts, SimpleClaim(ANN, b"another"), using=using)

    with accounts.store.write() as txn:
        txn.remove_entry(accounts.tenant, accounts.ann, txn.begin_change(), describe=SCHEMA.describe)
    assert refusal(accounts, SimpleClaim(ANN, b"another"), using=using) is Refusal.INVALID_CREDENTIALS


def test_a_remembered_verdict_ends_with_the_account(accounts: Accounts) -> None:
    accounts.set_attribute(accounts.ann, "accountExpires", [windows_time(NOW + 60)])
    using = authenticator()
    claim = SimpleClaim(ANN, SECRET)
    with accounts.store.read() as txn:
        using.authenticate(txn, claim, TLS, NOW)
        using.authenticate(txn, claim, TLS, NOW + 59)
        with pytest.raises(AuthenticationFailed):
            using.authenticate(txn, claim, TLS, NOW + 61)


def test_another_store_is_another_memory(accounts: Accounts, tmp_path: Path) -> None:
    using = authenticator()
    sign_in(accounts, SimpleClaim(ANN, SECRET), using=using)
    other = Accounts(tmp_path / "other")
    try:
        other.set_password(other.ann, b"another")
        assert refusal(other, SimpleClaim(ANN, SECRET), using=using) is Refusal.INVALID_CREDENTIALS
        sign_in(other, SimpleClaim(ANN, b"another"), using=using)
    finally:
        other.store.close()
