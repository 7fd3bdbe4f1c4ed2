"""Tenants: made whole or not at all, suspended, recovered, deleted slice by slice; and the names of their accounts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from customers import HASHING, SECRET, make, manager, prepare, sign_in
from customers import new_guid as guid_of_nothing
from fresh_directory import Directory, ImmediateThreads
from lightwave.directory.access.membership import sid_of
from lightwave.directory.access.sid import format_sid
from lightwave.directory.access.tenant_state import TenantState, tenant_state
from lightwave.directory.ldap.messages import AddRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.root_dse import ServerFacts, root_dse_values
from lightwave.directory.store import layout, tenant_removal
from lightwave.directory.store.audit_rows import events
from lightwave.directory.store.entry_rows import AttributeChange
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import KeyringError
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.sealing import unseal
from lightwave.directory.store.tenant_removal import removals
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity import tenants
from lightwave.identity.audit import Action
from lightwave.identity.credentials import KIND, prepare_password, set_password
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.operators import find_operator
from lightwave.identity.refusals import AuthenticationFailed, NotLive
from lightwave.identity.tenant_rule import TenantRule
from lightwave.server.tenant_deletion import UNKEPT_SECONDS, TenantDeletion

ACME = "cn=acme.example,cn=tenants,cn=config"
USERS = "cn=Users,dc=lightwave,dc=local"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path, plugins=(TenantRule(),))
    yield made
    assert made.findings() == []
    made.close()


def state(directory: Directory, tenant: int) -> TenantState:
    with directory.store.read() as txn:
        return tenant_state(txn, tenant)


def change_state(directory: Directory, domain: str, wanted: TenantState) -> None:
    with directory.store.write() as txn:
        tenants.set_state(txn, directory.schemas.current(txn), manager(directory), domain, wanted)


def delete(directory: Directory, domain: str) -> None:
    change_state(directory, domain, TenantState.SUSPENDED)
    with directory.store.write() as txn:
        tenants.begin_deletion(txn, directory.schemas.current(txn), manager(directory), domain)


def deletion(directory: Directory, now: Callable[[], float] | None = None) -> TenantDeletion:
    return TenantDeletion(
        directory.store,
        directory.schemas,
        directory.committer,
        ImmediateThreads(),
        now or (lambda: directory.time),
    )


def rows(store: Store, tenant: int) -> int:
    """Rows of a tenant's key range, in all databases."""
    found = 0
    prefix = layout.pack_number(tenant)
    with store.read() as txn:
        for name in layout.OF_TENANTS:
            cursor = txn.raw.cursor(getattr(store.databases, name))
            if cursor.set_range(prefix):
                for key in cursor.iternext(keys=True, values=False):
                    if not key.startswith(prefix):
                        break
                    found += 1
        changes = txn.raw.cursor(store.databases.changes).iternext(keys=False, values=True)
        found += sum(layout.decode_change(value)[0] == tenant for value in changes)
    return found


def refused(directory: Directory, name: str) -> None:
    with pytest.raises(AuthenticationFailed):
        sign_in(directory, name)


# --- making


def test_a_tenant_is_whole(directory: Directory) -> None:
    tenant = make(directory, "acme.example")
    assert state(directory, tenant) is TenantState.ACTIVE
    token = sign_in(directory, "Administrator@acme.example")
    assert token.tenant == tenant
    assert token.is_administrator
    assert not token.is_system_administrator
    assert directory.values(ACME, "lwRealm") == [b"ACME.EXAMPLE"]
    with directory.store.read() as txn:
        guid = txn.tenant_guid(tenant)
        assert directory.values(ACME, "objectGUID") == [guid]
        assert txn.tenant_number(guid) == tenant


def test_a_tenant_is_there_or_not(directory: Directory) -> None:
    """Killed between the key and the commit: nothing but a key, which is cleared away when it is old."""
    keyring = directory.store.keyring
    assert keyring is not None
    new = prepare(directory, "acme.example")
    txn = directory.store.begin_write()
    tenants.create_tenant(txn, directory.schemas.current(txn), manager(directory), new, guid_of_nothing)
    txn.abort()
    assert not directory.exists("dc=acme,dc=example")
    assert keyring.has_tenant(new.guid)
    deletion(directory, lambda: time.time() + UNKEPT_SECONDS / 2).run_slice()
    assert keyring.has_tenant(new.guid)
    deletion(directory, lambda: time.time() + UNKEPT_SECONDS + 60).run_slice()
    assert not keyring.has_tenant(new.guid)
    make(directory, "acme.example")


