"""What an account or group is to access control, as Active Directory's clients ask it.

tokenGroups ([MS-ADTS] 3.1.1.4.5.19): the SIDs of all security groups that an entry belongs to, nested ones and the
primary group included. tokenGroupsGlobalAndUniversal (3.1.1.4.5.21): without those of domain local groups.
msDS-PrincipalName (3.1.1.4.5.24): the domain's short name with the account's, or the SID of what has no name.
Unlike there they are answered in a search of any scope.
"""

from __future__ import annotations

from typing import Final

from lightwave.directory.access.membership import GROUP_TYPE, security_groups, sid_of
from lightwave.directory.access.sid import format_sid
from lightwave.directory.ldap.dn import parse_dn
from lightwave.directory.operations.ad_attributes import SAM_ACCOUNT_NAME
from lightwave.directory.operations.subject import Subject
from lightwave.directory.store.record import CONTEXT

_LOCAL: Final = 0x4  # [MS-ADTS] 2.2.12
_DOMAIN_COMPONENTS = frozenset(("dc", "domaincomponent", "0.9.2342.19200300.100.1.25"))


def token_groups(subject: Subject) -> list[bytes]:
    """The SIDs of all groups that grant the entry rights."""
    return _groups(subject, with_local=True)


def token_groups_global_and_universal(subject: Subject) -> list[bytes]:
    """The same without domain local groups."""
    return _groups(subject, with_local=False)


def _groups(subject: Subject, *, with_local: bool) -> list[bytes]:
    txn = subject.txn
    if sid_of(txn, subject.record) is None:
        return []
    number = txn.attribute_number(GROUP_TYPE)
    found: dict[bytes, None] = {}
    for _, record in security_groups(txn, subject.tenant, subject.entry_id):
        values = [] if number is None else record.values(number)
        is_local = bool(values) and bool(int(values[0]) & _LOCAL)
        sid = sid_of(txn, record)
        if sid is not None and (with_local or not is_local):
            found[sid] = None
    return list(found)


def principal_name(subject: Subject) -> list[bytes]:
    """EXAMPLE\\ada; S-1-… of what has a SID and no sAMAccountName."""
    sid = sid_of(subject.txn, subject.record)
    if sid is None or subject.record.flags & CONTEXT:
        return []
    names = subject.stored(SAM_ACCOUNT_NAME)
    if not names:
        return [format_sid(sid).encode()]
    rdns = parse_dn(subject.txn.dn(subject.tenant, subject.entry_id, subject.record))
    top = len(rdns)
    while top and rdns[top - 1][0].type.lower() in _DOMAIN_COMPONENTS:
        top -= 1
    if top == len(rdns):
        return [names[0]]
    return [rdns[top][0].value.upper() + b"\\" + names[0]]
