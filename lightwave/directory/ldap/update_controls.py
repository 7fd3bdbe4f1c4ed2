"""Values of the controls that go with updates, and of their responses.

Pre-read and post-read (RFC 4527) and the transaction specification (RFC 5805 §2.2) have one; tree delete
([MS-ADTS] 3.1.1.3.4.1.15), permissive modify ([MS-ADTS] 3.1.1.3.4.1.8) and relax rules
(draft-zeilenga-ldap-relax-03) have none. Decoders raise BerError for octets that the definition does not allow.
"""

from __future__ import annotations

from typing import Final

from lightwave.directory.ldap.controls import Control, encode_controls
from lightwave.directory.ldap.filters import decode_text
from lightwave.wire.ber import (
    BerError,
    decode_boolean,
    encode_integer,
    encode_octet_string,
    encode_sequence,
    encode_tlv,
    read_element,
    read_header,
)

PRE_READ: Final = "1.3.6.1.1.13.1"
POST_READ: Final = "1.3.6.1.1.13.2"
TREE_DELETE: Final = "1.2.840.113556.1.4.805"
PERMISSIVE_MODIFY: Final = "1.2.840.113556.1.4.1413"
RELAX_RULES: Final = "1.3.6.1.4.1.4203.666.5.12"
TRANSACTION: Final = "1.3.6.1.1.21.2"

MOST_ATTRIBUTES: Final = 2_000
"""attributes that one control may ask for, as a search"""
IDENTIFIER_SIZE: Final = 16
"""octets of a transaction's identifier: only the server makes them, so it knows"""


# AttributeSelection ::= SEQUENCE OF selector LDAPString (RFC 4511 §4.5.1)
def decode_attribute_selection(control: Control) -> tuple[str, ...]:
    """RFC 4527 §3: what of the entry is wanted; nothing named means all user attributes, as in a search."""
    value = control.value
    if value is None:
        raise BerError("control without value")
    pos, end = read_element(value, 0, len(value), 0x30)
    if end != len(value):
        raise BerError("octets after the control value")
    names: list[str] = []
    while pos < end:
        start, pos = read_element(value, pos, end, 0x04)
        if len(names) == MOST_ATTRIBUTES:
            raise BerError("too many attributes")
        names.append(decode_text(value[start:pos]))
    return tuple(names)


def encode_read_entry(oid: str, dn: bytes, attributes: bytes) -> Control:
    """The response of pre-read or post-read: a SearchResultEntry; `attributes` are encoded PartialAttributes."""
    entry = encode_sequence(encode_octet_string(dn), encode_tlv(0x30, attributes), tag=0x64)
    return Control(oid, False, entry)


def decode_transaction(control: Control) -> bytes:
    """RFC 5805 §2.2: the identifier of the transaction that an update belongs to. The control is critical."""
    if not control.critical:
        raise BerError("the transaction specification must be critical")
    if control.value is None or len(control.value) != IDENTIFIER_SIZE:
        raise BerError("not an identifier of a transaction")
    return control.value


# txnEndReq ::= SEQUENCE { commit BOOLEAN DEFAULT TRUE, identifier OCTET STRING }
def decode_transaction_end(value: bytes | None) -> tuple[bool, bytes]:
    """RFC 5805 §2.3: (whether to commit, the identifier)."""
    if value is None:
        raise BerError("request without value")
    pos, end = read_element(value, 0, len(value), 0x30)
    if end != len(value):
        raise BerError("octets after the request value")
    commit = True
    tag, start, stop = read_header(value, pos, end)
    if tag == 0x01:
        commit = decode_boolean(value, start, stop)
        pos = stop
    start, stop = read_element(value, pos, end, 0x04)
    if stop != end:
        raise BerError("octets after the identifier")
    return commit, value[start:stop]


# txnEndRes ::= SEQUENCE { messageID MessageID OPTIONAL,
#     updatesControls SEQUENCE OF updateControls SEQUENCE { messageID MessageID, controls Controls } OPTIONAL }
def encode_transaction_end(
    failed: int | None, controls: list[tuple[int, tuple[Control, ...]]]
) -> bytes | None:
    """RFC 5805 §2.3: the message id of the update that failed, the response controls by message id.

    None where there is neither. `controls` is [0] of an LDAPMessage, which is the tag that slapd and its library
    write here too.
    """
    if failed is None and not controls:
        return None
    first = b"" if failed is None else encode_integer(failed)
    updates = b"".join(
        encode_sequence(encode_integer(number), encode_controls(one)) for number, one in controls
    )
    return encode_sequence(first, encode_tlv(0x30, updates) if controls else b"")
