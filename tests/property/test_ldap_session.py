"""Invariants: how a stream is cut into chunks changes nothing of what comes out; whatever the octets, the
session ends by a documented protocol error at most, keeps within its bounds, and says its Notice of
Disconnection last.
"""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

import ldap_strategies as ldap
from lightwave.directory.ldap.client_messages import Result, decode_response, encode_request
from lightwave.directory.ldap.decoding import LDAPMessage
from lightwave.directory.ldap.limits import SessionLimits
from lightwave.directory.ldap.requests import ExtendedRequest, UnbindRequest
from lightwave.directory.ldap.session import Event, ServerSession


def drive(session: ServerSession, chunks: list[bytes]) -> tuple[list[Event], bytes]:
    """Feed chunks; answer each request at once, as a server with no work to do."""
    events: list[Event] = []
    sent = b""
    for chunk in chunks:
        received = session.receive_data(chunk)
        while received:
            for event in received:
                events.append(event)
                session.finish(event.message_id)
                if isinstance(event, LDAPMessage) and isinstance(event.request, ExtendedRequest):
                    session.tls_refused()
            received = session.receive_data(b"")
        sent += session.data_to_send()
        assert len(session._buffer) <= max(session.limits.max_pdu, session.limits.max_held)
    return events, sent


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


def encode_stream(messages: list[LDAPMessage]) -> bytes:
    """Ids count up: the same id twice in one chunk is an error, in two it is not."""
    return b"".join(encode_request(id_, m.request, m.controls) for id_, m in enumerate(messages, 1))


STREAMS = st.lists(ldap.messages, max_size=5).map(encode_stream)
NOISY = st.tuples(STREAMS, st.binary(max_size=30)).map(b"".join)


@settings(max_examples=60, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 5000), max_size=8))
def test_cutting_changes_nothing(stream: bytes, places: list[int]) -> None:
    whole = drive(ServerSession(SessionLimits()), [stream])
    assert drive(ServerSession(SessionLimits()), cut(stream, places)) == whole
    single = [stream[pos : pos + 1] for pos in range(len(stream))]
    assert drive(ServerSession(SessionLimits()), single) == whole


@given(st.lists(ldap.messages.filter(lambda m: not isinstance(m.request, UnbindRequest)), max_size=5))
def test_all_requests_come_out_in_order(messages: list[LDAPMessage]) -> None:
    stream = b"".join(encode_request(m.message_id, m.request, m.controls) for m in messages)
    # Answered at once, so ids may repeat; one chunk would have them in flight together.
    single = [stream[pos : pos + 1] for pos in range(len(stream))]
    assert drive(ServerSession(SessionLimits()), single)[0] == messages


@settings(max_examples=150, deadline=None)
@given(NOISY | st.binary(max_size=200), st.data())
def test_noise_ends_the_session_at_most(stream: bytes, data: st.DataObject) -> None:
    octets = bytearray(stream)
    for _ in range(data.draw(st.integers(0, 3)) if octets else 0):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    stream = bytes(octets)
    for chunks in ([stream], [stream[pos : pos + 1] for pos in range(len(stream))]):
        session = ServerSession(SessionLimits(max_pdu=4096, outstanding=3))
        _, sent = drive(session, chunks)
        if session.closing is None:
            continue
        assert session.is_ended
        assert session.receive_data(b"0\x05\x02\x01\x01B\x00") == []
        notices = []
        pos = 0
        while pos < len(sent):
            stop = pos + 2 + sent[pos + 1] if sent[pos + 1] < 0x80 else pos + 3 + sent[pos + 2]
            notices.append(decode_response(sent[pos:stop]))
            pos = stop
        last = notices[-1]
        assert last.message_id == 0
        assert isinstance(last.response, Result)
        assert last.response.oid == "1.3.6.1.4.1.1466.20036"
        assert last.response.code == session.closing.code