def test_a_key_is_kept_when_its_tenant_came(directory: Directory) -> None:
    """Killed between the commit and the word to the keyring."""
    keyring = directory.store.keyring
    assert keyring is not None
    new = prepare(directory, "acme.example")
    with directory.store.write() as txn:
        tenants.create_tenant(txn, directory.schemas.current(txn), manager(directory), new, guid_of_nothing)
    sign_in(directory, "Administrator@acme.example")
    deletion(directory, lambda: 4_000_000_000.0).run_slice()
    assert keyring.unkept(4_000_000_000.0) == []
    sign_in(directory, "Administrator@acme.example")


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        ("acme.example", "ENTRY_ALREADY_EXISTS"),
        ("ACME.example.", "ENTRY_ALREADY_EXISTS"),
        ("shop.acme.example", "UNWILLING_TO_PERFORM"),
        ("lightwave.local", "ENTRY_ALREADY_EXISTS"),
        ("a.lightwave.local", "UNWILLING_TO_PERFORM"),
        ("beta.test", "UNWILLING_TO_PERFORM"),
        ("other.example", "UNWILLING_TO_PERFORM"),
    ],
)
def test_domains_do_not_nest(directory: Directory, domain: str, code: str) -> None:
    make(directory, "acme.example")
    make(directory, "deep.beta.test")
    assert directory.modify(ACME, ("add", "uPNSuffixes", "other.example")).code is ResultCode.SUCCESS
    with directory.store.read() as txn, pytest.raises(DirectoryError) as caught:
        tenants.check_free(txn, directory.schemas.current(txn), tenants.check_domain(domain))
    assert caught.value.code.name == code


@pytest.mark.parametrize(
    "domain", ["", "acme", "acme..example", "-a.example", "a b.example", "x" * 260, "ä.de"]
)
def test_what_is_no_domain(domain: str) -> None:
    with pytest.raises(DirectoryError):
        tenants.check_domain(domain)


def test_only_administrators_of_the_system_manage_tenants(directory: Directory) -> None:
    make(directory, "acme.example")
    for token in (sign_in(directory, "Administrator@acme.example"), directory.context(anonymous=True).token):
        with pytest.raises(DirectoryError) as caught:
            tenants.check_manager(manager(directory).__class__(token, directory.limits, (), lambda: 0.0))
        assert caught.value.code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS


def test_the_entry_of_a_tenant_follows_it(directory: Directory) -> None:
    make(directory, "acme.example")
    refusal = ResultCode.UNWILLING_TO_PERFORM
    assert directory.modify(ACME, ("replace", "lwTenantState", "suspended")).code is refusal
    assert directory.rename(ACME, "cn=beta.example").code is refusal
    assert directory.delete(ACME).code is refusal
    beta = "cn=beta.example,cn=tenants,cn=config"
    assert directory.add(beta, objectClass="lwTenant", lwTenantState="active").code is refusal
    assert directory.modify(ACME, ("replace", "description", "Rockets")).code is ResultCode.SUCCESS


# --- suspending, recovering


def test_neg_105_a_suspended_tenant_is_refused_from_the_commit_on(directory: Directory) -> None:
    tenant = make(directory, "acme.example")
    make(directory, "beta.example")
    liveness = TokenLiveness(directory.schemas.current)
    token = sign_in(directory, "Administrator@acme.example")
    other = sign_in(directory, "Administrator@beta.example")
    with directory.store.read() as txn:
        liveness.check_token(txn, token, directory.time)
    change_state(directory, "acme.example", TenantState.SUSPENDED)
    with directory.store.read() as txn:
        with pytest.raises(NotLive):
            liveness.check_token(txn, token, directory.time)
        liveness.check_token(txn, other, directory.time)
    refused(directory, "Administrator@acme.example")
    assert state(directory, tenant) is TenantState.SUSPENDED
    change_state(directory, "acme.example", TenantState.ACTIVE)
    with directory.store.read() as txn:
        liveness.check_token(txn, token, directory.time)
    with pytest.raises(DirectoryError):
        change_state(directory, "lightwave.local", TenantState.SUSPENDED)


