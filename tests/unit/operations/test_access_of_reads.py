"""What may not be read can't be found, compared, sorted by or told apart; entries come and go with the right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import ANN, READ, describe, token_of
from fresh_directory import BASE, Directory
from lightwave.directory.access.attribute_set import ALL
from lightwave.directory.access.decision import decide
from lightwave.directory.access.guid import format_guid
from lightwave.directory.access.schema_guids import attribute_facts
from lightwave.directory.access.sid import format_sid
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.client_messages import SearchEntry, decode_response
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import encode_filter, parse_filter
from lightwave.directory.ldap.messages import CompareRequest, Modification, ModifyKind, ModifyRequest
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import ASSERTION, SortKey
from lightwave.directory.ldap.sync_controls import OBJECT_SECURITY, DirSyncRequest
from lightwave.directory.ldap.update_controls import POST_READ
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.compare import compare
from lightwave.directory.operations.dirsync import DirSync
from lightwave.directory.operations.following import ChangeFeed
from lightwave.directory.operations.lookup import look_up
from lightwave.directory.operations.search import Search, Searches
from lightwave.directory.operations.sort_keys import SortKeys, entry_id_of

UNIT = b"ou=people," + BASE
PERSON = b"cn=ann," + UNIT
WHO = format_sid(ANN)
TELEPHONE = "bf967a49-0de6-11d0-a285-00aa003049e2"
MAIL = "bf967961-0de6-11d0-a285-00aa003049e2"
CLASSES = "bf9679e5-0de6-11d0-a285-00aa003049e2"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    made.add(UNIT, objectClass=["organizationalUnit"], ou="people")
    for name in ("ann", "bob", "eve"):
        made.add(
            f"cn={name},{UNIT.decode()}",
            objectClass=["user"],
            cn=name,
            sn=name,
            mail=f"{name}@x",
            telephoneNumber=f"1{name}",
        )
    yield made
    made.close()


class Reader:
    def __init__(self, directory: Directory, token: Token | None = None) -> None:
        self.directory = directory
        self.token = token or token_of(directory)
        self.searches = Searches(directory.store, time.monotonic)

    def search(
        self, text: str, base: bytes = BASE, scope: int = 2, attributes: tuple[str, ...] = ()
    ) -> dict[str, dict[str, list[bytes]]]:
        request = SearchRequest(base, scope, 0, 0, 0, False, parse_filter(text), attributes)
        out: list[bytes] = []
        context = replace(self.directory.context(), token=self.token)
        with self.directory.store.read() as txn:
            schema = self.directory.schemas.current(txn)
            quick = look_up(self.searches, txn, schema, context, 1, request)
            search = Search(self.searches, txn, schema, context, 1, request)
            search.advance(txn, out, entries=1 << 30, octets=1 << 30, until=1e18)
        if quick is not None:
            assert quick.startswith(b"".join(out))
        found = {}
        for encoded in out:
            response = decode_response(encoded).response
            assert isinstance(response, SearchEntry)
            found[response.dn.decode().split(",")[0]] = {
                name: list(values) for name, values in response.attributes
            }
        return found

    def error(self, base: bytes, scope: int = 0) -> tuple[ResultCode, bytes]:
        with pytest.raises(DirectoryError) as refused:
            self.search("(objectClass=*)", base, scope)
        return refused.value.code, refused.value.matched

    def compare(self, dn: bytes, attribute: str, value: bytes, *controls: Control) -> ResultCode:
        context = replace(self.directory.context(controls=controls), token=self.token)
        with self.directory.store.read() as txn:
            request = CompareRequest(dn, attribute, value)
            return compare(txn, self.directory.schemas.current(txn), context, request).code


def hide_telephone(directory: Directory) -> None:
    """Of everybody but Ann nobody's telephone number is to be read."""
    describe(directory, UNIT, f"D:(OD;CI;RP;{TELEPHONE};;AU)")


def test_signed_in_users_read_and_nobody_else(directory: Directory) -> None:
    assert set(Reader(directory).search("(sn=*)")) == {"cn=ann", "cn=bob", "cn=eve", "cn=Administrator"}
    stranger = Reader(directory, token_of(directory, tenant=7))
    for base in (BASE, UNIT, PERSON, b"cn=nobody," + UNIT):
        for scope in (0, 1, 2):
            assert stranger.error(base, scope) == (ResultCode.NO_SUCH_OBJECT, b"")


