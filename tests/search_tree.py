"""A small tree in a real store, and searches of it as the server makes them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from lightwave.directory.access.sid import AUTHENTICATED_USERS, BUILTIN_ADMINISTRATORS, EVERYONE
from lightwave.directory.access.token import ANONYMOUS, AuthenticatedBy, Token
from lightwave.directory.ldap.client_messages import SearchEntry, decode_response
from lightwave.directory.ldap.filters import parse_filter
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.operations.context import Context, Limits
from lightwave.directory.operations.search import Search, Searches
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.server.settings import ADMINISTRATOR_LIMITS, SIGNED_IN_LIMITS
from lightwave.directory.store.building import declare_index
from lightwave.directory.store.environment import Store
from lightwave.directory.store.indexes import IndexKind
from lightwave.directory.store.writing import NewEntry, WriteTransaction

BASE = b"dc=example,dc=com"
NOW = 1_790_000_000.0


def token(tenant: int, *, administrator: bool = True, entry_id: int = 999) -> Token:
    """Somebody who is signed in."""
    return Token(
        tenant=tenant,
        entry_id=entry_id,
        guid=bytes(16),
        dn=b"",
        is_administrator=administrator,
        is_anonymous=False,
        authenticated_by=AuthenticatedBy.PASSWORD,
        sids=frozenset(
            {AUTHENTICATED_USERS, EVERYONE} | ({BUILTIN_ADMINISTRATORS} if administrator else set())
        ),
        entry_ids=frozenset() if entry_id is None else frozenset({entry_id}),
    )


@dataclass(slots=True)
class SearchTree:
    """A store with dc=example,dc=com; entries are added as text and searched as by a client."""

    store: Store
    schema: Schema
    tenant: int
    root: int
    guids: Iterator[int] = field(default_factory=lambda: count(1))
    searches: Searches = field(init=False)

    def __post_init__(self) -> None:
        self.searches = Searches(self.store, time.monotonic)

    @classmethod
    def create(cls, folder: Path, indexes: Sequence[tuple[str, IndexKind]] = ()) -> SearchTree:
        """An empty tree with these indexes, complete from the beginning."""
        schema = Schema.load_builtin()
        store = Store.create(folder, None, server=bytes(16), now=lambda: NOW)
        with store.write() as txn:
            tenant = txn.create_tenant(bytes(15) + b"\1")
            for name, kind in indexes:
                attribute = schema.attribute(name)
                assert attribute is not None
                declare_index(txn, attribute.oid, kind)
            tree = cls(store, schema, tenant, 0)
            name_of_base = normalise_dn_text(schema, BASE)
            entry = tree._entry(txn, BASE, BASE, {"objectClass": ["top", "domain"], "dc": ["example"]})
            tree.root = txn.insert_context(tenant, name_of_base, entry, txn.begin_change())
        return tree

    def add(self, dn: str, attributes: dict[str, list[str]]) -> int:
        """Add an entry; its id."""
        text = dn.encode()
        with self.store.write() as txn:
            name = normalise_dn_text(self.schema, text)
            _, parent = txn.find(name[1:])
            rdn = text.split(b",", 1)[0]
            entry = self._entry(txn, text, rdn, attributes)
            return txn.insert_entry(self.tenant, parent, entry, txn.begin_change())

    def _entry(
        self, txn: WriteTransaction, dn: bytes, rdn: bytes, attributes: dict[str, list[str]]
    ) -> NewEntry:
        plain = []
        links = []
        for name, values in attributes.items():
            description = self.schema.describe(name)
            assert description is not None, name
            if description.type.is_link:
                for value in values:
                    links.append((description, txn.find(normalise_dn_text(self.schema, value.encode()))[1]))
            else:
                plain.append((description, tuple(value.encode() for value in values)))
        return NewEntry(
            rdn=rdn,
            normalised_rdn=normalise_dn_text(self.schema, dn)[0],
            guid=next(self.guids).to_bytes(16, "big"),
            attributes=plain,
            links=links,
        )

    def context(self, who: Token | None = None, limits: Limits | None = None) -> Context:
        """The surroundings of a request, of an administrator unless said otherwise."""
        who = who if who is not None else token(self.tenant)
        if limits is None:
            limits = ADMINISTRATOR_LIMITS if who.is_administrator else SIGNED_IN_LIMITS
        return Context(token=who, limits=limits, controls=(), now=lambda: NOW)

    def begin(
        self,
        text: str = "(objectClass=*)",
        *,
        base: bytes = BASE,
        scope: int = 2,
        attributes: tuple[str, ...] = (),
        deref: int = 0,
        size: int = 0,
        types_only: bool = False,
        who: Token | None = None,
        limits: Limits | None = None,
        paged: bool = False,
        show_deleted: bool = False,
    ) -> Search:
        """A search that has not looked at anything yet."""
        request = SearchRequest(base, scope, deref, size, 0, types_only, parse_filter(text), attributes)
        with self.store.read() as txn:
            return Search(
                self.searches,
                txn,
                self.schema,
                self.context(who, limits),
                1,
                request,
                show_deleted=show_deleted,
                paged=paged,
            )

    def advance(
        self, search: Search, *, entries: int = 1 << 60, until: float = 1e18
    ) -> dict[str, dict[str, list[str]]]:
        """Entries of one call: DN -> attributes."""
        out: list[bytes] = []
        with self.store.read() as txn:
            search.advance(txn, out, entries=entries, octets=1 << 30, until=until)
        found = {}
        for encoded in out:
            response = decode_response(encoded).response
            assert isinstance(response, SearchEntry)
            found[response.dn.decode()] = {
                name: [value.decode("utf-8", "backslashreplace") for value in values]
                for name, values in response.attributes
            }
        return found

    def search(self, text: str = "(objectClass=*)", **options: object) -> dict[str, dict[str, list[str]]]:
        """All entries of a search: DN -> attributes."""
        return self.advance(self.begin(text, **options))  # type: ignore[arg-type]  # options are begin's

    def names(self, text: str = "(objectClass=*)", **options: object) -> list[str]:
        """RDN values of what a search finds, sorted."""
        return sorted(dn.split(",", 1)[0].split("=", 1)[1] for dn in self.search(text, **options))


__all__ = ["ANONYMOUS", "BASE", "SearchTree", "token"]
