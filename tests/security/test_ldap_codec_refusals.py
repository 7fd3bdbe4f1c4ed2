"""Inputs that the LDAP codec and session must refuse, by their numbers.

Most were vulnerabilities elsewhere.
"""

import io
import time
import tracemalloc

import pytest

from lightwave.directory.ldap import ldif
from lightwave.directory.ldap.client_messages import Result, decode_response, encode_request
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.decoding import LDAPMessage, decode_message
from lightwave.directory.ldap.dn import DNSyntaxError, format_dn, parse_dn
from lightwave.directory.ldap.extended import START_TLS
from lightwave.directory.ldap.filters import (
    And,
    Filter,
    FilterSyntaxError,
    Not,
    Present,
    decode_filter,
    encode_filter,
    parse_filter,
)
from lightwave.directory.ldap.limits import DecodeLimits, SessionLimits
from lightwave.directory.ldap.requests import (
    AbandonRequest,
    AddRequest,
    BindRequest,
    DeleteRequest,
    ExtendedRequest,
    SearchRequest,
    SimpleCredentials,
)
from lightwave.directory.ldap.result import RequestError, ResultCode
from lightwave.directory.ldap.session import Event, Refused, ServerSession
from lightwave.wire import ber

WHO = encode_request(9, ExtendedRequest("1.3.6.1.4.1.4203.1.11.3"))


def search(node: bytes, message_id: int = 1) -> bytes:
    """A search request around an encoded filter."""
    head = b"\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"
    body = ber.encode_sequence(head, node, b"\x30\x00", tag=0x63)
    return ber.encode_sequence(ber.encode_integer(message_id), body)


def large_session() -> ServerSession:
    return ServerSession(SessionLimits(max_pdu=16 * 1024 * 1024))


def refusals(events: list[Event]) -> list[Refused]:
    """The events, each of which must be a refusal."""
    refused = [event for event in events if isinstance(event, Refused)]
    assert len(refused) == len(events)
    return refused


def answers(session: ServerSession) -> list[Result]:
    """What the session said by itself."""
    sent = session.data_to_send()
    results = []
    pos = 0
    while pos < len(sent):
        _, _, stop = ber.read_header(sent, pos, len(sent))
        response = decode_response(sent[pos:stop]).response
        assert isinstance(response, Result)
        results.append(response)
        pos = stop
    return results


def nest(depth: int) -> bytes:
    """(!(!(...(objectClass=*)))), innermost first so that it costs linear time."""
    parts = [ber.encode_tlv(0x87, b"objectClass")]
    size = len(parts[0])
    for _ in range(depth):
        header = b"\xa2" + ber.encode_length(size)
        parts.append(header)
        size += len(header)
    return b"".join(reversed(parts))


def test_neg_001_deeply_nested_filter() -> None:
    session = large_session()
    started = time.process_time()
    events = session.receive_data(search(nest(100_000)))
    assert time.process_time() - started < 0.5
    (result,) = refusals(events)
    assert result.code == ResultCode.PROTOCOL_ERROR
    assert session.closing is None  # it cost the request, not the session
    assert len(session.receive_data(WHO)) == 1


def test_neg_001_nesting_at_the_bound() -> None:
    limits = DecodeLimits()
    decode_filter(nest(limits.filter_depth - 1), 0, len(nest(limits.filter_depth - 1)), limits)
    with pytest.raises(RequestError):
        decode_filter(nest(limits.filter_depth), 0, len(nest(limits.filter_depth)), limits)


def test_neg_001_nested_filter_text() -> None:
    with pytest.raises(FilterSyntaxError):
        parse_filter("(!" * 100_000 + "(a=*)" + ")" * 100_000)


def test_neg_002_filter_of_a_million_children() -> None:
    session = large_session()
    started = time.process_time()
    events = session.receive_data(search(ber.encode_tlv(0xA0, b"\xa0\x00" * 1_000_000)))
    assert time.process_time() - started < 0.5
    (result,) = refusals(events)
    assert result.code == ResultCode.PROTOCOL_ERROR


def test_neg_003_huge_length_claim_is_refused_at_the_header() -> None:
    session = large_session()
    tracemalloc.start()
    assert session.receive_data(b"\x30\x84\xff\xff\xff\xff" + b"\x02\x01\x01\x63") == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
    assert session.closing is not None
    assert session.closing.code == ResultCode.PROTOCOL_ERROR