def test_a_hidden_attribute_is_not_sent_nor_found(directory: Directory) -> None:
    hide_telephone(directory)
    reader = Reader(directory)
    found = reader.search("(sn=ann)")["cn=ann"]
    assert "mail" in found
    assert "telephoneNumber" not in found
    for text in (
        "(telephoneNumber=1ann)",
        "(telephoneNumber=*)",
        "(telephoneNumber=1*)",
        "(!(telephoneNumber=1bob))",
        "(!(telephoneNumber=*))",
        "(&(sn=ann)(telephoneNumber=1ann))",
        "(&(sn=ann)(!(telephoneNumber=none)))",
        "(telephoneNumber:caseIgnoreMatch:=1ann)",
    ):
        assert not reader.search(text, UNIT, 1), text
    assert set(reader.search("(|(telephoneNumber=1ann)(sn=bob))", UNIT)) == {"cn=bob"}
    administrator = Reader(directory, directory.token)
    assert set(administrator.search("(telephoneNumber=1ann)")) == set()  # he is signed in, too
    local = Reader(directory, replace(directory.token, bypass=True))
    assert set(local.search("(telephoneNumber=1ann)")) == {"cn=ann"}


def test_compare_tells_nothing(directory: Directory) -> None:
    hide_telephone(directory)
    reader = Reader(directory)
    answers = {
        reader.compare(PERSON, attribute, value)
        for attribute in ("telephoneNumber", "TELEPHONENUMBER")
        for value in (b"1ann", b"none")
    }
    assert answers == {ResultCode.INSUFFICIENT_ACCESS_RIGHTS}
    assert reader.compare(PERSON, "mail", b"ann@x") is ResultCode.COMPARE_TRUE
    describe(directory, PERSON, "D:P")
    assert reader.compare(PERSON, "mail", b"ann@x") is ResultCode.NO_SUCH_OBJECT
    assert reader.compare(b"cn=none," + UNIT, "mail", b"ann@x") is ResultCode.NO_SUCH_OBJECT


def test_only_what_is_granted(directory: Directory) -> None:
    describe(directory, PERSON, f"D:P(OA;;RP;{MAIL};;{WHO})")
    reader = Reader(directory)
    assert set(reader.search("(mail=*)", UNIT)) == {"cn=ann", "cn=bob", "cn=eve"}
    assert reader.search("(mail=ann@x)", UNIT)["cn=ann"] == {"mail": [b"ann@x"]}
    assert reader.search("(mail=ann@x)", UNIT, 2, ("*", "+"))["cn=ann"] == {"mail": [b"ann@x"]}
    assert "cn=ann" not in reader.search("(objectClass=*)", UNIT)
    assert not reader.search("(objectClass=*)", PERSON, 0)
    describe(directory, PERSON, f"D:P(OA;;RP;{MAIL};;{WHO})(OA;;RP;{CLASSES};;{WHO})")
    assert set(reader.search("(objectClass=*)", PERSON, 0)["cn=ann"]) == {"mail", "objectClass"}


def test_computed_attributes_are_hidden_too(directory: Directory) -> None:
    directory.add(b"cn=staff," + UNIT, objectClass=["group"], cn="staff", member=PERSON)
    member_of = "bf967991-0de6-11d0-a285-00aa003049e2"
    reader = Reader(directory)
    staff = "cn=staff," + UNIT.decode()
    assert set(reader.search(f"(memberOf={staff})")) == {"cn=ann"}
    describe(directory, PERSON, f"D:(OD;;RP;{member_of};;AU)")
    assert not reader.search(f"(memberOf={staff})")
    assert not reader.search(f"(!(memberOf={staff}))", PERSON, 0)
    assert not reader.search("(!(memberOf=cn=none))", PERSON, 0)
    assert "memberOf" not in reader.search("(cn=ann)", attributes=("memberOf", "mail"))["cn=ann"]
    assert reader.compare(PERSON, "memberOf", staff.encode()) is ResultCode.INSUFFICIENT_ACCESS_RIGHTS


