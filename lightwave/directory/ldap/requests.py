"""LDAP requests as values (RFC 4511 section 4).

DNs and values are octets as on the wire; attribute descriptions and OIDs are text. No secret is in a repr.
The dataclasses have slots but are not frozen, since they are made for every request; nobody changes one.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from lightwave.directory.ldap.filters import Filter

TAG_BIND_REQUEST: Final = 0x60
TAG_UNBIND_REQUEST: Final = 0x42
TAG_SEARCH_REQUEST: Final = 0x63
TAG_MODIFY_REQUEST: Final = 0x66
TAG_ADD_REQUEST: Final = 0x68
TAG_DELETE_REQUEST: Final = 0x4A
TAG_MODIFY_DN_REQUEST: Final = 0x6C
TAG_COMPARE_REQUEST: Final = 0x6E
TAG_ABANDON_REQUEST: Final = 0x50
TAG_EXTENDED_REQUEST: Final = 0x77

SCOPE_BASE: Final = 0
SCOPE_ONE: Final = 1
SCOPE_SUBTREE: Final = 2
SCOPE_SUBORDINATE: Final = 3  # draft-sermersheim-ldap-subordinate-scope; OpenLDAP's `children`


@dataclass(slots=True)
class SimpleCredentials:
    """simple [0] OCTET STRING"""

    password: bytes = field(repr=False)


# SaslCredentials ::= SEQUENCE { mechanism LDAPString, credentials OCTET STRING OPTIONAL }
@dataclass(slots=True)
class SaslCredentials:
    """sasl [3].

    `credentials` is None when absent, which is not the same as empty (RFC 4513 section 5.2.1.5).
    """

    mechanism: str
    credentials: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class UnknownCredentials:
    """Another alternative of AuthenticationChoice: the bind fails with authMethodNotSupported, but it is a
    bind.

    It must reach the operation, since a bind that fails makes the session anonymous (RFC 4513 section 4).
    """

    tag: int


# BindRequest ::= [APPLICATION 0] SEQUENCE { version INTEGER (1..127), name LDAPDN, authentication ... }
@dataclass(slots=True)
class BindRequest:
    """RFC 4511 section 4.2."""

    version: int
    name: bytes
    authentication: SimpleCredentials | SaslCredentials | UnknownCredentials


@dataclass(slots=True)
class UnbindRequest:
    """[APPLICATION 2] NULL (RFC 4511 section 4.3)"""


# SearchRequest ::= [APPLICATION 3] SEQUENCE { baseObject LDAPDN, scope, derefAliases ENUMERATED,
#     sizeLimit, timeLimit INTEGER (0 .. maxInt), typesOnly BOOLEAN, filter Filter, attributes SEQUENCE OF }
@dataclass(slots=True)
class SearchRequest:
    """RFC 4511 section 4.5.1; limits of 0 mean none asked for, `time_limit` is in seconds."""

    base: bytes
    scope: int
    deref: int
    size_limit: int
    time_limit: int
    types_only: bool
    filter: Filter
    attributes: tuple[str, ...]


class ModifyKind(IntEnum):
    """operation of a change (RFC 4511 section 4.6; increment is RFC 4525)"""

    ADD = 0
    DELETE = 1
    REPLACE = 2
    INCREMENT = 3


@dataclass(slots=True)
class Modification:
    """change SEQUENCE { operation ENUMERATED, modification PartialAttribute }"""

    kind: ModifyKind
    attribute: str
    values: tuple[bytes, ...] = field(repr=False)


@dataclass(slots=True)
class ModifyRequest:
    """[APPLICATION 6] SEQUENCE { object LDAPDN, changes SEQUENCE OF change } (RFC 4511 section 4.6)"""

    dn: bytes
    changes: tuple[Modification, ...]


@dataclass(slots=True)
class AddRequest:
    """[APPLICATION 8] SEQUENCE { entry LDAPDN, attributes SEQUENCE OF Attribute } (RFC 4511 section 4.7)"""

    dn: bytes
    attributes: tuple[tuple[str, tuple[bytes, ...]], ...] = field(repr=False)


@dataclass(slots=True)
class DeleteRequest:
    """[APPLICATION 10] LDAPDN (RFC 4511 section 4.8)"""

    dn: bytes


# ModifyDNRequest ::= [APPLICATION 12] SEQUENCE { entry LDAPDN, newrdn RelativeLDAPDN,
#     deleteoldrdn BOOLEAN, newSuperior [0] LDAPDN OPTIONAL }
@dataclass(slots=True)
class ModifyDNRequest:
    """RFC 4511 section 4.9; `new_superior` is None when absent, the empty DN is the root."""

    dn: bytes
    new_rdn: bytes
    delete_old_rdn: bool
    new_superior: bytes | None = None


@dataclass(slots=True)
class CompareRequest:
    """[APPLICATION 14] SEQUENCE { entry LDAPDN, ava AttributeValueAssertion } (RFC 4511 section 4.10)"""

    dn: bytes
    attribute: str
    value: bytes = field(repr=False)


@dataclass(slots=True)
class AbandonRequest:
    """[APPLICATION 16] MessageID (RFC 4511 section 4.11)"""

    message_id: int


@dataclass(slots=True)
class ExtendedRequest:
    """[APPLICATION 23] SEQUENCE { requestName [0], requestValue [1] OPTIONAL } (RFC 4511 section 4.12)"""

    oid: str
    value: bytes | None = field(default=None, repr=False)


Request = (
    BindRequest
    | UnbindRequest
    | SearchRequest
    | ModifyRequest
    | AddRequest
    | DeleteRequest
    | ModifyDNRequest
    | CompareRequest
    | AbandonRequest
    | ExtendedRequest
)
