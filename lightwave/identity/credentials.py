"""Everything of one password: one sealed value with one stamp, so that merging can never mix two passwords.

Stored as JSON under kind b"credentials" of the store's secrets:

    {"format": 1, "version": n, "setAt": ms since the epoch, "verifiers": ["{ARGON2}$argon2id$…", …]}

`version` grows with every change of the entry's credentials; tokens carry the one under which they were made.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction
from lightwave.identity.hashing import HashingCost

KIND = b"credentials"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is stored of an entry's passwords. verifiers: `{SCHEME}…` each, never a clear text."""

    version: int
    set_at: float
    verifiers: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CredentialBlob:
    """Verifiers that were prepared outside the transaction and await their version and time."""

    verifiers: tuple[bytes, ...] = field(repr=False)


def read_credentials(txn: ReadTransaction, tenant: int, entry_id: int) -> Credentials | None:
    """The stored credentials of an entry, None when it has none."""


def prepare_password(clear: bytes, cost: HashingCost) -> CredentialBlob:
    """Everything that one new password needs. Heavy: outside transactions, in a thread.

    Raises AuthenticationFailed (CONSTRAINT) when the password can't be one.
    """


def import_verifiers(values: tuple[bytes, ...], cost: HashingCost) -> CredentialBlob:
    """For bulk import: `{SCHEME}…` values as they are, clear texts hashed (then heavy)."""


def set_password(
    txn: WriteTransaction, tenant: int, entry_id: int, blob: CredentialBlob, change: Change, now: float
) -> None:
    """Replace the entry's credentials; every token that was made with the former ones is dead at the
    commit.
    """


def clear_password(txn: WriteTransaction, tenant: int, entry_id: int, change: Change, now: float) -> None:
    """Remove the entry's passwords; tokens that were made with them are dead at the commit."""
