"""LDAP messages: octets by hand, what is ignored, what is refused, and that no secret shows."""

import pytest

from lightwave.directory.ldap import messages as m
from lightwave.directory.ldap.client_messages import (
    Intermediate,
    Result,
    SearchReference,
    decode_response,
    encode_request,
)
from lightwave.directory.ldap.controls import (
    MANAGE_DSA_IT,
    PAGED_RESULTS,
    Control,
    check_no_value,
    decode_paged,
    encode_paged,
)
from lightwave.directory.ldap.extended import CANCEL, decode_cancel, encode_cancel
from lightwave.directory.ldap.filters import Present
from lightwave.directory.ldap.limits import DecodeLimits
from lightwave.directory.ldap.result import DirectoryError, RequestError, ResultCode
from lightwave.wire.ber import BerError, encode_integer, encode_sequence, encode_tlv

ROOT_DSE = bytes.fromhex(
    "30250201016320 0400 0a0100 0a0100 020100 020100 010100 870b6f626a656374436c617373 3000"
)


def message(op: bytes, message_id: int = 1) -> bytes:
    return encode_sequence(encode_integer(message_id), op)


def test_search_by_hand() -> None:
    expected = m.SearchRequest(b"", 0, 0, 0, 0, False, Present("objectClass"), ())
    assert m.decode_message(ROOT_DSE) == m.LDAPMessage(1, expected)


def test_search_with_windows_lengths_and_large_limits() -> None:
    """Every constructed length in five octets, limits of several octets, `true` as 01."""
    op = bytes.fromhex("0400 0a0102 0a0103 020203e8 02020e10 010101 8700 308400000000")
    pdu = message(b"\x63\x84" + len(op).to_bytes(4, "big") + op)
    expected = m.SearchRequest(b"", 2, 3, 1000, 3600, True, Present(""), ())
    assert m.decode_message(pdu).request == expected


def test_bind_by_hand() -> None:
    simple = message(bytes.fromhex("600a 020103 0400 8003") + b"abc")
    request = m.decode_message(simple).request
    assert request == m.BindRequest(3, b"", m.SimpleCredentials(b"abc"))
    assert "abc" not in repr(request)
    sasl = m.decode_message(
        message(encode_tlv(0x60, bytes.fromhex("020103 0400 a30a 0408") + b"EXTERNAL"))
    ).request
    assert sasl == m.BindRequest(3, b"", m.SaslCredentials("EXTERNAL", None))
    with_empty = encode_tlv(0x60, bytes.fromhex("020103 0400 a30c 0408") + b"EXTERNAL" + b"\x04\x00")
    assert m.decode_message(message(with_empty)).request == m.BindRequest(
        3, b"", m.SaslCredentials("EXTERNAL", b"")
    )
    other = m.decode_message(message(bytes.fromhex("6007 020103 0400 8900"))).request
    assert other == m.BindRequest(3, b"", m.UnknownCredentials(0x89))


def test_unknown_components_at_the_end_are_ignored() -> None:
    unknown = b"\x9e\x02xy"
    assert m.decode_message(message(encode_tlv(0x77, b"\x80\x031.2" + unknown))).request == m.ExtendedRequest(
        "1.2"
    )
    rename = b"\x04\x01a\x04\x01b\x01\x01\xff"
    assert m.decode_message(message(encode_tlv(0x6C, rename + unknown))).request == m.ModifyDNRequest(
        b"a", b"b", True
    )
    assert m.decode_message(message(b"\x4a\x01a" + unknown)).request == m.DeleteRequest(b"a")
    with_controls = message(b"\x4a\x01a" + b"\xa0\x00" + unknown)
    assert m.decode_message(with_controls).controls == ()


def test_controls() -> None:
    controls = (Control(MANAGE_DSA_IT, True), Control(PAGED_RESULTS, False, encode_paged(10, b"c")))
    assert m.decode_message(encode_request(5, m.DeleteRequest(b"a"), controls)).controls == controls
    explicit = message(b"\x4a\x01a\xa0\x0a\x30\x08\x04\x031.2\x01\x01\x00")
    assert m.decode_message(explicit).controls == (Control("1.2"),)
    many = tuple([Control("1.2")] * 33)
    with pytest.raises(RequestError) as caught:
        m.decode_message(encode_request(5, m.DeleteRequest(b"a"), many))
    assert (caught.value.message_id, caught.value.response_tag) == (5, m.TAG_DELETE_RESPONSE)
    with pytest.raises(BerError):
        check_no_value(Control(MANAGE_DSA_IT, True, b""))


@pytest.mark.parametrize(
    "value", [None, b"", b"\x30\x00", b"\x30\x05\x02\x01\xff\x04\x00", b"\x30\x03\x02\x01\x01"]
)
def test_malformed_paged_values(value: bytes | None) -> None:
    with pytest.raises(BerError):
        decode_paged(value)


def test_cancel_value() -> None:
    assert decode_cancel(encode_cancel(2147483647)) == 2147483647
    for value in (None, b"", b"\x30\x00", b"\x30\x03\x02\x01\xff", b"\x30\x03\x02\x01\x01\x00"):
        with pytest.raises(BerError):
            decode_cancel(value)
    assert CANCEL == "1.3.6.1.1.8"


