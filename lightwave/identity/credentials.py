"""Everything of one password: one sealed value with one stamp, so that merging can never mix two passwords.

Stored under kind b"credentials" of the store's secrets, integers big-endian:

    format 1 (= 2), version 8, set at 8 (ms since the epoch), count 2, then for each password
        its verifier: length 2, bytes; its keys for SCRAM: length 2, bytes (`sasl.scram_keys`)

Format 1 lacks the keys and is read. A password that came hashed has none either, for they can't be made of a
hash: it serves simple binds and PLAIN, until it is set again. All passwords of an entry that have keys share
salt and iterations, because SCRAM names both before it is known which password is meant.

`version` is different after every change of the entry's credentials, on whichever server it was made: it
is the hybrid clock of that change. Tokens carry the one under which they were made. Removed passwords
leave a value without verifiers, so that the version goes on.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lightwave.directory.store.clock import clock_seconds
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction
from lightwave.identity import passwords
from lightwave.identity.hashing import HashingCost, hash_password
from lightwave.identity.verifiers import MAX_VERIFIER, clear_text
from lightwave.sasl.saslprep import Unpreparable
from lightwave.sasl.scram_keys import SALT_SIZE, ScramKeys, decode_keys, derive_keys, encode_keys

KIND = b"credentials"
MAX_VERIFIERS = 16
"""passwords of one entry"""

_FORMAT, _FORMAT_WITHOUT_KEYS = 2, 1
_HEAD = struct.Struct(">BQQH")


class DamagedCredentials(Exception):
    """The stored value is not of a format that this version reads."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is stored of an entry's passwords. verifiers: `{SCHEME}…` each, never a clear text.

    set_at: seconds since the epoch. keys: for each verifier its password's encoded keys for SCRAM, b"" without.
    """

    version: int
    set_at: float
    verifiers: tuple[bytes, ...] = field(repr=False)
    keys: tuple[bytes, ...] = field(default=(), repr=False)


class StoredPassword(NamedTuple):
    """One password as it is kept: its verifier, and its encoded keys for SCRAM or b""."""

    verifier: bytes
    keys: bytes = b""


@dataclass(frozen=True, slots=True)
class CredentialBlob:
    """Passwords that were prepared outside the transaction and await their version and time."""

    passwords: tuple[StoredPassword, ...] = field(repr=False)

    @property
    def verifiers(self) -> tuple[bytes, ...]:
        """The verifiers alone."""
        return tuple(one.verifier for one in self.passwords)


def encode_credentials(credentials: Credentials) -> bytes:
    """The bytes that are sealed."""
    head = _HEAD.pack(
        _FORMAT, credentials.version, int(credentials.set_at * 1000), len(credentials.verifiers)
    )
    return head + b"".join(
        len(part).to_bytes(2, "big") + part for password in stored_passwords(credentials) for part in password
    )


def stored_passwords(credentials: Credentials | None) -> tuple[StoredPassword, ...]:
    """Verifiers and keys by password."""
    if credentials is None:
        return ()
    keys = credentials.keys or (b"",) * len(credentials.verifiers)
    return tuple(map(StoredPassword, credentials.verifiers, keys))


def decode_credentials(data: bytes) -> Credentials:
    """The reverse of `encode_credentials`; raises DamagedCredentials."""
    if len(data) < _HEAD.size:
        raise DamagedCredentials("cut short")
    number, version, set_at, count = _HEAD.unpack_from(data)
    if number not in (_FORMAT, _FORMAT_WITHOUT_KEYS):
        raise DamagedCredentials(f"unknown format {number}")
    has_keys = number == _FORMAT
    parts = []
    position = _HEAD.size
    for _ in range(count * (1 + has_keys)):
        stop = position + 2 + int.from_bytes(data[position : position + 2], "big")
        parts.append(data[position + 2 : stop])
        position = stop
    if position != len(data):
        raise DamagedCredentials("of a wrong length")
    if not has_keys:
        return Credentials(version, set_at / 1000, tuple(parts))
    return Credentials(version, set_at / 1000, tuple(parts[::2]), tuple(parts[1::2]))


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
    return CredentialBlob((new_password(clear, cost, random),))


def new_password(
    clear: bytes,
    cost: HashingCost,
    random: Callable[[int], bytes] = os.urandom,
    present: Sequence[StoredPassword] = (),
) -> StoredPassword:
    """Our own verifier of one password, and its keys for SCRAM with the salt of those that are `present`.

    Raises passwords.UnusablePassword.
    """
    verifier = hash_password(passwords.prepare(clear), random(16), cost)
    if not cost.iterations:
        return StoredPassword(verifier)
    other = next((decode_keys(one.keys) for one in present if one.keys), None)
    salt, iterations = (other.salt, other.iterations) if other else (random(SALT_SIZE), cost.iterations)
    try:
        return StoredPassword(verifier, encode_keys(derive_keys(clear.decode("utf-8"), salt, iterations)))
    except (Unpreparable, UnicodeDecodeError):
        return StoredPassword(verifier)  # what no client of SCRAM can say serves the other mechanisms


def scram_keys(credentials: Credentials | None) -> list[ScramKeys]:
    """The keys of those passwords that have any."""
    return [decode_keys(one.keys) for one in stored_passwords(credentials) if one.keys]


def import_verifiers(
    values: Sequence[bytes], cost: HashingCost, random: Callable[[int], bytes] = os.urandom
) -> CredentialBlob:
    """For bulk import: `{SCHEME}…` values as they are, clear texts hashed (heavy then).

    Raises passwords.UnusablePassword for what can be neither, and for more than `MAX_VERIFIERS` values.
    """
    if len(values) > MAX_VERIFIERS:
        raise passwords.UnusablePassword(f"an entry has at most {MAX_VERIFIERS} passwords")
    stored: list[StoredPassword] = []
    for value in dict.fromkeys(values):
        clear = clear_text(value)
        if clear is None and len(value) > MAX_VERIFIER:
            raise passwords.UnusablePassword(f"a password's hash has at most {MAX_VERIFIER} bytes")
        stored.append(StoredPassword(value) if clear is None else new_password(clear, cost, random, stored))
    return CredentialBlob(tuple(stored))


def set_password(
    txn: WriteTransaction, tenant: int, entry_id: int, blob: CredentialBlob, change: Change
) -> None:
    """Replace the entry's credentials; every token that was made with the former ones is dead at the commit.

    A blob without verifiers removes the passwords.
    """
    clock = change.stamp.clock
    version = max(clock, credential_version(txn, tenant, entry_id) + 1)
    keys = tuple(one.keys for one in blob.passwords)
    credentials = Credentials(version, clock_seconds(clock), blob.verifiers, keys)
    txn.put_secret(tenant, entry_id, KIND, encode_credentials(credentials), change)
