"""Invariants: decode(encode(x)) == x for filters, DNs, messages and LDIF; our messages agree with pyasn1 (by
ldap3's ASN.1); octets that are no message give BerError and nothing else.
"""

import io
from contextlib import suppress

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ldap3.protocol import rfc4511
from pyasn1.codec.ber import decoder, encoder

import ldap_strategies as ldap
from lightwave.directory.ldap import filters, ldif, messages
from lightwave.directory.ldap.client_messages import (
    Result,
    SearchEntry,
    decode_response,
    encode_request,
)
from lightwave.directory.ldap.controls import Control, decode_paged, encode_paged
from lightwave.directory.ldap.dn import DN, RDN, DNSyntaxError, format_dn, format_rdn, parse_dn, parse_rdn
from lightwave.directory.ldap.extended import decode_cancel
from lightwave.directory.ldap.result import ResultCode
from lightwave.wire.ber import BerError


@given(ldap.filters)
def test_filters_survive_ber(node: filters.Filter) -> None:
    encoded = filters.encode_filter(node)
    assert filters.decode_filter(encoded, 0, len(encoded)) == (node, len(encoded))


@given(ldap.filters)
def test_filters_survive_text(node: filters.Filter) -> None:
    assert filters.parse_filter(filters.format_filter(node)) == node


@given(st.text(alphabet="()&|!*=<>~:\\0aAdn.;- é\ud800\x00", max_size=30))
def test_filter_text_gives_a_filter_or_a_syntax_error(text: str) -> None:
    with suppress(filters.FilterSyntaxError):
        node = filters.parse_filter(text)
        assert filters.parse_filter(filters.format_filter(node)) == node


@given(ldap.dns)
def test_dns_survive_text(dn: DN) -> None:
    assert parse_dn(format_dn(dn)) == dn


@given(ldap.rdns)
def test_rdns_survive_text(rdn: RDN) -> None:
    text = format_rdn(rdn)
    assert parse_rdn(text) == rdn
    assert parse_dn(text) == (rdn,)


DN_TEXT = st.text(alphabet='cn=,+;\\"#<> 0aF1.é\x00\n', max_size=30).map(str.encode) | st.binary(max_size=20)


@given(DN_TEXT)
def test_dn_text_gives_a_dn_or_a_syntax_error(text: bytes) -> None:
    with suppress(DNSyntaxError):
        dn = parse_dn(text)
        assert parse_dn(format_dn(dn)) == dn


@given(ldap.messages)
def test_messages_survive_the_wire(message: messages.LDAPMessage) -> None:
    pdu = encode_request(message.message_id, message.request, message.controls)
    assert messages.decode_message(pdu) == message


def is_known_to_ldap3(message: messages.LDAPMessage) -> bool:
    """Neither increment nor the scope of subordinates; nor AND, OR and NOT: its filter doesn't contain itself."""
    text = repr(message.request)
    unknown = ("INCREMENT", "children=", "child=")
    return not any(word in text for word in unknown) and getattr(message.request, "scope", 0) < 3


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(ldap.messages.filter(is_known_to_ldap3))
def test_messages_agree_with_pyasn1(message: messages.LDAPMessage) -> None:
    pdu = encode_request(message.message_id, message.request, message.controls)
    theirs, rest = decoder.decode(pdu, asn1Spec=rfc4511.LDAPMessage())
    assert not rest
    assert int(theirs["messageID"]) == message.message_id
    assert messages.decode_message(encoder.encode(theirs)) == message


