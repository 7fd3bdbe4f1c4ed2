"""HMAC-SHA-1 as Cyrus SASL's SRP plugin computes it for packet after packet.

The plugin never begins its HMAC anew: the inner hash of each packet but the first goes on in the state in which the
outer hash of the packet before ended. That state is the former code, and the hash counts 84 octets as hashed
already (the 64 of the outer pad and the 20 of the inner hash). So the first code is that of RFC 2104, and each
later one depends on all before it. The peers that are there do so, hence this.

No library goes on from a given state of SHA-1, except OpenSSL's own; it is used where it can be loaded, for it is a
hundred times as fast as what stands here (25 µs for each 64 octets).
"""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import struct
from collections.abc import Callable
from functools import cache
from typing import Final

DIGEST_SIZE: Final = 20
_BLOCK: Final = 64
_COUNTED: Final = _BLOCK + DIGEST_SIZE
_MASK: Final = 0xFFFFFFFF


class ChainedHmac:
    """The codes of one direction, in their order."""

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK:
            raise ValueError("a longer key would be hashed, and none is")
        self._key = key
        self._outer = bytes(octet ^ 0x5C for octet in key.ljust(_BLOCK, b"\0"))
        self._last: bytes | None = None

    def sign(self, data: bytes) -> bytes:
        """The code of the next packet."""
        if self._last is None:
            self._last = hmac.digest(self._key, data, "sha1")
        else:
            inner = continued_sha1(self._last, data)
            self._last = hashlib.sha1(self._outer + inner).digest()  # noqa: S324  the protocol's
        return self._last


def continued_sha1(state: bytes, data: bytes) -> bytes:
    """SHA-1 of `data`, begun in `state` after 84 octets that fill up whole blocks."""
    return (_library() or continued_in_python)(state, data)


class _Context(ctypes.Structure):
    """SHA_CTX of OpenSSL's sha.h."""

    _fields_ = (
        ("h", ctypes.c_uint * 5),
        ("low", ctypes.c_uint),
        ("high", ctypes.c_uint),
        ("data", ctypes.c_uint * 16),
        ("num", ctypes.c_uint),
    )


@cache
def _library() -> Callable[[bytes, bytes], bytes] | None:
    """OpenSSL's way; None where it is not there, or does not give the same."""
    for name in ("libcrypto.so.3", "libcrypto.so.1.1"):
        try:
            continued = _continued_by(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
        probe = bytes(range(DIGEST_SIZE)), bytes(range(100))
        if continued(*probe) == continued_in_python(*probe):
            return continued
    return None


def _continued_by(library: ctypes.CDLL) -> Callable[[bytes, bytes], bytes]:
    update, final = library.SHA1_Update, library.SHA1_Final
    update.argtypes = (ctypes.POINTER(_Context), ctypes.c_char_p, ctypes.c_size_t)
    final.argtypes = (ctypes.c_char_p, ctypes.POINTER(_Context))

    def continued(state: bytes, data: bytes) -> bytes:
        context = _Context(low=_COUNTED * 8)
        context.h[:] = struct.unpack(">5I", state)
        digest = ctypes.create_string_buffer(DIGEST_SIZE)
        update(context, data, len(data))
        final(digest, context)
        return digest.raw

    return continued


def continued_in_python(state: bytes, data: bytes) -> bytes:
    """The same without OpenSSL (FIPS 180-4 §6.1.2)."""
    padded = data + b"\x80" + bytes((55 - len(data)) % _BLOCK) + struct.pack(">Q", (_COUNTED + len(data)) * 8)
    words = struct.unpack(">5I", state)
    for start in range(0, len(padded), _BLOCK):
        words = _compress(words, padded[start : start + _BLOCK])
    return struct.pack(">5I", *words)


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    w = list(struct.unpack(">16I", block))
    for t in range(16, 80):
        word = w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]
        w.append((word << 1 | word >> 31) & _MASK)
    a, b, c, d, e = state
    for t, word in enumerate(w):
        if t < 20:
            f, k = d ^ (b & (c ^ d)), 0x5A827999
        elif t < 40:
            f, k = b ^ c ^ d, 0x6ED9EBA1
        elif t < 60:
            f, k = b & c | d & (b | c), 0x8F1BBCDC
        else:
            f, k = b ^ c ^ d, 0xCA62C1D6
        a, b, c, d, e = (
            ((a << 5 | a >> 27) + f + e + word + k) & _MASK,
            a,
            (b << 30 | b >> 2) & _MASK,
            c,
            d,
        )
    return tuple((old + new) & _MASK for old, new in zip(state, (a, b, c, d, e), strict=True))
