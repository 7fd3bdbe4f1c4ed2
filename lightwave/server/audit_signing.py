"""Signs the chains of the audit in the background, with a key of the node that is sealed in its entry.

A chain is signed when its oldest unsigned event is `SECONDS` old. The signature is made outside of a transaction; when
events were added meanwhile, the checkpoint stands behind the event that it signs, and the rest is signed next time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import islice

from lightwave.directory.operations.ports import Commits
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.store import audit_rows
from lightwave.directory.store.audit_chain import KEY_SIZE, public_key, sign
from lightwave.directory.store.audit_rows import Checkpoint
from lightwave.directory.store.environment import Store
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction

SECONDS = 60.0
"""age at which events are signed"""
MOST = 50
"""chains of one slice: each takes 0.1 ms"""
KIND = b"audit-key"

_log = logging.getLogger("lightwave.audit")


class AuditSigning:
    """Work for the upkeep. node: the name of the node's entry. random_bytes: for its key."""

    def __init__(
        self,
        store: Store,
        committer: Commits,
        node: NormalisedDN,
        now: Callable[[], float],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._committer = committer
        self._node = node
        self._now = now
        self._random_bytes = random_bytes
        self._running = False

    def run_slice(self) -> bool:
        """Sign some chains whose time has come; whether there are more."""
        if self._running:
            return True
        now = self._now()
        due = int((now - SECONDS) * 1000)
        with self._store.read() as txn:
            waiting = (one for one in audit_rows.unsigned(txn) if one[2] <= due)
            chains = [(tenant, node) for tenant, node, _ in islice(waiting, MOST)]
            if not chains:
                return False
            key = node_key(txn, self._node)
            if key is None:
                self._submit(partial(_make_key, self._node, self._random_bytes(KEY_SIZE)))
                return True
            made = [(tenant, self._checkpoint(txn, tenant, node, now, key)) for tenant, node in chains]
        self._submit(partial(_put, made))
        return len(chains) == MOST

    @staticmethod
    def _checkpoint(txn: ReadTransaction, tenant: int, node: int, now: float, key: bytes) -> Checkpoint:
        head = audit_rows.head_of(txn, tenant, node)
        return sign(txn, tenant, node, head.sequence, head.hash, int(now * 1000), key)

    def _submit(self, apply: Callable[[WriteTransaction], None]) -> None:
        self._running = True
        self._committer.submit(apply, self._done)

    def _done(self, result: BaseException | None) -> None:
        self._running = False
        if isinstance(result, BaseException):
            _log.error("the audit can't be signed; it is tried again: %s", result)


def node_key(txn: ReadTransaction, node: NormalisedDN) -> bytes | None:
    """The key that signs, None before the first signature; raises KeyringError."""
    return txn.secret(*txn.find(node), KIND)


def known_keys(txn: ReadTransaction, node: NormalisedDN) -> frozenset[bytes]:
    """The public halves of the keys whose signatures are taken."""
    try:
        key = node_key(txn, node)
    except NoSuchEntry:
        key = None
    return frozenset() if key is None else frozenset({public_key(key)})


def _make_key(node: NormalisedDN, key: bytes, txn: WriteTransaction) -> None:
    if node_key(txn, node) is None:  # another process may have been first
        txn.put_secret(*txn.find(node), KIND, key, txn.begin_change())


def _put(made: list[tuple[int, Checkpoint]], txn: WriteTransaction) -> None:
    for tenant, checkpoint in made:
        audit_rows.put_checkpoint(txn, tenant, checkpoint)
