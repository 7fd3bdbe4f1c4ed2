"""Security descriptors for tests: put onto entries as SDDL, and tokens of accounts that they speak of."""

from __future__ import annotations

from collections.abc import Iterable

from fresh_directory import Directory
from lightwave.directory.access.sddl import format_sddl, parse_sddl
from lightwave.directory.access.sid import AUTHENTICATED_USERS, EVERYONE, Sid, make_sid
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.operations.descriptors import descriptor_in_force, own_of, set_own_descriptor
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store

READ = "RPLCLORC"
FULL = "CCDCLCSWRPWPDTLOCRSDRCWDWO"
ANN = make_sid(5, 21, 1, 2, 3, 2001)
BOB = make_sid(5, 21, 1, 2, 3, 2002)
STAFF = make_sid(5, 21, 1, 2, 3, 2100)
"""a group"""


def put_descriptor(store: Store, schema: Schema, dn: bytes, sddl: str) -> None:
    """Gives an entry a descriptor of its own, as its next commit does it. O: and G: default to Administrators."""
    text = sddl if sddl.startswith("O:") else "O:BAG:BA" + sddl
    with store.write() as txn:
        tenant, entry_id = txn.find(normalise_dn_text(schema, dn))
        set_own_descriptor(txn, schema, tenant, entry_id, parse_sddl(text), txn.begin_change())


def describe(directory: Directory, dn: str | bytes, sddl: str) -> None:
    """The same in a fresh directory."""
    name = dn.encode() if isinstance(dn, str) else dn
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
    put_descriptor(directory.store, schema, name, sddl)


def own_sddl(directory: Directory, dn: str | bytes) -> str:
    """An entry's own descriptor."""
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        return format_sddl(own_of(txn, schema, *directory.find(dn)).descriptor)


def sddl_in_force(directory: Directory, dn: str | bytes) -> str:
    """The descriptor that decides about an entry."""
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        return format_sddl(descriptor_in_force(txn, schema, *directory.find(dn)))


def token_of(
    directory: Directory, sid: Sid = ANN, *groups: Sid, dn: str | bytes | None = None, tenant: int = 0
) -> Token:
    """Who has this SID and is in these groups; `dn` is his entry, if he has one."""
    entry_id = None if dn is None else directory.find(dn)[1]
    entries: Iterable[int] = () if entry_id is None else (entry_id,)
    return Token(
        tenant=tenant or directory.tree.tenant,
        entry_id=1 << 40 if entry_id is None else entry_id,
        guid=bytes(16),
        dn=b"",
        is_administrator=False,
        is_anonymous=False,
        authenticated_by=AuthenticatedBy.PASSWORD,
        sid=sid,
        sids=frozenset({sid, *groups, AUTHENTICATED_USERS, EVERYONE}),
        entry_ids=frozenset(entries),
    )
