"""Stored verifiers of passwords, `{SCHEME}payload` (RFC 2307 §5.3 and its descendants).

Our own are Argon2id. The others come with imports: they serve password binds as they are. What costs
microseconds is LIGHT and may run on the reactor; HEAVY belongs into a thread. A scheme that is not known
here, or a payload that is damaged, matches no password and is kept as it is.

Costs are bounded: parameters in an imported value beyond the bounds match nothing. A tenant's administrator brings
hashes along, and all tenants share the threads and the memory in which they are verified.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from enum import Enum
from hmac import compare_digest
from typing import NamedTuple

import argon2
import bcrypt
from argon2.low_level import Type, verify_secret

from lightwave.identity.sha_crypt import sha_crypt

MAX_VERIFIER = 4_096
"""bytes of one stored verifier"""
MAX_ITERATIONS = 2_000_000
"""of PBKDF2, over all blocks of its key: about a second"""
MAX_MEMORY = 524_288
"""KiB of an Argon2 hash"""
MAX_WORK = 4_194_304
"""KiB times passes of one: what `hashing.HashingCost` allows at most, some seconds"""
MAX_LANES = 16
"""of one: each is a thread"""
MAX_BCRYPT_COST = 15
"""2^15 rounds are about two seconds"""

_MARK = re.compile(rb"\{([A-Za-z0-9_./-]{1,32})\}")
_BCRYPT = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_CLEAR = frozenset({b"CLEARTEXT", b"CLEAR"})


class Cost(Enum):
    """Where a verification may run."""

    LIGHT = "inline"
    HEAVY = "thread"


class Scheme(NamedTuple):
    """How to verify one kind; `matches(payload, password)` never raises."""

    cost: Cost
    matches: Callable[[bytes, bytes], bool]


def scheme_name(value: bytes) -> bytes | None:
    """The scheme that a value is marked with, in upper case; None for what is a clear text."""
    if value[:1] != b"{":
        return None
    mark = _MARK.match(value)
    return mark.group(1).upper() if mark is not None else None


def clear_text(value: bytes) -> bytes | None:
    """The password that an attribute value says in clear, None where it is a verifier."""
    name = scheme_name(value)
    if name is None:
        return value
    return value[value.index(b"}") + 1 :] if name in _CLEAR else None


def verifier_cost(value: bytes) -> Cost:
    """Where `matches` may be called for this verifier; unknown kinds cost nothing."""
    scheme = _SCHEMES.get(value[1 : value.find(b"}", 1, 34)].upper()) if value[:1] == b"{" else None
    return scheme.cost if scheme is not None else Cost.LIGHT


def matches(value: bytes, password: bytes) -> bool:
    """Whether `password` (prepared, or as imported hashes want it, raw) is the verifier's."""
    end = value.find(b"}", 1, 34)
    if end < 0 or value[:1] != b"{":
        return False
    scheme = _SCHEMES.get(value[1:end].upper())
    return scheme is not None and scheme.matches(value[end + 1 :], password)


def _digest(name: str, salted: bool) -> Callable[[bytes, bytes], bool]:
    size = hashlib.new(name, usedforsecurity=False).digest_size

    def compare(payload: bytes, password: bytes) -> bool:
        try:
            decoded = binascii.a2b_base64(payload)
        except binascii.Error:
            return False
        if len(decoded) < size or (len(decoded) > size) is not salted:
            return False
        computed = hashlib.new(name, password + decoded[size:], usedforsecurity=False).digest()
        return compare_digest(computed, decoded[:size])

    return compare


def _sha1(salted: bool) -> Callable[[bytes, bytes], bool]:
    """The one on the hot path: `hashlib.sha1` costs a third of `hashlib.new`."""

    def compare(payload: bytes, password: bytes) -> bool:
        try:
            decoded = binascii.a2b_base64(payload)
        except binascii.Error:
            return False
        if len(decoded) < 20 or (len(decoded) > 20) is not salted:
            return False
        computed = hashlib.sha1(password + decoded[20:], usedforsecurity=False).digest()
        return compare_digest(computed, decoded[:20])

    return compare


def _argon2(payload: bytes, password: bytes) -> bool:
    try:
        parameters = argon2.extract_parameters(payload.decode("ascii"))
    except (argon2.exceptions.InvalidHashError, UnicodeDecodeError, ValueError):
        return False
    memory, passes = parameters.memory_cost, parameters.time_cost
    if memory > MAX_MEMORY or memory * passes > MAX_WORK or parameters.parallelism > MAX_LANES:
        return False
    kind: Type = parameters.type
    try:
        return verify_secret(payload, password, kind)
    except argon2.exceptions.VerificationError:
        return False