def test_invisible_entries_are_told_from_absent_ones_by_nothing(directory: Directory) -> None:
    describe(directory, UNIT, "D:P(A;CI;RPLCLORC;;;BA)")
    reader = Reader(directory)
    for scope in (0, 1, 2):
        expected = (ResultCode.NO_SUCH_OBJECT, BASE)
        for dn in (UNIT, PERSON, b"cn=none," + UNIT, b"ou=none," + BASE, b"cn=x,ou=none," + BASE):
            assert reader.error(dn, scope) == expected, (dn, scope)
    assert "ou=people" not in reader.search("(objectClass=*)")
    assert not reader.search("(sn=ann)")


def test_visible_below_what_is_not(directory: Directory) -> None:
    """As in Active Directory an entry is seen by the right to list its parent's children, whatever is above that."""
    describe(directory, UNIT, "D:P(A;CI;RPLCLORC;;;BA)(A;;LC;;;AU)")
    describe(directory, PERSON, f"D:(A;;{READ};;;AU)")
    reader = Reader(directory)
    assert set(reader.search("(sn=*)")) >= {"cn=ann"}
    assert "cn=bob" not in reader.search("(sn=*)")
    assert reader.error(b"cn=bob," + UNIT) == (ResultCode.NO_SUCH_OBJECT, BASE)


def test_counts_of_children_take_the_right_to_list_them(directory: Directory) -> None:
    reader = Reader(directory)
    assert "numSubordinates" in reader.search("(ou=people)", attributes=("numSubordinates",))["ou=people"]
    describe(directory, UNIT, "D:P(A;;RPLORC;;;AU)")
    names = ("numSubordinates", "hasSubordinates", "ou")
    assert set(reader.search("(ou=people)", attributes=names)["ou=people"]) == {"ou"}
    assert not reader.search("(hasSubordinates=TRUE)", UNIT, 0)


def test_confidential_attributes_take_a_control_access_right(directory: Directory) -> None:
    """Reading everything is not enough for them; until one is stored nobody is the slower for it."""
    with directory.store.read() as txn:
        user = token_of(directory)
        assert decide(txn, directory.schemas.current(txn), user, *directory.find(PERSON)).readable is ALL
    definition = (
        "( 2.25.1 NAME 'shoeSize' EQUALITY caseIgnoreMatch "
        "SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 X-SEARCH-FLAGS '128' )"
    )
    feet = "( 2.25.2 NAME 'feet' SUP top AUXILIARY MAY shoeSize )"
    added = directory.modify(
        "cn=aggregate,cn=schemacontext", ("add", "attributeTypes", definition), ("add", "objectClasses", feet)
    )
    assert added.code == 0
    assert directory.modify(PERSON, ("add", "objectClass", "feet"), ("add", "shoeSize", "41")).code == 0
    reader = Reader(directory, user)
    assert "shoeSize" not in reader.search("(cn=ann)")["cn=ann"]
    assert not reader.search("(shoeSize=41)")
    assert not reader.search("(!(shoeSize=42))")
    assert set(Reader(directory, directory.token).search("(shoeSize=41)")) == {"cn=ann"}
    guid = format_guid(attribute_facts(directory.schemas.latest.attribute("shoeSize")).guid)  # type: ignore[arg-type]
    describe(directory, PERSON, f"D:(OA;;CR;{guid};;{WHO})")
    assert set(reader.search("(shoeSize=41)")) == {"cn=ann"}


def test_dirsync_takes_the_right_to_replicate(directory: Directory) -> None:
    request = SearchRequest(BASE, 2, 0, 0, 0, False, parse_filter("(objectClass=*)"), ())
    searches = Searches(directory.store, time.monotonic)

    def names(token: Token, flags: int = 0) -> set[bytes]:
        context = replace(directory.context(), token=token)
        out: list[bytes] = []
        with directory.store.read() as txn:
            schema = directory.schemas.current(txn)
            asked = DirSyncRequest(flags, 0, b"")
            sync = DirSync(searches, ChangeFeed(), txn, schema, context, 1, request, asked)
            sync.advance(txn, schema, out, octets=1 << 30, until=1e18)
        return {decode_response(one).response.dn for one in out}  # type: ignore[union-attr]

    describe(directory, PERSON, "D:P")
    user = token_of(directory)
    with pytest.raises(DirectoryError) as refused:
        names(user)
    assert refused.value.code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    assert PERSON not in names(user, OBJECT_SECURITY)
    assert UNIT in names(user, OBJECT_SECURITY)
    replicate = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2"
    describe(directory, BASE, f"D:P(OA;;CR;{replicate};;{WHO})(A;CI;{READ};;;AU)(A;CI;{READ}CR;;;BA)")
    assert PERSON in names(user)
    assert PERSON in names(directory.token)


