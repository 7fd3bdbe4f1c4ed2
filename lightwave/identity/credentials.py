"""Everything of one password: one sealed value with one stamp, so that merging can never mix two passwords.

Stored under kind b"credentials" of the store's secrets, integers big-endian:

    format 1 (= 1), version 8, set at 8 (ms since the epoch), count 2, each verifier: length 2, bytes

`version` is different after every change of the entry's credentials, on whichever server it was made: it
is the hybrid clock of that change. Tokens carry the one under which they were made. Removed passwords
leave a value without verifiers, so that the version goes on.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lightwave.directory.store.clock import clock_seconds
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction
from lightwave.identity import passwords
from lightwave.identity.hashing import HashingCost, hash_password
from lightwave.identity.verifiers import MAX_VERIFIER, clear_text

KIND = b"credentials"
MAX_VERIFIERS = 16
"""passwords of one entry"""

_FORMAT = 1
_HEAD = struct.Struct(">BQQH")


class DamagedCredentials(Exception):
    """The stored value is not of a format that this version reads."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is stored of an entry's passwords. verifiers: `{SCHEME}…` each, never a clear text.

    set_at: seconds since the epoch.
    """

    version: int
    set_at: float
    verifiers: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CredentialBlob:
    """Verifiers that were prepared outside the transaction and await their version and time."""

    verifiers: tuple[bytes, ...] = field(repr=False)


def encode_credentials(credentials: Credentials) -> bytes:
    """The bytes that are sealed."""
    head = _HEAD.pack(
        _FORMAT, credentials.version, int(credentials.set_at * 1000), len(credentials.verifiers)
    )
    return head + b"".join(len(value).to_bytes(2, "big") + value for value in credentials.verifiers)


def decode_credentials(data: bytes) -> Credentials:
    """The reverse of `encode_credentials`; raises DamagedCredentials."""
    if len(data) < _HEAD.size:
        raise DamagedCredentials("cut short")
    number, version, set_at, count = _HEAD.unpack_from(data)
    if number != _FORMAT:
        raise DamagedCredentials(f"unknown format {number}")
    verifiers = []
    position = _HEAD.size
    for _ in range(count):
        stop = position + 2 + int.from_bytes(data[position : position + 2], "big")
        verifiers.append(data[position + 2 : stop])
        position = stop
    if position != len(data):
        raise DamagedCredentials("of a wrong length")
    return Credentials(version, set_at / 1000, tuple(verifiers))


def read_credentials(txn: ReadTransaction, tenant: int, entry_id: int) -> Credentials | None:
    """The stored credentials of an entry, None when it never had any."""
    data = txn.secret(tenant, entry_id, KIND)
    return decode_credentials(data) if data is not None else None


def credential_version(txn: ReadTransaction, tenant: int, entry_id: int) -> int:
    """The version of an entry's credentials, 0 when it never had any."""
    credentials = read_credentials(txn, tenant, entry_id)
    return credentials.version if credentials is not None else 0


def prepare_password(
    clear: bytes, cost: HashingCost, random: Callable[[int], bytes] = os.urandom
) -> CredentialBlob:
    """Everything that one new password needs. Heavy: outside transactions, in a thread.

    Raises passwords.UnusablePassword when the bytes can't be a password.
    """
    return CredentialBlob((new_verifier(clear, cost, random),))


def new_verifier(clear: bytes, cost: HashingCost, random: Callable[[int], bytes] = os.urandom) -> bytes:
    """Our own verifier of one password; raises passwords.UnusablePassword."""
    return hash_password(passwords.prepare(clear), random(16), cost)


def import_verifiers(
    values: Sequence[bytes], cost: HashingCost, random: Callable[[int], bytes] = os.urandom
) -> CredentialBlob:
    """For bulk import: `{SCHEME}…` values as they are, clear texts hashed (heavy then).

    Raises passwords.UnusablePassword for what can be neither, and for more than `MAX_VERIFIERS` values.
    """
    if len(values) > MAX_VERIFIERS:
        raise passwords.UnusablePassword(f"an entry has at most {MAX_VERIFIERS} passwords")
    verifiers = []
    for value in dict.fromkeys(values):
        clear = clear_text(value)
        if clear is None and len(value) > MAX_VERIFIER:
            raise passwords.UnusablePassword(f"a password's hash has at most {MAX_VERIFIER} bytes")
        verifiers.append(value if clear is None else new_verifier(clear, cost, random))
    return CredentialBlob(tuple(verifiers))


def set_password(
    txn: WriteTransaction, tenant: int, entry_id: int, blob: CredentialBlob, change: Change
) -> None:
    """Replace the entry's credentials; every token that was made with the former ones is dead at the commit.

    A blob without verifiers removes the passwords.
    """
    clock = change.stamp.clock
    version = max(clock, credential_version(txn, tenant, entry_id) + 1)
    credentials = Credentials(version, clock_seconds(clock), blob.verifiers)
    txn.put_secret(tenant, entry_id, KIND, encode_credentials(credentials), change)
