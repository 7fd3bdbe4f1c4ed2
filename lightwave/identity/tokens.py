"""Tokens and the groups that they speak of: gathered when a token is made, and again when the groups have changed."""

from __future__ import annotations

from dataclasses import replace

from lightwave.directory.access.membership import membership, sid_of
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS
from lightwave.directory.access.token import Token
from lightwave.directory.store.entry_rows import GROUPS
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.administrator import is_administrator


def with_membership(txn: ReadTransaction, token: Token) -> Token:
    """The token of an account as its groups stand in this snapshot; raises NoSuchEntry.

    The built-in administrator is a member of Administrators whatever the group says: whoever took him out could not
    be undone.
    """
    if token.entry_id is None:
        return token
    tenant = token.tenant
    sids, entry_ids = membership(txn, tenant, token.entry_id)
    if is_administrator(txn, tenant, token.guid):
        sids |= {BUILTIN_ADMINISTRATORS}
    return replace(
        token,
        sid=sid_of(txn, txn.record(tenant, token.entry_id)),
        sids=sids,
        entry_ids=entry_ids,
        is_administrator=BUILTIN_ADMINISTRATORS in sids,
        groups_generation=txn.generation(tenant, GROUPS),
    )


def current(txn: ReadTransaction, token: Token) -> Token:
    """The same token while the groups of its tenant are as they were, else one that knows them; raises NoSuchEntry."""
    if token.entry_id is None or txn.generation(token.tenant, GROUPS) == token.groups_generation:
        return token
    return with_membership(txn, token)