def test_a_search_under_way_loses_what_is_taken_from_it(directory: Directory) -> None:
    reader = Reader(directory)
    request = SearchRequest(UNIT, 1, 0, 0, 0, False, parse_filter("(sn=*)"), ("cn",))
    context = replace(directory.context(), token=reader.token)
    out: list[bytes] = []
    with directory.store.read() as txn:
        search = Search(reader.searches, txn, directory.schemas.current(txn), context, 1, request, paged=True)
        search.advance(txn, out, entries=1, octets=1 << 30, until=1e18)
    assert len(out) == 1
    describe(directory, UNIT, "D:P(A;CI;RPLCLORC;;;BA)")
    with directory.store.read() as txn:
        search.advance(txn, out, entries=10, octets=1 << 30, until=1e18)
    assert len(out) == 1
    assert search.finished


def test_other_groups_mean_other_rights_in_the_same_search(directory: Directory) -> None:
    describe(directory, UNIT, "D:P(A;CI;RPLCLORC;;;BA)")
    reader = Reader(directory, directory.token)
    request = SearchRequest(UNIT, 1, 0, 0, 0, False, parse_filter("(sn=*)"), ("cn",))
    out: list[bytes] = []
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        search = Search(reader.searches, txn, schema, directory.context(), 1, request, paged=True)
        search.advance(txn, out, entries=1, octets=1 << 30, until=1e18)
        assert len(out) == 1
        search.act_for(token_of(directory))
        search.advance(txn, out, entries=10, octets=1 << 30, until=1e18)
    assert len(out) == 1


def test_sorting_by_what_is_hidden_is_no_order(directory: Directory) -> None:
    """Its values are as if they were missing, so the order tells nothing of them."""
    directory.modify(PERSON, ("replace", "telephoneNumber", "9"))
    context = replace(directory.context(), token=token_of(directory))
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        searches = Searches(directory.store, time.monotonic)
        request = SearchRequest(UNIT, 1, 0, 0, 0, False, parse_filter("(sn=*)"), ())
        ids = sorted(entry_id for _, entry_id in txn.children(*directory.find(UNIT)))

    def order() -> list[int]:
        rows: list[bytes] = []
        with directory.store.read() as txn:
            search = Search(searches, txn, schema, context, 1, request)
            keys = SortKeys(search.table, [SortKey("telephoneNumber", None, False)])

            def collect(_: Search, candidate: Candidate) -> bytes:
                rows.append(keys.of(candidate))
                return b""

            search.shape = collect
            search.advance(txn, [], entries=10, octets=1 << 30, until=1e18)
        return [entry_id_of(row) for row in sorted(rows)]

    assert order() != ids
    hide_telephone(directory)
    assert order() == ids


def test_an_assertion_asks_with_the_requesters_rights(directory: Directory) -> None:
    def asserted(text: str) -> ResultCode:
        control = Control(ASSERTION, True, encode_filter(parse_filter(text)))
        return Reader(directory).compare(PERSON, "mail", b"ann@x", control)

    assert asserted("(telephoneNumber=1ann)") is ResultCode.COMPARE_TRUE
    hide_telephone(directory)
    for text in ("(telephoneNumber=1ann)", "(telephoneNumber=none)", "(!(telephoneNumber=none))"):
        assert asserted(text) is ResultCode.ASSERTION_FAILED, text


def test_a_post_read_shows_no_more_than_a_search(directory: Directory) -> None:
    hide_telephone(directory)
    describe(directory, PERSON, f"D:(OA;;WP;{MAIL};;{WHO})")
    wanted = b"0" + bytes((len(b"\x04\x01*"),)) + b"\x04\x01*"
    context = replace(
        directory.context(controls=(Control(POST_READ, True, wanted),)), token=token_of(directory)
    )
    change = ModifyRequest(PERSON, (Modification(ModifyKind.REPLACE, "mail", (b"new@x",)),))
    outcome = directory.write(change, context)
    assert outcome.code == 0
    shown = outcome.controls[0].value or b""
    assert b"new@x" in shown
    assert b"1ann" not in shown
