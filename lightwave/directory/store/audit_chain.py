"""Checkpoints and verification of the audit's chains.

A checkpoint signs a chain as far as it has come: with Ed25519 (RFC 8032), over the GUIDs of tenant and node, sequence,
hash and time. Verification walks a chain from its oldest kept event. What it finds: an event that was changed, put
in or taken out (its hash, or the next one's, does not hold), a checkpoint that does not fit its event or that no known
key made, a beginning without the checkpoint that a purge leaves, and a chain that ends before the last checkpoint that
`meta` knows of.

What nobody can find in the store alone: events that were cut off the end together with all that tells of them, and
a chain that was made anew by somebody who has the node's key. Copies elsewhere tell (backups, syslog).
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lightwave.directory.store import audit_rows
from lightwave.directory.store.audit_rows import Checkpoint, Link, chain_hash
from lightwave.directory.store.errors import DamagedEvent

if TYPE_CHECKING:
    from lightwave.directory.store.reading import ReadTransaction

KEY_SIZE = 32
_SIGNED = struct.Struct(">16s16sQ32sQ")


def signed_text(
    txn: ReadTransaction, tenant: int, node: int, sequence: int, digest: bytes, time: int
) -> bytes:
    """What a checkpoint signs; `time` in ms."""
    names = txn.tenant_guid(tenant), txn.server_guid(node)
    return b"lightwave audit checkpoint 1\0" + _SIGNED.pack(*names, sequence, digest, time)


def sign(
    txn: ReadTransaction, tenant: int, node: int, sequence: int, digest: bytes, time: int, key: bytes
) -> Checkpoint:
    """The checkpoint of an event; key: the private half, raw."""
    private = Ed25519PrivateKey.from_private_bytes(key)
    signature = private.sign(signed_text(txn, tenant, node, sequence, digest, time))
    return Checkpoint(node, sequence, digest, time, public_key(key), signature)


def public_key(key: bytes) -> bytes:
    """The public half of a private key, both raw."""
    return Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()


@dataclass(slots=True)
class Verification:
    """How far a chain has been verified, and what was found.

    first and last: sequences of the oldest and newest event; 0 in an empty chain. signed: sequence that the last
    checkpoint covers. problem: what is wrong first, None while nothing is; at: its sequence.
    """

    tenant: int
    node: int
    keys: Collection[bytes] = field(repr=False)
    events: int = 0
    first: int = 0
    last: int = 0
    checkpoints: int = 0
    signed: int = 0
    problem: str | None = None
    at: int = 0
    finished: bool = False
    _hash: bytes = field(default=b"", repr=False)
    _after: bytes = field(default=b"", repr=False)
    """the key of the row that was looked at last"""

    def run_slice(self, txn: ReadTransaction, most: int = 2_000) -> bool:
        """Look at `most` more rows; whether it goes on."""
        if not self._hash:
            self._begin(txn)
        for looked, link in enumerate(audit_rows.chain(txn, self.tenant, self.node, self._after), 1):
            if self.problem is not None:
                break
            self._look(txn, link)
            self._after = link.key
            if looked >= most:
                return True
        self._end(txn)
        return False

    def _begin(self, txn: ReadTransaction) -> None:
        first = next(audit_rows.chain(txn, self.tenant, self.node), None)
        self._hash = audit_rows.first_hash(txn, self.tenant, self.node)
        if first is not None and (first.is_checkpoint or first.sequence > 1):
            self.last = first.sequence if first.is_checkpoint else first.sequence - 1
            if first.is_checkpoint:  # what a purge leaves: the chain goes on from there
                self._hash = first.hash
                self.signed = first.sequence
            else:
                self._found(first.sequence, "events before it are gone, and no checkpoint stands for them")

    def _look(self, txn: ReadTransaction, link: Link) -> None:
        sequence = link.sequence
        if link.is_checkpoint:
            self._check_signature(txn, link)
            return
        if sequence != self.last + 1:
            self._found(self.last + 1, "the event is gone")
            return
        try:
            audit_rows.decode_row(link.key, link.value)
        except DamagedEvent:
            self._found(sequence, "the event can't be read")
            return
        digest = chain_hash(self._hash, sequence, link.body)
        if digest != link.hash:
            self._found(sequence, "the event, or the one before it, is not what was recorded")
            return
        self._hash, self.last = digest, sequence
        self.first = self.first or sequence
        self.events += 1

    def _check_signature(self, txn: ReadTransaction, link: Link) -> None:
        sequence = link.sequence
        try:
            checkpoint = audit_rows.decode_checkpoint(link.key, link.value)
        except DamagedEvent:
            self._found(sequence, "its checkpoint can't be read")
            return
        if checkpoint.hash != self._hash or sequence != self.last:
            self._found(sequence, "the event is not the one that its checkpoint signs")
        elif checkpoint.key not in self.keys:
            self._found(sequence, "its checkpoint was signed by a key that is not this node's")
        else:
            text = signed_text(txn, self.tenant, self.node, sequence, checkpoint.hash, checkpoint.time)
            try:
                Ed25519PublicKey.from_public_bytes(checkpoint.key).verify(checkpoint.signature, text)
            except InvalidSignature:
                self._found(sequence, "the signature of its checkpoint does not hold")
                return
            self.checkpoints += 1
            self.signed = sequence

    def _end(self, txn: ReadTransaction) -> None:
        self.finished = True
        known = audit_rows.last_signed(txn, self.tenant, self.node)
        if self.problem is None and known > self.last:
            self._found(self.last + 1, f"the chain ends here, and event {known} was signed")
        elif self.problem is None and known > self.signed:
            self._found(known, "its checkpoint is gone")

    def _found(self, sequence: int, problem: str) -> None:
        self.problem, self.at = problem, sequence


def verify(txn: ReadTransaction, tenant: int, node: int, keys: Collection[bytes]) -> Verification:
    """The whole chain in one transaction: for small ones."""
    verification = Verification(tenant, node, keys)
    while verification.run_slice(txn):
        pass
    return verification