def test_the_owner_of_the_machine_recovers_a_tenant(directory: Directory) -> None:
    tenant = make(directory, "acme.example")
    administrator = "cn=Administrator,cn=Users,dc=acme,dc=example"
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        described = schema.describe("userAccountControl")
        locked = schema.describe("lockoutTime")
        assert described is not None
        assert locked is not None
        _, entry_id = directory.find(administrator)
        txn.update_entry(
            tenant,
            entry_id,
            [
                AttributeChange(described, (b"514",)),
                AttributeChange(locked, (b"133000000000000000",)),
            ],
            txn.begin_change(),
        )
    refused(directory, "Administrator@acme.example")
    blob = prepare_password(b"quite another one", MINIMUM)
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        with pytest.raises(DirectoryError):
            tenants.recover_administrator(txn, schema, directory.context(), "acme.example", blob)
        dn = tenants.recover_administrator(txn, schema, manager(directory), "acme.example", blob)
    assert dn.decode() == administrator
    assert sign_in(directory, "Administrator@acme.example", b"quite another one").tenant == tenant
    assert directory.values(administrator, "userAccountControl") == [b"512"]
    with directory.store.read() as txn:
        assert [one.event.action for one in events(txn, tenant, directory.store.server_number)] == [
            Action.TENANT_RECOVER
        ]


# --- deleting


def test_neg_105_nothing_of_a_deleted_tenant_is_left(directory: Directory, tmp_path: Path) -> None:
    """Its keys are destroyed first: what was sealed stays noise, in free pages too, whoever has the machine."""
    make(directory, "beta.example")
    tenant = make(directory, "acme.example")
    tenant_id, account = directory.find("cn=Administrator,cn=Users,dc=acme,dc=example")
    with directory.store.read() as txn:
        guid = txn.tenant_guid(tenant)
        secret_key = layout.secret_key(tenant_id, account, KIND)
        sealed = txn.raw.get(secret_key, db=directory.store.databases.secrets)
        assert sealed is not None
        entry_guid = txn.record(tenant_id, account).guid
        clear = txn.secret(tenant_id, account, KIND)
        assert clear is not None
    wraps = (tmp_path / "keyring" / f"{guid.hex()}.keys").read_bytes()
    delete(directory, "acme.example")
    refused(directory, "Administrator@acme.example")
    assert not directory.exists("dc=acme,dc=example")
    with pytest.raises(DirectoryError):
        change_state(directory, "acme.example", TenantState.ACTIVE)
    while deletion(directory).run_slice():
        pass
    assert rows(directory.store, tenant) == 0
    assert not directory.exists(ACME)
    directory.store.environment.sync(True)
    for path in (tmp_path / "store" / "data.mdb", *(tmp_path / "keyring").iterdir()):
        data = path.read_bytes()
        assert clear not in data
        assert wraps not in data
    for keyring in (directory.store.keyring, Keyring.open(tmp_path / "keyring")):
        assert keyring is not None
        with pytest.raises(KeyringError):
            unseal(keyring, guid, entry_guid, KIND, sealed)
    sign_in(directory, "Administrator@beta.example")
    again = make(directory, "acme.example")
    assert again != tenant
    assert sign_in(directory, "Administrator@acme.example").tenant == again