def test_neg_003_what_is_kept_is_what_came() -> None:
    session = large_session()
    assert session.receive_data(b"\x30\x83\xf0\x00\x00" + bytes(10)) == []
    assert session.closing is None
    assert len(session._buffer) == 15


def test_neg_004_indefinite_lengths() -> None:
    session = large_session()
    assert session.receive_data(b"\x30\x80" * 10_000) == []
    assert session.closing is not None
    nested = search(b"\xa2\x80" * 10_000)
    session = large_session()
    assert session.receive_data(nested) == []
    assert session.closing is not None


@pytest.mark.parametrize(
    ("pdu", "accepted"),
    [
        (b"\x30\x05\x02\x01\x01\x42\x00", True),
        # A length in more octets than it needs is BER (X.690 8.1.3.5), and what Windows' client sends.
        (b"\x30\x84\x00\x00\x00\x05\x02\x01\x01\x42\x00", True),
        (b"\x30\x09\x02\x84\x00\x00\x00\x01\x01\x42\x00", True),
        # An integer is not (X.690 8.3.2).
        (b"\x30\x06\x02\x02\x00\x01\x42\x00", False),
        # Five length octets are more than anything needs.
        (b"\x30\x85\x00\x00\x00\x00\x05\x02\x01\x01\x42\x00", False),
        # An element that is longer than what holds it.
        (b"\x30\x05\x02\x01\x01\x42\x01", False),
        # Octets after the last component that are no elements.
        (b"\x30\x06\x02\x01\x01\x42\x00\x00", False),
        # Octets after the PDU that begin no message.
        (b"\x30\x05\x02\x01\x01\x42\x01\x00", False),
        # A tag of several octets.
        (b"\x30\x06\x02\x01\x01\x5f\x02\x00", False),
        # No request; a response; nothing.
        (b"\x30\x05\x02\x01\x01\x7f\x00", False),
        (b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00", False),
        (b"\x30\x00", False),
        (b"GET / HTTP/1.1\r\n\r\n", False),
        (b"\x16\x03\x01\x02\x00\x01", False),
    ],
)
def test_neg_005_one_verdict_on_every_path(pdu: bytes, accepted: bool) -> None:
    whole = ServerSession(SessionLimits())
    bytewise = ServerSession(SessionLimits())
    events = whole.receive_data(pdu)
    single = [event for octet in pdu for event in bytewise.receive_data(bytes((octet,)))]
    assert events == single
    assert bool(events) is accepted
    assert (whole.closing is None) is accepted
    assert whole.closing == bytewise.closing
    try:
        decode_message(pdu)
    except ber.BerError:
        assert not accepted
    else:
        assert accepted


def test_neg_005_octets_after_a_pdu_end_the_session_after_it() -> None:
    session = ServerSession(SessionLimits())
    events = session.receive_data(WHO + b"\x00")
    assert [event.message_id for event in events] == [9]
    assert session.closing is not None


def test_neg_006_object_identifier_of_a_million_octets() -> None:
    long = b"\x06\x83\x0f\x42\x40" + b"\xff" * 999_999 + b"\x01"
    started = time.process_time()
    with pytest.raises(ber.BerError):
        ber.decode_oid(long, 5, len(long))
    arc = b"\x2a" + b"\xff" * 100 + b"\x01"
    with pytest.raises(ber.BerError):
        ber.decode_oid(arc, 0, len(arc))
    oid = "1." + "9" * 1_000_000
    for request, controls in (
        (ExtendedRequest(oid), ()),
        (DeleteRequest(b"cn=a"), (Control(oid, True),)),
    ):
        session = large_session()
        events = session.receive_data(encode_request(1, request, controls))
        assert [result.code for result in refusals(events)] == [ResultCode.PROTOCOL_ERROR]
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "number", [b"\x02\x01\x00", b"\x02\x05\x00\x80\x00\x00\x00", b"\x02\x01\xff", b"\x02\x00"]
)
def test_neg_007_message_ids_out_of_range(number: bytes) -> None:
    session = ServerSession(SessionLimits())
    assert session.receive_data(ber.encode_sequence(number, b"\x4a\x00")) == []
    assert session.closing is not None
    (notice,) = answers(session)
    assert (notice.code, notice.oid) == (ResultCode.PROTOCOL_ERROR, "1.3.6.1.4.1.1466.20036")


