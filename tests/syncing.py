"""Clients that follow changes: python-ldap's consumer with a copy of the content, and a slapd consumer."""

from __future__ import annotations

import uuid
from pathlib import Path

import ldap
from ldap.ldapobject import SimpleLDAPObject
from ldap.syncrepl import SyncreplConsumer

Entry = dict[str, frozenset[bytes]]


class Consumer(SimpleLDAPObject, SyncreplConsumer):  # type: ignore[misc]  # python-ldap has no types
    """Keeps a copy as RFC 4533 says; `content` is what it holds, by entryUUID."""

    def __init__(self, url: str, authority: Path | None = None) -> None:
        super().__init__(url)
        if authority is not None:
            self.set_option(ldap.OPT_X_TLS_CACERTFILE, str(authority))
            self.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        self.cookie: str | None = None
        self.content: dict[str, tuple[str, Entry]] = {}
        self.present: set[str] = set()
        self.refreshed = False
        self.deleted: list[str] = []
        self.given: list[str] = []

    def resume(self, other: Consumer) -> None:
        """Takes over what an earlier consumer had."""
        self.cookie, self.content = other.cookie, dict(other.content)

    def poll(self, base: str, **options: object) -> None:
        """One refreshOnly operation to its end."""
        self.given, self.deleted = [], []
        number = self.start(base, "refreshOnly", **options)
        self.syncrepl_poll(number, timeout=20, all=1)

    def start(self, base: str, mode: str = "refreshAndPersist", **options: object) -> int:
        """Begins an operation; its message id."""
        options = {"scope": ldap.SCOPE_SUBTREE, "attrlist": ["*", "+"], **options}
        return int(self.syncrepl_search(base, mode=mode, **options))

    # --- called by syncrepl_poll

    def syncrepl_set_cookie(self, cookie: str) -> None:
        self.cookie = cookie

    def syncrepl_get_cookie(self) -> str | None:
        return self.cookie

    def syncrepl_entry(self, dn: str, attributes: dict[str, list[bytes]], guid: str) -> None:
        self.given.append(dn)
        self.content[guid] = (dn, {name: frozenset(values) for name, values in attributes.items()})

    def syncrepl_delete(self, guids: list[str]) -> None:
        for guid in guids:
            found = self.content.pop(guid, None)
            if found is not None:
                self.deleted.append(found[0])

    def syncrepl_present(self, guids: list[str] | None, refreshDeletes: bool = False) -> None:  # noqa: N803
        if guids is not None:
            self.present.update(guids)
            return
        if not refreshDeletes:
            for guid in set(self.content) - self.present:
                self.deleted.append(self.content.pop(guid)[0])
        self.present = set()

    def syncrepl_refreshdone(self) -> None:
        self.refreshed = True


def copy_of(connection: SimpleLDAPObject, base: str, **options: object) -> dict[str, tuple[str, Entry]]:
    """What a search gives, in the form of a consumer's content."""
    options = {"scope": ldap.SCOPE_SUBTREE, "attrlist": ["*", "entryUUID"], **options}
    found = connection.search_ext_s(base, **options)
    content = {}
    for dn, attributes in found:
        if dn is None:
            continue
        guid = str(uuid.UUID(attributes["entryUUID"][0].decode()))
        content[guid] = (dn, {name: frozenset(values) for name, values in attributes.items()})
    return content