@given(ldap.messages, st.data())
def test_damaged_messages_give_ber_errors(message: messages.LDAPMessage, data: st.DataObject) -> None:
    pdu = bytearray(encode_request(message.message_id, message.request, message.controls))
    for _ in range(data.draw(st.integers(1, 3))):
        pdu[data.draw(st.integers(0, len(pdu) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BerError):
        messages.decode_message(bytes(pdu))
    with suppress(BerError):
        messages.decode_message(bytes(pdu[: data.draw(st.integers(0, len(pdu)))]))


@given(st.binary(max_size=60))
def test_octets_give_ber_errors(data: bytes) -> None:
    for decode in (messages.decode_message, decode_response, decode_paged, decode_cancel):
        with suppress(BerError):
            decode(data)


@given(
    ldap.message_ids,
    st.sampled_from(list(ResultCode)),
    ldap.octets,
    st.text(max_size=20).filter(lambda text: text.isprintable()),
    st.lists(ldap.octets, min_size=1, max_size=2).map(tuple) | st.just(()),
    ldap.controls,
)
def test_results_survive_the_wire(
    message_id: int,
    code: ResultCode,
    matched: bytes,
    message: str,
    referrals: tuple[bytes, ...],
    controls: tuple[Control, ...],
) -> None:
    tag = messages.TAG_SEARCH_DONE
    pdu = messages.encode_result(message_id, tag, code, matched, message, referrals, controls)
    decoded = decode_response(pdu)
    assert decoded.message_id == message_id
    assert decoded.response == Result(tag, code, matched, message, referrals)
    assert decoded.controls == controls
    theirs, rest = decoder.decode(pdu, asn1Spec=rfc4511.LDAPMessage())
    assert not rest
    done = theirs["protocolOp"]["searchResDone"]
    assert int(done["resultCode"]) == code
    assert bytes(done["matchedDN"]) == matched


@given(
    ldap.message_ids,
    ldap.octets,
    st.lists(st.tuples(ldap.names, st.lists(ldap.octets, max_size=3).map(tuple)), max_size=4).map(tuple),
)
def test_entries_survive_the_wire(
    message_id: int, dn: bytes, attributes: tuple[tuple[str, tuple[bytes, ...]], ...]
) -> None:
    block = b"".join(messages.encode_partial_attribute(name.encode(), values) for name, values in attributes)
    assert decode_response(messages.encode_entry(message_id, dn, block)).response == SearchEntry(
        dn, attributes
    )


@given(st.integers(0, 2**31 - 1), st.binary(max_size=100))
def test_paged_values_survive(size: int, cookie: bytes) -> None:
    assert decode_paged(encode_paged(size, cookie)) == (size, cookie)


ATTRIBUTES = st.lists(st.tuples(ldap.names.filter(lambda name: name != "dn"), ldap.octets), max_size=5)
RECORDS = st.lists(st.tuples(ldap.octets, ATTRIBUTES), max_size=4)


@given(RECORDS, st.booleans(), st.booleans())
def test_ldif_survives(records: list[tuple[bytes, list[tuple[str, bytes]]]], crlf: bool, cut: bool) -> None:
    text = b"".join(ldif.format_record(dn, attributes) for dn, attributes in records)
    if cut:
        text = text.rstrip(b"\n")
    if crlf:
        text = text.replace(b"\n", b"\r\n")
    assert all(len(line) <= 77 for line in text.split(b"\n"))
    read = list(ldif.read_ldif(io.BytesIO(text)))
    assert [
        (record.dn, record.attributes) for record in read if isinstance(record, ldif.ContentRecord)
    ] == records


LDIF_LINES = st.lists(
    st.sampled_from(
        b"dn: a=b|dn:: YT1i| x||# c|version: 1|changetype: modify|add: cn|-|cn: x|cn:< file:///x|"
        b"changetype: moddn|newrdn: a=c|deleteoldrdn: 1|control: 1.2 true".split(b"|")
    )
    | st.binary(max_size=8),
    max_size=10,
)


@given(LDIF_LINES)
def test_ldif_gives_records_or_an_error_with_its_line(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    try:
        list(ldif.read_ldif(io.BytesIO(text)))
    except ldif.LdifError as error:
        assert 1 <= error.line <= text.count(b"\n") + 1  # noqa: PT017  - the line is the invariant