def test_neg_007_message_id_in_flight() -> None:
    session = ServerSession(SessionLimits())
    assert len(session.receive_data(WHO)) == 1
    assert session.receive_data(WHO) == []
    assert session.closing is not None
    session = ServerSession(SessionLimits())
    for _ in range(3):
        assert len(session.receive_data(WHO)) == 1
        session.finish(9)
    assert session.closing is None


@pytest.mark.parametrize(
    "text",
    [
        b"cn=a<b",
        b'cn=a"b',
        b"cn=a\\",
        b"cn=a\\g0",
        b"cn=a\\4",
        b"cn=#0",
        b"cn=#040",
        b"cn=#",
        b"cn=#04024869zz",
        b"cn=#048000",
        b'cn="a',
        b"cn=\xc0\xaf",
        b"cn=\\c0\\af",
        b"cn=\\ed\\a0\\80",
        b"cn=a\x00",
        b"cn",
        b"=a",
        b"cn=a,",
        b",cn=a",
        b"cn=a,,dc=b",
        b"cn=a+",
        b"c n=a",
        b"1=a",
        b"01.2=a",
        b"cn;lang-de=a",
        b"c\xc3\xb6=a",
        b",".join([b"dc=a"] * 10_000),
        b"+".join([b"cn=a"] * 17),
        b"cn=" + b"a" * 70_000,
    ],
)
def test_neg_009_malformed_names(text: bytes) -> None:
    started = time.process_time()
    with pytest.raises(DNSyntaxError) as caught:
        parse_dn(text)
    assert caught.value.code == ResultCode.INVALID_DN_SYNTAX
    assert time.process_time() - started < 0.5


def test_neg_009_spellings_of_one_name_become_one() -> None:
    spellings = [
        b"cn=a b,dc=x",
        b"cn = a b ; dc= x",
        b'cn="a b",dc=x',
        b"cn=#0403612062,dc=x",
        b"cn=\\61\\20b,dc=x",
        b"cn=a\\ b,dc=\\78",
    ]
    assert {format_dn(parse_dn(text)) for text in spellings} == {b"cn=a b,dc=x"}


BIND = encode_request(1, BindRequest(3, b"cn=admin", SimpleCredentials(b"secret")))
TLS = encode_request(2, ExtendedRequest(START_TLS))


def test_neg_015_plaintext_after_starttls_is_discarded() -> None:
    session = ServerSession(SessionLimits())
    injected = encode_request(3, DeleteRequest(b"cn=victim"))
    events = session.receive_data(TLS + injected)
    assert [event.message_id for event in events] == [2]
    assert session.receive_data(injected) == []
    session.finish(2)
    session.tls_started()
    assert session.receive_data(b"") == []
    assert [event.message_id for event in session.receive_data(WHO)] == [9]


def test_neg_015_half_a_request_after_starttls_is_discarded_too() -> None:
    session = ServerSession(SessionLimits())
    session.receive_data(TLS + WHO[:5])
    session.finish(2)
    session.tls_started()
    assert [event.message_id for event in session.receive_data(WHO)] == [9]


def test_neg_015_starttls_twice() -> None:
    session = ServerSession(SessionLimits())
    session.receive_data(TLS)
    session.finish(2)
    session.tls_started()
    events = session.receive_data(TLS)
    assert [result.code for result in refusals(events)] == [ResultCode.OPERATIONS_ERROR]


def test_neg_015_starttls_while_a_bind_is_in_progress() -> None:
    session = ServerSession(SessionLimits())
    assert [event.message_id for event in session.receive_data(BIND + TLS)] == [1]
    session.finish(1)
    events = session.receive_data(b"")
    assert [result.code for result in refusals(events)] == [ResultCode.OPERATIONS_ERROR]
    assert [event.message_id for event in session.receive_data(TLS)] == [
        2
    ]  # the bind is answered: now it may
    session = ServerSession(SessionLimits())
    session.sasl_pending = True
    events = session.receive_data(TLS)
    assert [result.code for result in refusals(events)] == [ResultCode.OPERATIONS_ERROR]


