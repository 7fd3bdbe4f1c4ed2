"""Tokens and the groups that they speak of: gathered when a token is made, and again when the groups have changed."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from lightwave.directory.access.membership import membership, sid_of
from lightwave.directory.access.sid import BUILTIN_ADMINISTRATORS, Sid
from lightwave.directory.access.token import Token
from lightwave.directory.store.entry_rows import GROUPS
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.identity.administrator import is_administrator


class Standing(NamedTuple):
    """What a token says of its bearer's groups; see `Token`."""

    sid: Sid | None
    sids: frozenset[Sid]
    entry_ids: frozenset[int]
    is_administrator: bool
    groups_generation: int


def standing(txn: ReadTransaction, tenant: int, entry_id: int, record: Record) -> Standing:
    """What an account is as its groups stand in this snapshot; raises NoSuchEntry. Hot: asked at each sign-in.

    The built-in administrator is a member of Administrators whatever the group says: whoever took him out could not
    be undone.
    """
    sids, entry_ids = membership(txn, tenant, entry_id)
    if is_administrator(txn, tenant, record.guid):
        sids |= {BUILTIN_ADMINISTRATORS}
    return Standing(
        sid_of(txn, record),
        sids,
        entry_ids,
        BUILTIN_ADMINISTRATORS in sids,
        txn.generation(tenant, GROUPS),
    )


def with_membership(txn: ReadTransaction, token: Token) -> Token:
    """The token of an account as its groups stand in this snapshot; raises NoSuchEntry."""
    if token.entry_id is None:
        return token
    found = standing(txn, token.tenant, token.entry_id, txn.record(token.tenant, token.entry_id))
    return replace(
        token,
        sid=found.sid,
        sids=found.sids,
        entry_ids=found.entry_ids,
        is_administrator=found.is_administrator,
        groups_generation=found.groups_generation,
    )


def current(txn: ReadTransaction, token: Token) -> Token:
    """The same token while the groups of its tenant are as they were, else one that knows them; raises NoSuchEntry."""
    if token.entry_id is None or txn.generation(token.tenant, GROUPS) == token.groups_generation:
        return token
    return with_membership(txn, token)