@pytest.mark.parametrize(
    ("op", "tag"),
    [
        (
            b"\x63\x15\x04\x00\x0a\x01\x04\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x00\x30\x00",
            0x65,
        ),
        (
            b"\x63\x15\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\xff\x02\x01\x00\x01\x01\x00\x87\x00\x30\x00",
            0x65,
        ),
        (b"\x66\x0e\x04\x00\x30\x0a\x30\x08\x0a\x01\x02\x30\x03\x04\x01a", None),  # the attribute has no set
        (b"\x66\x10\x04\x00\x30\x0c\x30\x0a\x0a\x01\x04\x30\x05\x04\x01a\x31\x00", 0x67),
        (b"\x68\x0b\x04\x00\x30\x07\x30\x05\x04\x01a\x31\x00", 0x69),
        (b"\x77\x02\x80\x00", 0x78),
    ],
)
def test_refused_but_sound(op: bytes, tag: int | None) -> None:
    with pytest.raises(BerError) as caught:
        m.decode_message(message(op, 7))
    if tag is None:
        assert not isinstance(caught.value, RequestError)
    else:
        assert isinstance(caught.value, RequestError)
        assert (caught.value.message_id, caught.value.response_tag) == (7, tag)


def test_a_bind_is_never_refused_behind_the_operations_back() -> None:
    controls = tuple([Control("1.2")] * 33)
    with pytest.raises(BerError) as caught:
        m.decode_message(encode_request(1, m.BindRequest(3, b"", m.SimpleCredentials(b"")), controls))
    assert not isinstance(caught.value, RequestError)


def test_bounds_of_writes() -> None:
    add = encode_request(1, m.AddRequest(b"", (("a", (b"1", b"2")), ("b", (b"3",)))))
    assert m.decode_message(add, DecodeLimits(values=3, attributes=2))
    for limits in (DecodeLimits(values=2), DecodeLimits(attributes=1), DecodeLimits(value_size=0)):
        with pytest.raises(RequestError):
            m.decode_message(add, limits)
    wide = encode_request(1, m.SearchRequest(b"", 0, 0, 0, 0, False, Present("a"), tuple(["cn"] * 2001)))
    with pytest.raises(RequestError):
        m.decode_message(wide)


def test_results_by_hand() -> None:
    assert m.encode_result(1, m.TAG_SEARCH_DONE, 0) == bytes.fromhex("300c02010165070a010004000400")
    assert m.encode_result(
        300, m.TAG_MODIFY_RESPONSE, ResultCode.SYNC_REFRESH_REQUIRED, b"", "é"
    ) == bytes.fromhex("3010 0202012c 670a 0a021000 0400 0402c3a9")
    assert m.encode_entry(1, b"cn=a", m.encode_partial_attribute(b"cn", [b"a"])) == bytes.fromhex(
        "3018 020101 6413 0404636e3d61 300b 3009 0402636e 3103 040161"
    )


def test_responses_read_back() -> None:
    bind = decode_response(
        m.encode_bind_result(1, ResultCode.SASL_BIND_IN_PROGRESS, server_credentials=b"x")
    ).response
    assert bind == Result(m.TAG_BIND_RESPONSE, ResultCode.SASL_BIND_IN_PROGRESS, server_credentials=b"x")
    extended = decode_response(m.encode_extended_result(1, 0, oid="1.2", value=b"")).response
    assert extended == Result(m.TAG_EXTENDED_RESPONSE, ResultCode.SUCCESS, oid="1.2", value=b"")
    assert decode_response(m.encode_reference(1, [b"ldap://a", b"ldap://b"])).response == SearchReference(
        (b"ldap://a", b"ldap://b")
    )
    assert decode_response(m.encode_intermediate(1, "1.2", b"v")).response == Intermediate("1.2", b"v")
    notice = decode_response(m.encode_notice_of_disconnection(ResultCode.UNAVAILABLE, "bye"))
    assert notice.message_id == 0
    assert isinstance(notice.response, Result)
    assert notice.response.oid == "1.3.6.1.4.1.1466.20036"
    unknown = decode_response(m.encode_result(1, m.TAG_SEARCH_DONE, 9999)).response
    assert isinstance(unknown, Result)
    assert unknown.code == 9999
    with_control = m.encode_entry(1, b"", b"", (Control("1.2", False, b"v"),))
    assert decode_response(with_control).controls == (Control("1.2", False, b"v"),)


def test_labels() -> None:
    assert ResultCode.NO_SUCH_OBJECT.label == "noSuchObject"
    assert ResultCode.INVALID_DN_SYNTAX.label == "invalidDNSyntax"
    assert ResultCode.NOT_ALLOWED_ON_NON_LEAF.label == "notAllowedOnNonLeaf"
    assert ResultCode.AFFECTS_MULTIPLE_DSAS.label == "affectsMultipleDSAs"
    error = DirectoryError(ResultCode.BUSY, "later", detail="private")
    assert "private" not in f"{error} {error!r}"
    assert str(error) == "busy: later"
