"""The one preparation of passwords, before they are hashed or compared: bounded, and NFC.

RFC 8265 §4.2 (OpaqueString): spaces outside ASCII become SPACE, then Unicode normalisation form C. What
is no UTF-8 is taken as it is, because RFC 4513 §5.1.3 lets a simple bind send any octets.
"""

from __future__ import annotations

import unicodedata

MAX_PASSWORD = 1_024
"""bytes, before and after preparation"""


class UnusablePassword(Exception):
    """The bytes can't be a password; the text says why, fit for the client, and never repeats them."""


def prepare(clear: bytes) -> bytes:
    """The bytes that are hashed; raises UnusablePassword when empty or too long."""
    if not clear:
        raise UnusablePassword("a password must not be empty")
    if len(clear) > MAX_PASSWORD:
        raise UnusablePassword(f"a password has at most {MAX_PASSWORD} bytes")
    if clear.isascii():
        return clear
    try:
        text = clear.decode("utf-8")
    except UnicodeDecodeError:
        return clear
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    prepared = unicodedata.normalize("NFC", spaced).encode("utf-8")
    if len(prepared) > MAX_PASSWORD:
        raise UnusablePassword(f"a password has at most {MAX_PASSWORD} bytes")
    return prepared
