"""The session's states: what is returned, held, refused and said."""

from lightwave.directory.ldap.client_messages import Result, decode_response, encode_request
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.decoding import LDAPMessage
from lightwave.directory.ldap.extended import START_TLS
from lightwave.directory.ldap.limits import SessionLimits
from lightwave.directory.ldap.requests import (
    AbandonRequest,
    BindRequest,
    CompareRequest,
    DeleteRequest,
    ExtendedRequest,
    SimpleCredentials,
    UnbindRequest,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.ldap.session import Closing, Event, Refused, ServerSession


def compare(message_id: int, size: int = 1) -> bytes:
    return encode_request(message_id, CompareRequest(b"cn=a", "cn", b"x" * size))


def bind(message_id: int) -> bytes:
    return encode_request(message_id, BindRequest(3, b"", SimpleCredentials(b"")))


def ids(events: list[Event]) -> list[int]:
    return [event.message_id for event in events]


def session(**limits: int) -> ServerSession:
    return ServerSession(SessionLimits(**limits))  # type: ignore[arg-type]  # `decode` is not among them


def test_several_messages_in_a_chunk_and_one_in_several() -> None:
    peer = session()
    stream = compare(1) + compare(2, 300) + compare(3)
    assert ids(peer.receive_data(stream[:-5])) == [1, 2]
    assert ids(peer.receive_data(stream[-5:])) == [3]
    assert set(peer.outstanding) == {1, 2, 3}
    assert peer.data_to_send() == b""


def test_how_long_outstanding_requests_are() -> None:
    peer = session()
    short, long = compare(1), compare(2, 3_000)
    peer.receive_data(short + long[:100])
    peer.receive_data(long[100:])
    assert [peer.octets_of(number) for number in (1, 2, 3)] == [len(short), len(long), 0]
    assert [peer.tag_of(number) for number in (1, 2, 3)] == [0x6F, 0x6F, None]
    peer.stands_for(1, 70_000)
    peer.stands_for(3, 70_000)
    assert [peer.octets_of(number) for number in (1, 3)] == [70_000, 0]
    assert peer.tag_of(1) == 0x6F
    peer.finish(1)
    assert (peer.octets_of(1), peer.tag_of(1), set(peer.outstanding)) == (0, None, {2})


def test_events_come_before_the_error_that_follows_them() -> None:
    peer = session()
    assert ids(peer.receive_data(compare(1) + b"junk")) == [1]
    assert peer.closing == Closing(ResultCode.PROTOCOL_ERROR, "not an LDAP message")
    notice = decode_response(peer.data_to_send())
    assert notice.message_id == 0
    assert peer.data_to_send() == b""
    assert peer.receive_data(compare(2)) == []


def test_nothing_is_decoded_while_a_bind_is_in_progress() -> None:
    peer = session()
    assert ids(peer.receive_data(bind(1) + compare(2) + bind(3) + compare(4)[:4])) == [1]
    assert peer.is_holding
    assert peer.receive_data(b"") == []
    assert peer.receive_data(compare(4)[4:]) == []
    peer.finish(1)
    assert ids(peer.receive_data(b"")) == [2, 3]
    peer.finish(2)
    assert peer.is_holding
    peer.finish(3)
    assert ids(peer.receive_data(b"")) == [4]
    assert not peer.is_holding


def test_a_bind_is_taken_though_others_are_outstanding_to_the_limit() -> None:
    peer = session(outstanding=1)
    assert ids(peer.receive_data(compare(1))) == [1]
    assert peer.receive_data(compare(2)) == [
        Refused(2, 0x6F, ResultCode.BUSY, "too many requests are outstanding")
    ]
    (event,) = peer.receive_data(bind(3))
    assert isinstance(event, LDAPMessage)


def test_unbind_ends_without_a_notice() -> None:
    peer = session()
    events = peer.receive_data(encode_request(1, UnbindRequest()) + compare(2))
    assert ids(events) == [1]
    assert peer.is_ended
    assert peer.closing is None
    assert peer.data_to_send() == b""


def test_abandon_is_never_outstanding() -> None:
    peer = session(outstanding=1)
    peer.receive_data(compare(1))
    assert ids(peer.receive_data(encode_request(2, AbandonRequest(1)))) == [2]
    assert set(peer.outstanding) == {1}


def test_a_refused_request_costs_itself_only() -> None:
    peer = session()
    controls = tuple([Control("1.2")] * 40)
    stream = compare(1) + encode_request(2, DeleteRequest(b"cn=a"), controls) + compare(3)
    events = peer.receive_data(stream)
    assert ids(events) == [1, 2, 3]
    assert events[1] == Refused(2, 0x6B, ResultCode.PROTOCOL_ERROR, "too many controls")
    peer.receive_data(encode_request(1, DeleteRequest(b"cn=a"), controls))
    assert peer.closing == Closing(ResultCode.PROTOCOL_ERROR, "message id in use")


def test_a_message_may_be_as_long_as_the_limit() -> None:
    size = len(compare(1, 900))
    peer = session(max_pdu=size)
    assert ids(peer.receive_data(compare(1, 900))) == [1]
    assert peer.receive_data(compare(2, 901)[:8]) == []
    assert peer.closing == Closing(ResultCode.PROTOCOL_ERROR, "message too long")
    peer = session(max_pdu=size)
    peer.limits.max_pdu += 1
    assert ids(peer.receive_data(compare(2, 901))) == [2]


def test_refused_starttls_leaves_the_session_as_it_was() -> None:
    peer = session()
    tls = encode_request(1, ExtendedRequest(START_TLS))
    assert ids(peer.receive_data(tls)) == [1]
    peer.finish(1)
    peer.tls_refused()
    assert not peer.tls_active
    assert ids(peer.receive_data(compare(2))) == [2]


def test_starttls_over_ldaps() -> None:
    peer = ServerSession(SessionLimits(), tls_active=True)
    assert peer.receive_data(encode_request(1, ExtendedRequest(START_TLS))) == [
        Refused(1, 0x78, ResultCode.OPERATIONS_ERROR, "StartTLS is not possible now")
    ]


def test_disconnecting_says_why_once() -> None:
    peer = session()
    peer.receive_data(compare(1))
    peer.disconnect(ResultCode.UNAVAILABLE, "shutting down")
    peer.disconnect(ResultCode.BUSY, "again")
    assert peer.closing == Closing(ResultCode.UNAVAILABLE, "shutting down")
    response = decode_response(peer.data_to_send()).response
    assert isinstance(response, Result)
    assert response.code == ResultCode.UNAVAILABLE
    peer.finish(1)
    assert peer.receive_data(compare(2)) == []