def test_a_deletion_that_is_killed_goes_on(
    directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(directory, "beta.example")
    tenant = make(directory, "acme.example")
    before = rows(directory.store, tenant)
    kept = rows(directory.store, tenant - 1)
    delete(directory, "acme.example")
    assert directory.findings() == []
    monkeypatch.setattr(tenant_removal, "MOST_ROWS", 40)

    class Killed(Exception):
        pass

    slices = 0
    whole = tenant_removal.removal_slice

    def one_slice(txn: WriteTransaction, number: int) -> bool:
        nonlocal slices
        slices += 1
        if slices % 2 == 0:
            raise Killed  # before its commit: the next process begins this slice again
        return whole(txn, number, 40)

    monkeypatch.setattr("lightwave.server.tenant_deletion.removal_slice", one_slice)
    seen = []
    while deletion(directory).run_slice():
        seen.append(rows(directory.store, tenant))
        assert directory.findings() == []
        with directory.store.read() as txn:
            seen_rows = [one.rows for one in removals(txn)]
        assert seen_rows in ([], [40 * len(seen)])
    assert len(seen) > 5
    assert seen == sorted(seen, reverse=True)
    assert seen[0] < before
    assert seen[-1] == 0
    assert rows(directory.store, tenant - 1) == kept


def test_a_tenant_is_deleted_when_it_is_suspended(directory: Directory) -> None:
    make(directory, "acme.example")
    with directory.store.write() as txn, pytest.raises(DirectoryError):
        tenants.begin_deletion(txn, directory.schemas.current(txn), manager(directory), "acme.example")
    sign_in(directory, "Administrator@acme.example")


# --- names


def test_names_lead_to_one_tenant(directory: Directory) -> None:
    acme, other = make(directory, "acme.example"), make(directory, "acme.test")
    for name, tenant in (
        ("Administrator@acme.example", acme),
        ("ADMINISTRATOR@ACME.EXAMPLE", acme),
        ("acme.test\\Administrator", other),
        ("ACME.EXAMPLE\\administrator", acme),
        ("cn=Administrator,cn=Users,dc=acme,dc=test", other),
    ):
        assert sign_in(directory, name).tenant == tenant
    for name in ("acme\\Administrator", "Administrator", "Administrator@acme", "example\\Administrator"):
        refused(
            directory, name
        )  # the first label is of two; a bare name is the system's; and no parts of names
    delete(directory, "acme.test")
    assert sign_in(directory, "acme\\Administrator").tenant == acme


def test_a_bare_name_is_of_the_system(directory: Directory) -> None:
    make(directory, "acme.example")
    with directory.store.write() as txn:
        blob = prepare_password(b"the system's own", MINIMUM)
        set_password(txn, SYSTEM_TENANT, directory.tree.administrator, blob, txn.begin_change())
    for name in ("Administrator", "LIGHTWAVE\\Administrator", "administrator@lightwave.local"):
        assert sign_in(directory, name, b"the system's own").tenant == SYSTEM_TENANT
        refused(directory, name)


def test_further_suffixes(directory: Directory) -> None:
    acme = make(directory, "acme.example")
    make(directory, "beta.example")
    refused(directory, "Administrator@acme.com")
    assert directory.modify(ACME, ("add", "uPNSuffixes", ["acme.com", "Acme.NET"])).code is ResultCode.SUCCESS
    assert sign_in(directory, "Administrator@ACME.com").tenant == acme
    assert sign_in(directory, "Administrator@acme.net").tenant == acme
    for taken in ("beta.example", "lightwave.local", "no name"):
        refusal = directory.modify(ACME, ("add", "uPNSuffixes", taken))
        assert refusal.code is ResultCode.CONSTRAINT_VIOLATION
    assert directory.modify(ACME, ("delete", "uPNSuffixes", "ACME.com")).code is ResultCode.SUCCESS
    refused(directory, "Administrator@acme.com")
    delete(directory, "acme.example")
    refused(directory, "Administrator@acme.net")
    beta = "cn=beta.example,cn=tenants,cn=config"
    assert directory.modify(beta, ("add", "uPNSuffixes", "acme.net")).code is ResultCode.SUCCESS


def test_mail_where_the_tenant_says_so(directory: Directory) -> None:
    acme = make(directory, "acme.example")
    administrator = "cn=Administrator,cn=Users,dc=acme,dc=example"
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        described = schema.describe("mail")
        assert described is not None
        _, entry_id = directory.find(administrator)
        change = AttributeChange(described, (b"boss@acme.example",))
        txn.update_entry(acme, entry_id, [change], txn.begin_change())
    refused(directory, "boss@acme.example")
    assert directory.modify(ACME, ("replace", "lwSignInByMail", "TRUE")).code is ResultCode.SUCCESS
    assert sign_in(directory, "boss@acme.example").tenant == acme
    assert sign_in(directory, "BOSS@acme.example", SECRET).tenant == acme


# --- what is seen


def test_the_root_dse_shows_ones_own(directory: Directory) -> None:
    tenant = make(directory, "acme.example")
    facts = ServerFacts("1", "here", b"dc=lightwave,dc=local", b"cn=here,cn=nodes,cn=config", ())
    shared = [b"cn=config", b"cn=schemacontext"]
    with directory.store.read() as txn:
        for asker, own in (
            (0, b"dc=lightwave,dc=local"),
            (1, b"dc=lightwave,dc=local"),
            (tenant, b"dc=acme,dc=example"),
        ):
            values = root_dse_values(txn, facts, (), 0.0, asker)
            assert values["namingContexts"] == [*shared, own]
            assert values["defaultNamingContext"] == values["rootDomainNamingContext"] == [own]


def test_operators_are_named_by_sid_or_are_there_to_be_named(directory: Directory) -> None:
    make(directory, "acme.example")
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        administrator = sid_of(txn, txn.record(SYSTEM_TENANT, directory.tree.administrator))
        acme = sid_of(txn, txn.record(*directory.find("cn=Administrator,cn=Users,dc=acme,dc=example")))
        assert administrator is not None
        assert acme is not None
        assert find_operator(txn, schema, format_sid(administrator)) == administrator
        for other in (format_sid(acme), "S-1-5-32-544", "S-1", "Administrator", "nobody", str(uuid.uuid4())):
            assert find_operator(txn, schema, other) is None
    group = "cn=TenantOperators,cn=Builtin,dc=lightwave,dc=local"
    assert directory.modify(group, ("add", "member", f"cn=Administrator,{USERS}")).code is ResultCode.SUCCESS
    with directory.store.read() as txn:
        assert find_operator(txn, directory.schemas.current(txn), "Administrator") == administrator


def test_neg_103_nobody_is_an_account_of_another_tenant_by_signing_in_as_what_stands_for_it(
    directory: Directory,
) -> None:
    """A tenant's administrator makes a foreignSecurityPrincipal of an operator's SID, and gives it a password."""
    make(directory, "acme.example")
    with directory.store.read() as txn:
        sid = sid_of(txn, txn.record(SYSTEM_TENANT, directory.tree.administrator))
    assert sid is not None
    principal = f"cn={format_sid(sid)},cn=ForeignSecurityPrincipals,dc=acme,dc=example"
    request = AddRequest(principal.encode(), (("objectClass", (b"foreignSecurityPrincipal",)),))
    asked = replace(directory.context(), token=sign_in(directory, "Administrator@acme.example"))
    assert directory.write(request, asked).code is ResultCode.SUCCESS
    tenant, entry_id = directory.find(principal)
    blob = prepare_password(SECRET, HASHING)
    with directory.store.write() as txn:
        set_password(txn, tenant, entry_id, blob, txn.begin_change())
    refused(directory, principal)


# --- many


def test_no_path_loads_all_tenants(tmp_path: Path) -> None:
    """What a process remembers after opening, signing in and looking around does not grow with the tenants."""
    directory = Directory(tmp_path)
    count = 100
    for number in range(count):
        make(directory, f"customer{number}.example")
    directory.store.close()
    keyring = Keyring.open(tmp_path / "keyring")
    directory.store = Store.open(tmp_path / "store", keyring, now=lambda: directory.time, map_size=1 << 30)
    assert sign_in(directory, "Administrator@customer7.example").tenant == 9
    refused(directory, "Administrator@customer1000.example")
    facts = ServerFacts("1", "here", b"dc=lightwave,dc=local", b"cn=here,cn=nodes,cn=config", ())
    with directory.store.read() as txn:
        root_dse_values(txn, facts, (), 0.0, 0)
        sizes = directory.store.caches.sizes()
    assert sizes["contexts"] <= 4
    assert sum(sizes.values()) < count
    assert len(keyring._keys) == 1
    directory.close()
