"""What was verified a moment ago, so that programs that bind again and again pay for one hash and not for each.

An entry says that a password verified against an account's credentials of one version. It holds a digest under a key
that this process made for itself and keeps nowhere, for `LASTS` seconds, and nothing in clear. It grants nothing: the
account is looked at as after any other verification, a change of its credentials has another version, and a wrong
password is verified the slow way, so its answer takes the time that it always takes.

Whoever can read the memory of the process, with the key in it, could test guesses at those digests quickly. That is
why they are few and do not last; the passwords of such binds pass through the same memory in clear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from hmac import compare_digest

from lightwave.directory.store.caches import BoundedCache

LASTS = 300.0
"""seconds from the verification; a bind that finds it does not prolong it"""
MOST = 8_192
"""accounts in the young half"""


class VerifiedBinds:
    """Those of one process. key: 32 random bytes. monotonic: seconds."""

    def __init__(self, key: bytes, monotonic: Callable[[], float], lasts: float = LASTS) -> None:
        self._key = key
        self._monotonic = monotonic
        self._lasts = lasts
        self._known: BoundedCache[tuple[int, int], tuple[bytes, float]] = BoundedCache(MOST)

    def keep(self, tenant: int, entry_id: int, version: int, password: bytes) -> None:
        """A password has just verified against the credentials of `version`."""
        if self._lasts > 0:
            digest = self._digest(tenant, entry_id, version, password)
            self._known.put((tenant, entry_id), (digest, self._monotonic() + self._lasts))

    def has(self, tenant: int, entry_id: int, version: int, password: bytes) -> bool:
        """Whether it verified not long ago."""
        found = self._known.get((tenant, entry_id))
        if found is None or self._monotonic() >= found[1]:
            return False
        return compare_digest(found[0], self._digest(tenant, entry_id, version, password))

    def _digest(self, tenant: int, entry_id: int, version: int, password: bytes) -> bytes:
        bound = b"%d %d %d\0" % (tenant, entry_id, version)
        return hashlib.blake2b(bound + password, key=self._key, digest_size=32).digest()
