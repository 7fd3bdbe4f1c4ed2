"""Who may name a tombstone: only he who says by a control that he wants to see deleted entries.

For everybody else it is as if it were not there (MS-ADTS §3.1.1.3.4.1.14). All tombstones stand right below a
container of one name, which nobody can rename; so a name tells whether the record need be asked at all.
"""

from __future__ import annotations

from functools import lru_cache

from lightwave.directory.ldap.controls import SHOW_DELETED
from lightwave.directory.ldap.dn import AVA, RDN
from lightwave.directory.ldap.search_controls import SHOW_RECYCLED
from lightwave.directory.operations.context import Context
from lightwave.directory.schema.normalisation import NormalisedDN, NormalisedRDN, normalise_rdn
from lightwave.directory.schema.schema import Schema

CONTAINER: RDN = (AVA("cn", b"Deleted Objects"),)


@lru_cache(maxsize=8)
def container_name(schema: Schema) -> NormalisedRDN:
    """The RDN of the containers of tombstones."""
    return normalise_rdn(schema, CONTAINER)


def may_be_deleted(schema: Schema, name: NormalisedDN) -> bool:
    """Whether an entry of this name can be a tombstone; its record tells whether it is one."""
    return len(name) > 1 and name[1] == container_name(schema)


def shows_deleted(context: Context) -> bool:
    """Whether the request has a control that shows tombstones."""
    return context.has_control(SHOW_DELETED) or context.has_control(SHOW_RECYCLED)
