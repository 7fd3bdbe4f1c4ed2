"""A tombstone is there only for him who asks to be shown deleted entries (MS-ADTS §3.1.1.3.4.1.14)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from fresh_directory import BASE, Directory
from lightwave.directory.ldap.controls import SHOW_DELETED, Control
from lightwave.directory.ldap.filters import encode_filter, parse_filter
from lightwave.directory.ldap.messages import (
    AddRequest,
    CompareRequest,
    DeleteRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.search_controls import ASSERTION, SHOW_RECYCLED
from lightwave.directory.ldap.update_controls import TREE_DELETE
from lightwave.directory.operations.compare import compare
from lightwave.directory.operations.drafts import PasswordModifyRequest, RefreshRequest
from lightwave.directory.operations.lookup import look_up
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.operations.search import Search, Searches

USERS = "cn=Users," + BASE.decode()
ANN, BEN, STAFF = (f"cn={name},{USERS}" for name in ("ann", "ben", "staff"))
CONTAINER = b"cn=Deleted Objects," + BASE
SHOWN = Control(SHOW_DELETED, True, None)
RECYCLED = Control(SHOW_RECYCLED, True, None)
ASSERTED = Control(ASSERTION, True, encode_filter(parse_filter("(cn=none)")))
TREE = Control(TREE_DELETE, True, None)


class Cemetery(Directory):
    """A directory in which ann was deleted."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name, dn in (("ann", ANN), ("ben", BEN)):
            self.add(dn, objectClass=["person", "user"], cn=name, sn=name, sAMAccountName=name)
        self.add(STAFF, objectClass="groupOfNames", cn="staff", member=BEN)
        place = self.find(ANN)
        assert self.delete(ANN).code is ResultCode.SUCCESS
        with self.store.read() as txn:
            self.tombstone = txn.dn(*place)
        self.searches = Searches(self.store, lambda: 0.0)

    def answer(self, dn: bytes, *controls: Control, anonymous: bool = False) -> Outcome:
        """What a compare answers."""
        with self.store.read() as txn:
            context = self.context(anonymous=anonymous, controls=controls)
            return compare(txn, self.schemas.current(txn), context, CompareRequest(dn, "isDeleted", b"TRUE"))

    def search(self, dn: bytes, scope: int, text: str, *, deref: int = 0, shown: bool = False) -> list[bytes]:
        """What a search sends; raises DirectoryError. The short way has nothing of its own to say."""
        request = SearchRequest(dn, scope, deref, 0, 0, False, parse_filter(text), ("isDeleted",))
        out: list[bytes] = []
        with self.store.read() as txn:
            schema, context = self.schemas.current(txn), self.context()
            assert look_up(self.searches, txn, schema, context, 1, request) is None
            search = Search(self.searches, txn, schema, context, 1, request, show_deleted=shown)
            search.advance(txn, out, entries=10, octets=1 << 20, until=float("inf"))
        return out


@pytest.fixture
def directory(tmp_path: Path) -> Cemetery:
    return Cemetery(tmp_path)


def modify(dn: bytes) -> WriteRequest:
    return ModifyRequest(dn, (Modification(ModifyKind.ADD, "description", (b"x",)),))


WRITES: dict[str, Callable[[bytes], WriteRequest]] = {
    "modify": modify,
    "delete": DeleteRequest,
    "rename": lambda dn: ModifyDNRequest(dn, b"cn=again", False, None),
    "move below it": lambda dn: ModifyDNRequest(BEN.encode(), b"cn=ben", False, dn),
    "add below it": lambda dn: AddRequest(b"cn=x," + dn, (("objectClass", (b"device",)), ("cn", (b"x",)))),
    "refresh": lambda dn: RefreshRequest(dn, 60),
    "password": lambda dn: PasswordModifyRequest(dn, None, b"a new passw0rd of hers"),
}


@pytest.mark.parametrize("name", WRITES)
def test_neg_no_write_finds_it(directory: Cemetery, name: str) -> None:
    request = WRITES[name](directory.tombstone)
    found = directory.write(request)
    assert (found.code, found.matched) == (ResultCode.NO_SUCH_OBJECT, CONTAINER)
    for control in (SHOWN, RECYCLED):
        shown = directory.write(request, directory.context(controls=(control,))).code
        assert shown not in (ResultCode.NO_SUCH_OBJECT, ResultCode.SUCCESS)


@pytest.mark.parametrize(("name", "control"), [("modify", ASSERTED), ("delete", ASSERTED), ("delete", TREE)])
def test_neg_controls_of_a_write_do_not_find_it(directory: Cemetery, name: str, control: Control) -> None:
    request = WRITES[name](directory.tombstone)
    found = directory.write(request, directory.context(controls=(control,)))
    assert (found.code, found.matched) == (ResultCode.NO_SUCH_OBJECT, CONTAINER)
    shown = directory.write(request, directory.context(controls=(control, SHOWN)))
    assert shown.code is not ResultCode.NO_SUCH_OBJECT


def test_neg_no_compare_finds_it(directory: Cemetery) -> None:
    found = directory.answer(directory.tombstone)
    assert (found.code, found.matched) == (ResultCode.NO_SUCH_OBJECT, CONTAINER)
    below = directory.answer(b"cn=x," + directory.tombstone)
    assert (below.code, below.matched) == (ResultCode.NO_SUCH_OBJECT, CONTAINER)
    assert directory.answer(directory.tombstone, SHOWN).code is ResultCode.COMPARE_TRUE
    assert directory.answer(directory.tombstone, RECYCLED).code is ResultCode.COMPARE_TRUE
    stranger = directory.answer(directory.tombstone, anonymous=True)
    assert (stranger.code, stranger.matched) == (ResultCode.NO_SUCH_OBJECT, b"")


def test_neg_no_search_begins_at_it(directory: Cemetery) -> None:
    texts = ("(objectClass=*)", "(cn=ann)", "(cn=nobody)", "(sAMAccountName=nobody)")
    for dn, scope, text, deref in product(
        (directory.tombstone, b"cn=x," + directory.tombstone), range(4), texts, (0, 3)
    ):
        with pytest.raises(DirectoryError) as refused:
            directory.search(dn, scope, text, deref=deref)
        assert (refused.value.code, refused.value.matched) == (ResultCode.NO_SUCH_OBJECT, CONTAINER)
    assert len(directory.search(directory.tombstone, 0, "(isDeleted=TRUE)", shown=True)) == 1
    assert len(directory.search(directory.tombstone, 2, "(isDeleted=TRUE)", shown=True)) == 1
    assert len(directory.search(CONTAINER, 1, "(isDeleted=TRUE)", shown=True)) == 1


def test_neg_no_link_leads_to_it(directory: Cemetery) -> None:
    """Its name waits as text, as one that nothing has."""
    assert directory.modify(STAFF, ("add", "member", directory.tombstone)).code is ResultCode.SUCCESS
    group = directory.find(STAFF)
    with directory.store.read() as txn:
        schema = directory.schemas.current(txn)
        description = schema.describe("member")
        assert description is not None
        number = txn.attribute_number(description.key)
        assert number is not None
        assert list(txn.link_targets(*group, number)) == [directory.find(BEN)[1]]
        assert list(txn.record(*group).values(number)) == [directory.tombstone]
    assert directory.modify(STAFF, ("delete", "member", directory.tombstone)).code is ResultCode.SUCCESS
    other = f"cn=other,{USERS}"
    assert directory.add(other, objectClass="groupOfNames", cn="other", member=directory.tombstone)
    with directory.store.read() as txn:
        assert not list(txn.link_targets(*directory.find(other), number))
    assert not directory.findings()