def test_neg_015_starttls_with_operations_outstanding() -> None:
    session = ServerSession(SessionLimits())
    request, *events = session.receive_data(WHO + TLS)
    assert request.message_id == 9
    assert [result.code for result in refusals(events)] == [ResultCode.OPERATIONS_ERROR]


def test_neg_026_outstanding_operations_are_bounded() -> None:
    session = ServerSession(SessionLimits(max_pdu=1024, outstanding=100))
    request = SearchRequest(b"", 2, 0, 0, 0, False, Present("objectClass"), ())
    accepted = busy = 0
    for message_id in range(1, 20_001):
        (event,) = session.receive_data(encode_request(message_id, request))
        if isinstance(event, Refused):
            assert (event.message_id, event.tag, event.code) == (message_id, 0x65, ResultCode.BUSY)
            busy += 1
        else:
            accepted += 1
    assert (accepted, busy) == (100, 19_900)
    assert len(session.outstanding) == 100
    (event,) = session.receive_data(encode_request(20_001, AbandonRequest(1)))
    assert isinstance(event, LDAPMessage)
    session.finish(1)
    (event,) = session.receive_data(encode_request(20_002, request))
    assert isinstance(event, LDAPMessage)


def test_neg_026_requests_held_during_a_bind_are_bounded() -> None:
    session = ServerSession(SessionLimits(max_held=10_000))
    session.receive_data(BIND)
    for _ in range(1_000):
        assert session.receive_data(WHO) == []
        assert len(session._buffer) <= 10_000
    assert session.closing is not None


@pytest.mark.parametrize(
    "text",
    [
        b"dn: cn=a\nuserPassword:< file:///etc/shadow\n",
        b"dn: cn=a\nchangetype: add\njpegPhoto:<http://169.254.169.254/\n",
        b"dn:< file:///etc/shadow\n",
        b"dn: cn=a\ncontrol: 1.2.3 true:< file:///etc/shadow\nchangetype: delete\n",
        b"dn: cn=a\nuserPassword:\n < file:///etc/shadow\n",
    ],
)
def test_neg_028_ldif_values_by_url(text: bytes) -> None:
    if b":\n <" in text:
        # Folded, it is `:` and then `< file...` without a space: still by URL.
        assert b":<" in text.replace(b"\n ", b"")
    with pytest.raises(ldif.LdifError) as caught:
        list(ldif.read_ldif(io.BytesIO(text)))
    assert "shadow" not in str(caught.value)


def test_neg_030_value_of_100_megabytes() -> None:
    session = large_session()
    assert session.receive_data(b"\x30\x84\x06\x00\x00\x00\x02\x01\x01\x68") == []
    assert session.closing is not None
    session = large_session()
    session.limits.decode = DecodeLimits(value_size=1_000_000)
    big = AddRequest(b"cn=a", (("description", (bytes(1_000_001),)),))
    events = session.receive_data(encode_request(1, big))
    assert [result.code for result in refusals(events)] == [ResultCode.PROTOCOL_ERROR]


def test_neg_030_a_million_values() -> None:
    session = large_session()
    values = b"\x04\x01a" * 1_000_000
    attribute = ber.encode_sequence(b"\x04\x02cn", ber.encode_tlv(0x31, values))
    add = ber.encode_sequence(b"\x04\x04cn=a", ber.encode_sequence(attribute), tag=0x68)
    started = time.process_time()
    events = session.receive_data(ber.encode_sequence(b"\x02\x01\x01", add))
    assert time.process_time() - started < 0.5
    assert [result.code for result in refusals(events)] == [ResultCode.PROTOCOL_ERROR]


def test_neg_030_ldif_record_too_long() -> None:
    text = b"dn: cn=a\ndescription: " + b"x" * 3_000_000
    with pytest.raises(ldif.LdifError):
        list(ldif.read_ldif(io.BytesIO(text), max_record=1_000_000))


def test_filters_at_their_bounds_can_be_walked() -> None:
    node: Filter = Present("objectClass")
    for _ in range(31):
        node = And((Not(node),))
    encoded = encode_filter(node)
    assert decode_filter(encoded, 0, len(encoded))[0] == node
    assert hash(node) == hash(decode_filter(encoded, 0, len(encoded))[0])
