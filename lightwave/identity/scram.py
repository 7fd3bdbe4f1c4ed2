"""The keys that SCRAM goes on with, of whoever a client says it is: his own, or those of nobody.

An unknown name, an account without keys and one that may not act go through the whole exchange and fail at its
end. Their salt is made from the name and a secret of the tenant, so that it is the same each time, on every
node, in each spelling of a name: otherwise asking twice would tell who exists. What is left: who guesses both the
DN and the user's name of one account, where the DN's first RDN is not that name, sees one salt instead of two.
"""

from __future__ import annotations

import hmac

from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.hashing import HashingCost
from lightwave.identity.spelling import one_spelling
from lightwave.sasl.scram_keys import SALT_SIZE, ScramKeys

_LABEL = b"scram keys of nobody"


def keys_of_nobody(txn: ReadTransaction, schema: Schema, name: str, hashing: HashingCost) -> ScramKeys:
    """Keys that no password has, looking like everybody's."""
    secret = txn.derived_secret(_LABEL) or b""
    made_of = one_spelling(txn, schema, name)
    iterations = hashing.iterations or HashingCost().iterations
    salt, stored_key, server_key = (
        hmac.digest(secret, part + made_of, "sha256") for part in (b"salt\0", b"stored\0", b"server\0")
    )
    return ScramKeys(salt[:SALT_SIZE], iterations, stored_key, server_key)
