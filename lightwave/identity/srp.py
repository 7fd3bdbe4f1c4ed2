"""The keys that SRP goes on with, of whoever a client says it is: his own, or those of nobody.

An unknown name, an account without keys and one that may not act go through the whole exchange and fail at its end,
as with SCRAM (`identity.scram`): the salt is the same at each asking, the verifier is no password's. With SRP an
account has a verifier for each of its names as they were spelt when its password was set; another spelling that finds
the account gets its salt and nobody's verifier. SRP has no way to try several passwords in one exchange: of an entry
with more than one, the last that was added and has keys counts.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence
from typing import Final

from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.credential_format import Credentials
from lightwave.identity.spelling import one_spelling
from lightwave.sasl.saslprep import Unpreparable
from lightwave.sasl.srp_keys import SALT_SIZE, SrpKeys, decode_keys, derive_keys, encode_keys
from lightwave.sasl.srp_math import PROFILES, SRP, SRP_SHA_256, Profile

_LABEL: Final = b"srp keys of nobody"
KINDS: Final = {SRP: b"srp-sha-1", SRP_SHA_256: b"srp-sha-256"}
"""of keys beside a password's verifier"""


def new_keys(
    clear: str, names: Sequence[str], random: Callable[[int], bytes] = os.urandom
) -> tuple[tuple[bytes, bytes], ...]:
    """Kinds and encoded keys for a new password of an account with these names. Heavy: in a thread."""
    kept = []
    for profile in PROFILES:
        try:
            keys = derive_keys(profile, clear, names, random)
        except Unpreparable:  # what no client of this mechanism can say serves the other ones
            continue
        if keys.verifiers:
            kept.append((KINDS[profile], encode_keys(keys)))
    return tuple(kept)


def srp_keys(credentials: Credentials | None, profile: Profile) -> SrpKeys | None:
    """The keys of the last password that has any."""
    passwords = credentials.passwords if credentials is not None else ()
    found = (one.key(KINDS[profile]) for one in reversed(passwords))
    return next((decode_keys(keys) for keys in found if keys is not None), None)


def salt_and_verifier(
    txn: ReadTransaction, schema: Schema, profile: Profile, name: str, keys: SrpKeys | None
) -> tuple[bytes, int]:
    """What the exchange goes on with: from `keys`, else what looks like them."""
    secret = hmac.digest(txn.derived_secret(_LABEL) or b"", profile.mechanism.encode("ascii"), "sha256")
    made_of = one_spelling(txn, schema, name)
    salt = hmac.digest(secret, b"salt\0" + made_of, "sha256")[:SALT_SIZE]
    blocks = (
        hmac.digest(secret, b"verifier\0%d\0" % number + made_of, "sha256")
        for number in range(profile.group.octets // 32)
    )
    verifier = int.from_bytes(b"".join(blocks), "big") % profile.group.modulus or 1
    if keys is None:
        return salt, verifier
    own = keys.verifier(profile, name)
    return keys.salt, verifier if own is None else own
