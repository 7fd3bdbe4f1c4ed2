"""App passwords: one for a program on a device, so that the account's own password stands in no configuration file.

They are made by the server and never chosen, so 120 bits of chance need no slow hash. Each serves the protocols that it
was made for, by a simple bind, SASL PLAIN or HTTP Basic. Whoever has to prove a second factor signs such programs in
with one. It says who made it when, is listed, and revoked alone: what was signed in with it ends at its next
operation, and nothing else does. They stand in the sealed credentials (`credential_format`), a row each:

    version 1, id 8, created 8 (ms since 1970), last used 8 (ms, to the day; 0: never), salt 16, digest 32,
    name (length 1, UTF-8), protocols (count 1; each: length 1, ASCII)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from typing import Final

from lightwave.directory.store.writing import Change, WriteTransaction
from lightwave.identity.credential_format import MAX_APP_PASSWORDS, Credentials, DamagedCredentials
from lightwave.identity.credentials import read_credentials, store_credentials

PROTOCOLS: Final = ("ldap", "http")
"""what app passwords serve"""
MOST: Final = 20
"""app passwords of one account"""
MAX_NAME: Final = 64
"""characters"""
USED_EVERY: Final = 86_400.0
"""seconds after which another use is noted"""
_VERSION: Final = 1
_HEAD = struct.Struct(">B8sQQ16s32s")
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 letters and digits that are not taken for one another"""
_LETTERS: Final = 24
_GROUP: Final = 4


class AppPasswordRefused(Exception):
    """It can't be made so; the text says why, fit for who asked."""


@dataclass(frozen=True, slots=True)
class AppPassword:
    """What is kept of one. created, used: seconds since the epoch; used: 0 for never."""

    id: bytes
    name: str
    protocols: tuple[str, ...]
    created: float
    used: float
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def matches(self, password: bytes) -> bool:
        """Whether it is this one; dashes and spaces are for the eye."""
        return compare_digest(_digest(password, self.salt), self.digest)


def new_app_password(
    name: str, protocols: Iterable[str], now: float, random: Callable[[int], bytes]
) -> tuple[AppPassword, str]:
    """(what is kept, the password, to be shown once); raises AppPasswordRefused."""
    wanted = tuple(dict.fromkeys(protocols)) or PROTOCOLS
    unknown = [one for one in wanted if one not in PROTOCOLS]
    if unknown:
        raise AppPasswordRefused(f"{unknown[0]!r} is none of {', '.join(PROTOCOLS)}")
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise AppPasswordRefused(f"the name has 1 to {MAX_NAME} printable characters")
    letters = "".join(_ALPHABET[octet & 31] for octet in random(_LETTERS))
    shown = "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))
    salt = random(16)
    digest = _digest(shown.encode(), salt)
    return AppPassword(random(8), name.strip(), wanted, now, 0.0, salt, digest), shown


def app_passwords(credentials: Credentials | None) -> list[AppPassword]:
    """Those of an account; rows of a later version are passed over."""
    rows = credentials.app_passwords if credentials is not None else ()
    return [decode_row(row) for row in rows if row[:1] == bytes([_VERSION])]


def find_app_password(credentials: Credentials | None, password: bytes, protocol: str) -> AppPassword | None:
    """The one that somebody gives over a protocol, None for none. Hot only for accounts that have some."""
    if credentials is None or not credentials.app_passwords:
        return None
    found = [one for one in app_passwords(credentials) if one.matches(password) and protocol in one.protocols]
    return found[0] if found else None


def has_app_password(credentials: Credentials | None, identity: bytes) -> bool:
    """Whether the one of this id is not revoked."""
    return any(one.id == identity for one in app_passwords(credentials))


def add_app_password(
    txn: WriteTransaction, tenant: int, entry_id: int, made: AppPassword, change: Change
) -> None:
    """Keep one more; raises AppPasswordRefused where there are too many or one of this name."""
    present = read_credentials(txn, tenant, entry_id)
    if present is None:
        raise AppPasswordRefused("the account has no password, so it has no app passwords either")
    others = app_passwords(present)
    if len(others) >= MOST or len(present.app_passwords) >= MAX_APP_PASSWORDS:
        raise AppPasswordRefused(f"an account has at most {MOST} app passwords: revoke one")
    if any(one.name.casefold() == made.name.casefold() for one in others):
        raise AppPasswordRefused("the account has an app password of this name")
    rows = (*present.app_passwords, encode_row(made))
    store_credentials(txn, tenant, entry_id, replace(present, app_passwords=rows), change)


def revoke_app_password(
    txn: WriteTransaction, tenant: int, entry_id: int, identity: bytes, change: Change
) -> bool:
    """Forget one; whether there was one."""
    return _rewrite(txn, tenant, entry_id, identity, None, change)


def note_use(
    txn: WriteTransaction, tenant: int, entry_id: int, identity: bytes, now: float, change: Change
) -> bool:
    """Remember that one was used."""
    return _rewrite(txn, tenant, entry_id, identity, now, change)


def _rewrite(
    txn: WriteTransaction, tenant: int, entry_id: int, identity: bytes, used: float | None, change: Change
) -> bool:
    present = read_credentials(txn, tenant, entry_id)
    rows: list[bytes] = []
    found = False
    for row in present.app_passwords if present is not None else ():
        if row[:1] == bytes([_VERSION]) and decode_row(row).id == identity:
            found = True
            if used is None:
                continue
            row = encode_row(replace(decode_row(row), used=used))  # noqa: PLW2901  the row in its new form
        rows.append(row)
    if found and present is not None:
        store_credentials(txn, tenant, entry_id, replace(present, app_passwords=tuple(rows)), change)
    return found


def encode_row(one: AppPassword) -> bytes:
    """The bytes of a row."""
    head = _HEAD.pack(_VERSION, one.id, int(one.created * 1000), int(one.used * 1000), one.salt, one.digest)
    return head + _short(one.name.encode()) + _counted([name.encode() for name in one.protocols])


def decode_row(row: bytes) -> AppPassword:
    """The reverse; raises DamagedCredentials."""
    try:
        version, identity, created, used, salt, digest = _HEAD.unpack_from(row)
        name, position = _read(row, _HEAD.size)
        count = row[position]
        position += 1
        protocols = []
        for _ in range(count):
            protocol, position = _read(row, position)
            protocols.append(protocol.decode("ascii"))
        text = name.decode("utf-8")
    except (struct.error, IndexError, UnicodeDecodeError):
        raise DamagedCredentials("an app password") from None
    if version != _VERSION or position != len(row):
        raise DamagedCredentials("an app password")
    return AppPassword(identity, text, tuple(protocols), created / 1000, used / 1000, salt, digest)


def _digest(password: bytes, salt: bytes) -> bytes:
    plain = password.replace(b"-", b"").replace(b" ", b"").lower()
    return hashlib.blake2b(plain, salt=salt, digest_size=32, person=b"app password").digest()


def _short(octets: bytes) -> bytes:
    return bytes([len(octets)]) + octets


def _counted(items: Sequence[bytes]) -> bytes:
    return bytes([len(items)]) + b"".join(map(_short, items))


def _read(row: bytes, position: int) -> tuple[bytes, int]:
    stop = position + 1 + row[position]
    if stop > len(row):
        raise IndexError
    return row[position + 1 : stop], stop