def _pbkdf2(name: str) -> Callable[[bytes, bytes], bool]:
    """`iterations$salt$key`, salt and key in base64 with `.` for `+` and no padding (OpenLDAP, 389,
    passlib).
    """
    size = hashlib.new(name, usedforsecurity=False).digest_size

    def compare(payload: bytes, password: bytes) -> bool:
        try:
            iterations_text, salt_text, key_text = payload.split(b"$")
            iterations, salt, key = int(iterations_text), _adapted64(salt_text), _adapted64(key_text)
        except ValueError:
            return False
        blocks = -(-len(key) // size)
        if not 1 <= iterations * blocks <= MAX_ITERATIONS or not 16 <= len(key) <= 1_024:
            return False
        return compare_digest(hashlib.pbkdf2_hmac(name, password, salt, iterations, len(key)), key)

    return compare


def _pbkdf2_389(payload: bytes, password: bytes) -> bool:
    """389 Directory Server's older form: base64 of iterations (4, big-endian), salt (64), key (256)."""
    try:
        decoded = base64.b64decode(payload, validate=True)
    except binascii.Error:
        return False
    if len(decoded) != 324:
        return False
    iterations, salt, key = int.from_bytes(decoded[:4], "big"), decoded[4:68], decoded[68:]
    if not 1 <= iterations * 8 <= MAX_ITERATIONS:  # blocks of SHA-256 in the key
        return False
    return compare_digest(hashlib.pbkdf2_hmac("sha256", password, salt, iterations, 256), key)


def _adapted64(text: bytes) -> bytes:
    return base64.b64decode(text.replace(b".", b"+").rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4))


def _bcrypt(payload: bytes, password: bytes) -> bool:
    """`$2a$`, `$2b$` and `$2y$` (Provos and Mazières, 1999): 72 octets of the password count, and none may be NUL."""
    found = _BCRYPT.fullmatch(payload)
    if found is None or not 4 <= int(found.group(1)) <= MAX_BCRYPT_COST or b"\0" in password:
        return False
    try:
        return bcrypt.checkpw(password[:72], payload)
    except ValueError:
        return False


def _crypt(payload: bytes, password: bytes) -> bool:
    if payload.startswith(b"$2"):
        return _bcrypt(payload, password)
    computed = sha_crypt(password, payload)
    return computed is not None and compare_digest(computed, payload)


_SCHEMES: dict[bytes, Scheme] = {
    b"ARGON2": Scheme(Cost.HEAVY, _argon2),
    b"SSHA": Scheme(Cost.LIGHT, _sha1(True)),
    b"SHA": Scheme(Cost.LIGHT, _sha1(False)),
    b"SSHA256": Scheme(Cost.LIGHT, _digest("sha256", True)),
    b"SHA256": Scheme(Cost.LIGHT, _digest("sha256", False)),
    b"SSHA384": Scheme(Cost.LIGHT, _digest("sha384", True)),
    b"SHA384": Scheme(Cost.LIGHT, _digest("sha384", False)),
    b"SSHA512": Scheme(Cost.LIGHT, _digest("sha512", True)),
    b"SHA512": Scheme(Cost.LIGHT, _digest("sha512", False)),
    b"SMD5": Scheme(Cost.LIGHT, _digest("md5", True)),
    b"MD5": Scheme(Cost.LIGHT, _digest("md5", False)),
    b"PBKDF2": Scheme(Cost.HEAVY, _pbkdf2("sha1")),
    b"PBKDF2-SHA1": Scheme(Cost.HEAVY, _pbkdf2("sha1")),
    b"PBKDF2-SHA256": Scheme(Cost.HEAVY, _pbkdf2("sha256")),
    b"PBKDF2-SHA512": Scheme(Cost.HEAVY, _pbkdf2("sha512")),
    b"PBKDF2_SHA256": Scheme(Cost.HEAVY, _pbkdf2_389),
    b"CRYPT": Scheme(Cost.HEAVY, _crypt),
    b"BCRYPT": Scheme(Cost.HEAVY, _bcrypt),
}

KNOWN_SCHEMES = tuple(sorted(name.decode() for name in _SCHEMES))
