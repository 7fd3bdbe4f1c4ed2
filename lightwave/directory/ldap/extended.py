"""Extended operations: their OIDs and the values of requests and responses. Codec only.

Each decoder raises BerError when the octets are not what the operation's definition says.
"""

from typing import Final

from lightwave.directory.ldap.controls import MAX_INT
from lightwave.wire.ber import (
    BerError,
    check_elements,
    decode_integer,
    encode_integer,
    encode_octet_string,
    encode_sequence,
    read_element,
    read_header,
)

START_TLS: Final = "1.3.6.1.4.1.1466.20037"  # RFC 4511 section 4.14
WHO_AM_I: Final = "1.3.6.1.4.1.4203.1.11.3"  # RFC 4532
CANCEL: Final = "1.3.6.1.1.8"  # RFC 3909
PASSWORD_MODIFY: Final = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105  RFC 3062; an OID, not a password
START_TRANSACTION: Final = "1.3.6.1.1.21.1"  # RFC 5805 section 2.1
END_TRANSACTION: Final = "1.3.6.1.1.21.3"  # RFC 5805 section 2.3
ABORTED_TRANSACTION: Final = "1.3.6.1.1.21.4"  # RFC 5805 section 2.4
NOTICE_OF_DISCONNECTION: Final = "1.3.6.1.4.1.1466.20036"  # RFC 4511 section 4.4.1


def check_no_value(value: bytes | None) -> None:
    """Raise BerError if a request that is defined without a value has one (StartTLS, Who am I)."""
    if value is not None:
        raise BerError("request value must be absent")


# cancelRequestValue ::= SEQUENCE { cancelID MessageID }
def decode_cancel(value: bytes | None) -> int:
    """RFC 3909 section 2.1 value -> the message id of the operation to cancel."""
    if value is None:
        raise BerError("cancel request without value")
    pos, end = read_element(value, 0, len(value), 0x30)
    if end != len(value):
        raise BerError("octets after the request value")
    start, stop = read_element(value, pos, end, 0x02)
    message_id = decode_integer(value, start, stop)
    if not 0 <= message_id <= MAX_INT:
        raise BerError("message id out of range")
    check_elements(value, stop, end)
    return message_id


def encode_cancel(message_id: int) -> bytes:
    """RFC 3909 section 2.1 value."""
    return encode_sequence(encode_integer(message_id))


# PasswdModifyRequestValue ::= SEQUENCE { userIdentity [0] OCTET STRING OPTIONAL,
#     oldPasswd [1] OCTET STRING OPTIONAL, newPasswd [2] OCTET STRING OPTIONAL }
def decode_password_modify(value: bytes | None) -> tuple[bytes | None, bytes | None, bytes | None]:
    """RFC 3062 section 2.1 value -> (user, old password, new password), None for each that is absent."""
    if value is None:
        return None, None, None
    pos, end = read_element(value, 0, len(value), 0x30)
    if end != len(value) or pos == end:
        raise BerError("a password modify request with a value has at least one field")
    fields: list[bytes | None] = [None, None, None]
    last = -1
    while pos < end:
        tag, start, pos = read_header(value, pos, end)
        if not last < tag - 0x80 < len(fields):
            raise BerError("not a field of a password modify request")
        last = tag - 0x80
        fields[last] = value[start:pos]
    return fields[0], fields[1], fields[2]


def encode_generated_password(password: bytes) -> bytes:
    """RFC 3062 section 2.2 value: PasswdModifyResponseValue ::= SEQUENCE { genPasswd [0] OCTET STRING OPTIONAL }"""
    return encode_sequence(encode_octet_string(password, 0x80))
