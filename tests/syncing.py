"""Clients that follow changes: python-ldap's consumer with a copy of the content, and a slapd consumer."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import ldap
from ldap.ldapobject import SimpleLDAPObject
from ldap.syncrepl import SyncreplConsumer

from node import Node
from reference.slapd import Slapd, SlapdConfiguration

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


# --- slapd as a consumer

COMPARED = (
    "*",
    "entryUUID",
    "structuralObjectClass",
    "creatorsName",
    "createTimestamp",
    "modifiersName",
    "modifyTimestamp",
    "entryCSN",
)


class SlapdConsumer:
    """A slapd whose database is a copy of a subtree of a node. `mode` is refreshAndPersist or refreshOnly."""

    def __init__(self, folder: Path, node: Node, base: str, mode: str = "refreshAndPersist") -> None:
        self.base = base
        interval = ' interval="00:00:00:01"' if mode == "refreshOnly" else ""
        follow = (
            f"syncrepl rid=001 provider={node.url} type={mode}{interval} searchbase={_quoted(base)} "
            f"bindmethod=simple binddn={_quoted(node.administrator)} credentials={_quoted(node.password)} "
            'retry="1 +" timeout=5'
        )
        configuration = SlapdConfiguration(
            suffix=base,
            root_dn=f"cn=root,{base}",
            indices=("objectClass eq", "entryUUID,entryCSN eq"),
            database_lines=(follow, "dbnosync"),
        )
        self.server = Slapd(folder, configuration)

    def __enter__(self) -> SlapdConsumer:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def kill(self) -> None:
        """Ends it between two instructions."""
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.stop()

    def restart(self) -> None:
        """Serves again, from what it had."""
        self.server.start()

    def content(self) -> dict[str, tuple[str, Entry]]:
        """What it holds; nothing while it has no base."""
        connection = ldap.initialize(self.server.url)
        connection.simple_bind_s(f"cn=root,{self.base}", self.server.configuration.root_password)
        try:
            return copy_of(connection, self.base, attrlist=list(COMPARED))
        except (ldap.NO_SUCH_OBJECT, ldap.REFERRAL):
            return {}
        finally:
            connection.unbind_s()

    def context_csn(self) -> bytes:
        """How far it has come."""
        connection = ldap.initialize(self.server.url)
        connection.simple_bind_s(f"cn=root,{self.base}", self.server.configuration.root_password)
        try:
            found = connection.search_s(self.base, ldap.SCOPE_BASE, attrlist=["contextCSN"])
            return bytes(found[0][1].get("contextCSN", [b""])[0])
        except (ldap.NO_SUCH_OBJECT, ldap.REFERRAL):
            return b""
        finally:
            connection.unbind_s()

    def differences(self, node: Node) -> list[str]:
        """What it holds otherwise than the node; empty when the two are equal."""
        connection = ldap.initialize(node.url)
        connection.simple_bind_s(node.administrator, node.password)
        wanted, held = copy_of(connection, self.base, attrlist=list(COMPARED)), self.content()
        connection.unbind_s()
        found = [f"it lacks {wanted[guid][0]}" for guid in wanted.keys() - held.keys()]
        found += [f"it still has {held[guid][0]}" for guid in held.keys() - wanted.keys()]
        for guid in wanted.keys() & held.keys():
            (dn, entry), (other_dn, other) = wanted[guid], held[guid]
            if dn != other_dn:
                found.append(f"{dn} is {other_dn} there")
            # Of an entry that changed because another one was renamed slapd gets a later number than its own.
            if max(other.pop("entryCSN")) < max(entry.pop("entryCSN")):
                found.append(f"{dn} has an older entryCSN there")
            found += [
                f"{dn}: {name} is {other.get(name)} and not {entry.get(name)}"
                for name in entry.keys() | other.keys()
                if entry.get(name) != other.get(name)
            ]
        return found


def _quoted(text: str) -> str:
    return f'"{text}"'
