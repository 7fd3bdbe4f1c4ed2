"""Content synchronisation over a real store, without a server: what is rare there, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import describe, token_of
from fresh_directory import BASE, Directory
from lightwave.directory.access.token import Token
from lightwave.directory.ldap.filters import Present
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.sync_controls import SyncMode, SyncRequest
from lightwave.directory.operations.content_sync import ContentSync
from lightwave.directory.operations.following import ROWS, ChangeFeed
from lightwave.directory.operations.purge import purge_slice
from lightwave.directory.operations.search import Searches
from lightwave.directory.operations.sync_cookie import context_csn
from lightwave.directory.store.change_rows import pending_changes
from reference import wire

FOLK = b"ou=folk," + BASE
FAR = 1e12
DAY = 86_400.0
ADD, DELETE = 1, 3


class Messages:
    """What a sync operation sent: entries by DN with their state, GUIDs of sets, the end of the refresh."""

    def __init__(self, out: list[bytes]) -> None:
        self.entries: list[tuple[str, int]] = []
        self.deleted: list[bytes] = []
        self.present: list[bytes] = []
        self.cookies: list[bytes] = []
        self.numbers: list[bytes] = []
        self.refreshed = ""
        for tag, content in wire.elements(b"".join(out)):
            assert tag == 0x30
            parts = list(wire.elements(content))
            self._take(parts[1][0], parts[1][1], parts[2][1] if len(parts) > 2 else b"")

    def _take(self, tag: int, content: bytes, controls: bytes) -> None:
        if tag == wire.ENTRY:
            ((_, control),) = wire.elements(controls)
            _, (_, value) = wire.elements(control)
            ((_, value),) = wire.elements(value)
            (_, state), _, *cookie = wire.elements(value)
            name, attributes = wire.decode_entry(content)
            self.entries.append((name.decode(), state[0]))
            self.numbers += attributes.get("entryCSN", [])
            self.cookies += [one for _, one in cookie]
            return
        _, (_, value) = wire.elements(content)
        ((kind, value),) = wire.elements(value)
        if kind == 0xA3:
            parts = list(wire.elements(value))
            guids = [guid for _, guid in wire.elements(parts[-1][1])]
            (self.deleted if any(tag == 0x01 for tag, _ in parts) else self.present).extend(guids)
        elif kind == 0x80:
            self.cookies.append(value)
        else:
            self.refreshed = {0xA1: "deletes", 0xA2: "present"}[kind]
            self.cookies.append(next(wire.elements(value))[1])


class Follower:
    """One operation after the other, with the last cookie of the one before."""

    def __init__(self, directory: Directory, base: bytes = FOLK, token: Token | None = None) -> None:
        self._directory = directory
        self._token = token or directory.token
        self._base = base
        self._searches = Searches(directory.store, lambda: directory.time)
        self._feed = ChangeFeed()
        self.cookie = b""
        self._under_way: ContentSync | None = None

    def begin(self, *attributes: str) -> Messages:
        """The refresh stage, with `refreshAndPersist`."""
        directory = self._directory
        request = SearchRequest(
            self._base, 2, 0, 0, 0, False, Present("objectClass"), attributes or ("*", "+")
        )
        with directory.store.read() as txn:
            schema = directory.schemas.current(txn)
            sync = SyncRequest(SyncMode.REFRESH_AND_PERSIST, self.cookie, False)
            context = replace(directory.context(), token=self._token)
            self._under_way = ContentSync(self._searches, self._feed, txn, schema, context, 1, request, sync)
        return self.go_on()

    def go_on(self, *, steps: int = 1 << 30) -> Messages:
        """Until it waits, or for so many slices of one message."""
        out: list[bytes] = []
        assert self._under_way is not None
        while steps:
            steps -= 1
            with self._directory.store.read() as txn:
                schema = self._directory.schemas.current(txn)
                octets = 1 << 30 if steps > 1 << 20 else 0
                self._under_way.advance(txn, schema, out, octets=octets, until=FAR)
            if self._under_way.waiting:
                break
        messages = Messages(out)
        if messages.cookies:
            self.cookie = messages.cookies[-1]
        return messages


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    made.add(FOLK, objectClass="organizationalUnit", ou="folk")
    for name in ("ada", "alan"):
        person(made, name)
    yield made
    made.close()


def person(directory: Directory, name: str, **further: str) -> bytes:
    dn = f"uid={name},".encode() + FOLK
    classes = ["inetOrgPerson", *(["dynamicObject"] if further else [])]
    directory.add(dn, objectClass=classes, uid=name, cn=name, sn="x", **further)
    return dn


def guid_of(directory: Directory, dn: bytes) -> bytes:
    with directory.store.read() as txn:
        return txn.record(*directory.find(dn)).guid


def remove(directory: Directory, dn: bytes) -> None:
    """As an entry goes that expires: without a tombstone."""
    tenant, entry_id = directory.find(dn)
    with directory.store.write() as txn:
        describe = directory.schemas.current(txn).describe
        txn.remove_entry(tenant, entry_id, txn.begin_change(), describe=describe)


def test_the_whole_and_then_what_changed(directory: Directory) -> None:
    follower = Follower(directory)
    first = follower.begin()
    assert [state for _, state in first.entries] == [ADD] * 3
    assert first.refreshed == "present"
    assert first.cookies[:-1] == []  # RFC 4533 section 3.3.1
    directory.time += 1
    directory.modify(b"uid=ada," + FOLK, ("replace", "sn", "y"))
    assert follower.go_on().entries == [(f"uid=ada,{FOLK.decode()}", 2)]
    assert follower.begin().refreshed == "deletes"


def test_an_entry_that_goes_without_a_tombstone(directory: Directory) -> None:
    follower = Follower(directory)
    follower.begin()
    ada = b"uid=ada," + FOLK
    guid = guid_of(directory, ada)
    directory.time += 1
    remove(directory, ada)
    assert follower.go_on().deleted == [guid]
    with directory.store.read() as txn:
        (*_, last) = pending_changes(txn, directory.tree.tenant, 0, 1 << 20)
    assert (last.guid, last.is_live) == (guid, False)


def test_removals_that_are_forgotten_make_a_present_phase(directory: Directory) -> None:
    follower = Follower(directory)
    follower.begin()
    directory.time += 1
    remove(directory, b"uid=ada," + FOLK)
    directory.modify(b"uid=alan," + FOLK, ("replace", "sn", "y"))
    directory.time += 2 * DAY
    directory.committer.submit_flat(lambda txn: purge_slice(txn, directory.time), lambda _: None)
    cookie = follower.cookie
    messages = follower.begin()
    assert messages.refreshed == "present"
    assert messages.deleted == []
    alan = guid_of(directory, b"uid=alan," + FOLK)
    assert sorted(messages.present) == sorted([alan, guid_of(directory, FOLK)])
    assert [name for name, _ in messages.entries] == [f"uid=alan,{FOLK.decode()}"]
    # Until its end the cookies are of the position at which it began: whoever is cut off begins again.
    follower.cookie = messages.cookies[0]
    assert follower.cookie.split(b"#")[1] == cookie.split(b"#")[1]
    assert follower.begin().refreshed == "present"


def test_forgotten_removals_end_the_persist_stage(directory: Directory) -> None:
    follower = Follower(directory)
    follower.begin()
    directory.time += 1
    remove(directory, b"uid=ada," + FOLK)
    directory.time += 2 * DAY
    directory.committer.submit_flat(lambda txn: purge_slice(txn, directory.time), lambda _: None)
    with pytest.raises(DirectoryError) as refused:
        follower.go_on()
    assert refused.value.code is ResultCode.SYNC_REFRESH_REQUIRED


def test_whoever_is_cut_off_in_a_batch_gets_the_rest(directory: Directory) -> None:
    follower = Follower(directory)
    follower.begin()
    directory.time += 1
    names = [person(directory, f"p{at}").decode() for at in range(5)]
    part = follower.go_on(steps=4)
    assert 0 < len(part.entries) < 5
    directory.time += 1
    directory.delete(names[0])
    rest = follower.begin()
    seen = {name for name, _ in (*part.entries, *rest.entries)}
    assert set(names[1:]) <= seen
    assert len(rest.deleted) == 1
    numbers = [cookie.partition(b"csn=")[2] for cookie in (*part.cookies, *rest.cookies)]
    assert numbers == sorted(numbers)


def test_a_group_is_sent_with_a_new_number_when_a_member_is_renamed(directory: Directory) -> None:
    group = b"cn=g," + FOLK
    directory.add(group, objectClass="groupOfNames", cn="g", member=b"uid=ada," + FOLK)
    own = directory.values(group, "entryCSN")
    follower = Follower(directory)
    follower.begin()
    directory.time += 1
    directory.rename(b"uid=ada," + FOLK, b"uid=lovelace")
    messages = follower.go_on()
    assert [name for name, _ in messages.entries] == [f"uid=lovelace,{FOLK.decode()}", group.decode()]
    renamed = directory.values(b"uid=lovelace," + FOLK, "entryCSN")[0]
    assert messages.numbers == [renamed, renamed[:-1] + b"1"]
    assert directory.values(group, "entryCSN") == own


def test_many_followers_share_one_reading(directory: Directory) -> None:
    tenant = directory.tree.tenant
    feed = ChangeFeed()
    with directory.store.read() as txn:
        assert feed.rows(txn, tenant, 0) is feed.rows(txn, tenant, 0)
        assert len(feed.rows(txn, tenant, 0)) <= ROWS
        old = feed.rows(txn, tenant, 0)
    directory.modify(b"uid=ada," + FOLK, ("replace", "sn", "y"))
    with directory.store.read() as txn:
        assert feed.rows(txn, tenant, 0) is not old


def test_a_slice_ends_when_its_time_is_over(directory: Directory) -> None:
    follower = Follower(directory)
    follower.begin()
    for at in range(200):
        person(directory, f"p{at}")
    assert follower._under_way is not None
    with directory.store.read() as txn:
        out: list[bytes] = []
        schema = directory.schemas.current(txn)
        began = time.perf_counter()
        follower._under_way.advance(txn, schema, out, octets=1 << 30, until=0.0)
        assert len(out) < 200
        assert not follower._under_way.waiting
        assert time.perf_counter() - began < 1


def test_context_csn_is_that_of_the_naming_context_alone(directory: Directory) -> None:
    with directory.store.read() as txn:
        now = context_csn(txn)
    assert directory.values(BASE, "contextCSN") == [now]
    assert directory.values(FOLK, "contextCSN") == []
    directory.modify(b"uid=ada," + FOLK, ("replace", "sn", "y"))
    assert directory.values(BASE, "contextCSN")[0] > now


def test_neg_020_what_is_not_seen_comes_changes_and_goes_untold(directory: Directory) -> None:
    """Nor is it told when what hid it goes in the same moment."""
    hidden = b"ou=hidden," + FOLK
    directory.add(hidden, objectClass="organizationalUnit", ou="hidden")
    describe(directory, hidden, "D:P(A;CI;GA;;;BA)")
    describe(directory, FOLK, "D:P(A;CI;GA;;;BA)(A;CI;RPLC;;;AU)")
    follower = Follower(directory, token=token_of(directory))
    assert hidden.decode() not in dict(follower.begin().entries)
    secret, plain = b"uid=secret," + hidden, person(directory, "plain")
    directory.add(secret, objectClass="inetOrgPerson", uid="secret", cn="s", sn="s")
    directory.modify(hidden, ("replace", "description", "changed"))
    told = follower.go_on()
    assert ([name for name, _ in told.entries], told.deleted) == ([plain.decode()], [])
    guid = guid_of(directory, plain)
    for dn in (secret, hidden, plain):
        assert directory.delete(dn).code == 0
    told = follower.go_on()
    assert (told.entries, told.deleted) == ([], [guid])
