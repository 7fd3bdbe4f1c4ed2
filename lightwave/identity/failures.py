"""Failed authentications, counted once over all protocols: first they delay who fails, then they lock the account.

    name and peer   each failure beyond `FREE` makes the next attempt wait longer, up to `MOST_DELAY`. Until that time
                    attempts are refused without a look at the password
    account         as many failures as the policy says, from wherever, lock it (`identity.lockout`)

Both are counted alike by every process and after a restart, because they stand in the store. What a stranger can
observe is the same for a name that nobody has: it is counted in the same slots (`store.failure_rows`), which are
bounded. A peer is an address, of IPv6 a network: see `peers.peer_name`.
"""

from __future__ import annotations

import hashlib
import struct
from contextlib import suppress
from typing import NamedTuple

from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.failure_rows import (
    DIGEST,
    Failures,
    account_failures,
    digest_failures,
    put_account_failures,
    put_digest_failures,
)
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity import audit
from lightwave.identity.audit import Event, target_of
from lightwave.identity.lockout import locked_at, locked_until, lockout_of, locks, write_lock

FREE = 3
"""failures of one name from one peer that delay nothing: people mistype"""
DELAY = 0.5
"""seconds that the first delay takes, where the node's settings say nothing; each one more doubles it"""
MOST_DELAY = 15.0
"""seconds; clients give up soon after"""
FORGET = 900.0
"""seconds after which failures of a name from a peer delay nothing any more"""
_LABEL = b"failures of names and peers"
_ENTRY = struct.Struct(">cIQ")


class Attempt(NamedTuple):
    """Somebody tries to be somebody from somewhere. entry_id: None for a name that nobody has.

    digest: stands for the name and the peer together.
    """

    tenant: int
    entry_id: int | None
    digest: bytes


class FailureDigests:
    """Makes attempts; one for a process. The digests can't be made or read without the keyring."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    def attempt(
        self, txn: ReadTransaction, tenant: int, entry_id: int | None, spelling: bytes, peer: str
    ) -> Attempt:
        """The attempt of a peer (`peers.peer_name`) to be an entry, or a name that leads to none.

        A name that somebody gave counts as it was spelt, whether it leads to an entry or not: two names of one account
        that delayed each other would tell that the account is there. Without one (b"") the entry counts.
        """
        key = self._key
        if key is None:
            key = self._key = txn.derived_secret(_LABEL) or _LABEL
        who = b"n" + spelling if spelling or entry_id is None else _ENTRY.pack(b"e", tenant, entry_id)
        made = hashlib.blake2b(b"%s\0%s" % (peer.encode(), who), key=key, digest_size=DIGEST)
        return Attempt(tenant, entry_id, made.digest())


def delay_after(failures: int, base: float) -> float:
    """Seconds that an attempt must wait after so many failures; `base` 0 means never."""
    if failures <= FREE or not base:
        return 0.0
    return float(min(MOST_DELAY, base * 2.0 ** min(failures - FREE - 1, 30)))


def recent(txn: ReadTransaction, attempt: Attempt, now: float) -> Failures | None:
    """The failures of a name from a peer that still count. Hot: asked at each attempt."""
    found = digest_failures(txn, attempt.digest)
    return found if found is not None and now - found.last < FORGET else None


def count_failure(
    txn: WriteTransaction, schema: Schema, attempt: Attempt, now: float, times: int, *, wrong: int
) -> int:
    """Count `times` failures, of which `wrong` were wrong proofs; how many the name now has from this peer.

    The others were right, and the account may not act: they delay as well, so that nobody sees the difference, and
    do not lock.
    """
    before = recent(txn, attempt, now)
    count = times if before is None else before.times + times
    put_digest_failures(txn, attempt.digest, Failures(count, now))
    if attempt.entry_id is not None and wrong:
        with suppress(NoSuchEntry):  # deleted meanwhile
            _count_for_account(txn, schema, attempt.tenant, attempt.entry_id, now, wrong)
    return count


def _count_for_account(
    txn: WriteTransaction, schema: Schema, tenant: int, entry_id: int, now: float, times: int
) -> None:
    record = txn.record(tenant, entry_id)
    lockout = lockout_of(txn, schema, tenant, entry_id)
    before = account_failures(txn, tenant, entry_id)
    since = locked_at(txn, schema, record)
    if since is not None:
        if now < locked_until(lockout, since):
            return  # as in Active Directory, what is locked is not counted on
        before = None  # the lock is over, and begins anew when the count does
    known = before.times if before is not None and now - before.last < lockout.within else 0
    count = known + times
    put_account_failures(txn, tenant, entry_id, Failures(count, now))
    if locks(txn, lockout, tenant, record, count):
        write_lock(txn, schema, tenant, entry_id, now, txn.begin_change())
        target = target_of(txn, tenant, entry_id)
        audit.record(txn, Event(now, tenant, "lock", target=target, detail=f"after {count} failures"))


def forgive_failure(txn: WriteTransaction, schema: Schema, attempt: Attempt) -> None:
    """Take back one failure that was no guess, and the lock that it brought about."""
    of_peer = digest_failures(txn, attempt.digest)
    if of_peer is not None:
        left = of_peer._replace(times=of_peer.times - 1)
        put_digest_failures(txn, attempt.digest, left if left.times > 0 else None)
    if attempt.entry_id is None:
        return
    tenant, entry_id = attempt.tenant, attempt.entry_id
    known = account_failures(txn, tenant, entry_id)
    if known is None:
        return
    left = known._replace(times=known.times - 1)
    put_account_failures(txn, tenant, entry_id, left if left.times > 0 else None)
    with suppress(NoSuchEntry):
        lockout = lockout_of(txn, schema, tenant, entry_id)
        since = locked_at(txn, schema, txn.record(tenant, entry_id))
        if since is not None and left.times < lockout.most <= known.times:
            write_lock(txn, schema, tenant, entry_id, None, txn.begin_change())


def forget_failures(
    txn: WriteTransaction, schema: Schema, tenant: int, entry_id: int, attempt: Attempt | None = None
) -> None:
    """After a success, or an unlocking by right: nothing counts against the account, and from the peer of `attempt`."""
    put_account_failures(txn, tenant, entry_id, None)
    if attempt is not None:
        put_digest_failures(txn, attempt.digest, None)
        if locked_at(txn, schema, txn.record(tenant, entry_id)) is not None:
            write_lock(txn, schema, tenant, entry_id, None, txn.begin_change())
