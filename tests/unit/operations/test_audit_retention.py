"""Old events go, what is kept still verifies, and each tenant keeps its own for as long as it says."""

from __future__ import annotations

import pytest

from fresh_directory import Directory
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.operations import audit_retention
from lightwave.directory.operations.audit_retention import DAYS, LEAST_DAYS, AuditRetention, retention_days
from lightwave.directory.store.audit_chain import Verification, public_key, sign, verify
from lightwave.directory.store.audit_rows import Event, append, events, head_of, put_checkpoint

AUDIT = "cn=Audit,dc=lightwave,dc=local"
KEY = bytes(range(32))
DAY = 86_400.0


def fill(directory: Directory, tenant: int, days: int, *, signed: bool = True) -> None:
    """An event of each of the last `days` days, the oldest first, each signed."""
    node = directory.store.server_number
    for ago in range(days, 0, -1):
        with directory.store.write() as txn:
            append(txn, Event(directory.time - (ago - 0.5) * DAY, tenant, f"{ago} days ago"))
        if signed:
            with directory.store.write() as txn:
                head = head_of(txn, tenant, node)
                assert put_checkpoint(txn, tenant, sign(txn, tenant, node, head.sequence, head.hash, 0, KEY))


def kept(directory: Directory, tenant: int) -> list[str]:
    with directory.store.read() as txn:
        return [one.event.action for one in events(txn, tenant, directory.store.server_number)]


def verified(directory: Directory, tenant: int) -> Verification:
    with directory.store.read() as txn:
        return verify(txn, tenant, directory.store.server_number, (public_key(KEY),))


def purge(directory: Directory) -> None:
    work = AuditRetention(directory.store, directory.schemas, directory.committer, lambda: directory.time)
    directory.time += audit_retention.INTERVAL
    assert work.run_slice()
    assert not work.run_slice()


def set_days(directory: Directory, days: int) -> ResultCode:
    return directory.modify(AUDIT, ("replace", "lwAuditRetentionDays", [str(days)])).code


def test_what_is_too_old_goes(directory: Directory) -> None:
    tenant = directory.tree.tenant
    fill(directory, tenant, 10)
    purge(directory)
    assert len(kept(directory, tenant)) == 10
    assert set_days(directory, 4) is ResultCode.SUCCESS
    purge(directory)
    assert kept(directory, tenant) == ["4 days ago", "3 days ago", "2 days ago", "1 days ago"]
    found = verified(directory, tenant)
    assert (found.problem, found.first, found.last) == (None, 7, 10)
    directory.time += 2 * DAY
    purge(directory)
    assert kept(directory, tenant) == ["2 days ago", "1 days ago"]
    assert verified(directory, tenant).problem is None


def test_all_may_go_and_the_chain_goes_on(directory: Directory) -> None:
    tenant = directory.tree.tenant
    fill(directory, tenant, 3)
    set_days(directory, 1)
    directory.time += 5 * DAY
    purge(directory)
    assert kept(directory, tenant) == []
    fill(directory, tenant, 1)
    found = verified(directory, tenant)
    assert (found.problem, found.first, found.last) == (None, 4, 4)


def test_what_is_not_signed_stays(directory: Directory) -> None:
    tenant = directory.tree.tenant
    fill(directory, tenant, 3, signed=False)
    set_days(directory, 1)
    purge(directory)
    assert len(kept(directory, tenant)) == 3


def test_tenants_and_defaults(directory: Directory) -> None:
    tenant = directory.tree.tenant
    with directory.store.write() as txn:
        other = txn.create_tenant(bytes(16))
    fill(directory, tenant, 3)
    fill(directory, other, 3)
    set_days(directory, 1)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        assert retention_days(txn, schema, tenant) == 1
        assert retention_days(txn, schema, other) == DAYS
    purge(directory)
    assert (len(kept(directory, tenant)), len(kept(directory, other))) == (1, 3)
    set_days(directory, 0)
    directory.time += 1_000 * DAY
    purge(directory)
    assert (len(kept(directory, tenant)), len(kept(directory, other))) == (1, 0)


def test_in_slices(directory: Directory, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(audit_retention, "MOST", 4)
    tenant = directory.tree.tenant
    fill(directory, tenant, 20)
    set_days(directory, 2)
    purge(directory)
    assert len(kept(directory, tenant)) == 2
    assert verified(directory, tenant).problem is None


@pytest.mark.parametrize(("written", "holds"), [(1, LEAST_DAYS), (LEAST_DAYS + 1, LEAST_DAYS + 1), (0, 0)])
def test_administrators_of_tenants_erase_no_fresh_traces(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, written: int, holds: int
) -> None:
    monkeypatch.setattr(audit_retention, "_days_written", lambda *_: written)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        assert retention_days(txn, schema, directory.tree.tenant) == written
        assert retention_days(txn, schema, directory.tree.tenant + 1) == holds
