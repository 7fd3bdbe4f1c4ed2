"""Nothing of another tenant is read, found, compared, sorted, synchronised or told apart by an answer's octets.

Three copies of one store: in the first another tenant has people, groups, units and secrets; in the second it has only
what a tenant begins with; in the third there is none. The same requests of the same clients go to two of them, over
real connections in memory, and the answers have to be the same octets. Clients of the system tenant's administrators,
who are told which tenants there are, compare the first with the second, all others the first with the third.

Each copy has used up as many change numbers as the first: how much is written in a directory as a whole does show.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from customers import HASHING, make, sign_in
from fresh_directory import START, Directory
from ldap_memory import Client, Memory, burn
from lightwave.directory.access.sid import Sid, format_sid
from lightwave.directory.access.token import Token
from lightwave.directory.operations.tree import Tree
from lightwave.directory.store.environment import Store
from lightwave.directory.store.keyring import Keyring
from lightwave.identity.credentials import prepare_password, set_password
from reference import wire

SYSTEM = "dc=lightwave,dc=local"
MINE = "dc=acme,dc=example"
OTHERS = "dc=beta,dc=example"
USERS = "cn=Users,"
LATER = START + 60
MARK = b"zebra"
"""stands in values of the other tenant, and in no request"""
PASSWORD = b"correct horse battery"
BEGUN = "Grotto 7 lamp xyz"

SORT, VLV = "1.2.840.113556.1.4.473", "2.16.840.1.113730.3.4.9"
PAGED, ASSERTION, MATCHED = "1.2.840.113556.1.4.319", "1.3.6.1.1.12", "1.2.826.0.1.3344810.2.3"
PRE_READ, POST_READ = "1.3.6.1.1.13.1", "1.3.6.1.1.13.2"
SYNC, DIRSYNC = "1.3.6.1.4.1.4203.1.9.1.1", "1.2.840.113556.1.4.841"
PERSISTENT, TREE_DELETE = "2.16.840.1.113730.3.4.3", "1.2.840.113556.1.4.805"
SHOW_DELETED, RELAX = "1.2.840.113556.1.4.417", "1.3.6.1.4.1.4203.666.5.12"
PERMISSIVE, MANAGE_DSA_IT = "1.2.840.113556.1.4.1413", "2.16.840.1.113730.3.4.2"
EXTENDED_DN, SEARCH_OPTIONS = "1.2.840.113556.1.4.529", "1.2.840.113556.1.4.1340"
SUBENTRIES, DOMAIN_SCOPE = "1.3.6.1.4.1.4203.1.10.1", "1.2.840.113556.1.4.1339"
PROXIED, TRANSACTION = "2.16.840.1.113730.3.4.18", "1.3.6.1.1.21.2"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
IN_CHAIN = "1.2.840.113556.1.4.1941"


@dataclass
class Worlds:
    """Folders with a store and its keyring each; who asks; what is to be named, and is in the first alone."""

    full: Path
    begun: Path
    none: Path
    tokens: dict[str, Token]
    names: list[str]
    values: list[bytes]
    cookie: bytes


def person(name: str, **more: list[bytes]) -> dict[str, list[bytes]]:
    return {
        "objectClass": [b"user", b"posixAccount"],
        "cn": [name.encode()],
        "sn": [name.encode()],
        "uid": [name.encode()],
        "sAMAccountName": [name.encode()],
        "homeDirectory": [b"/home"],
        **more,
    }


def done(client: Client, operation: bytes, *controls: bytes) -> None:
    answer = client.answer(operation, controls)
    assert answer.code == 0, answer


def add(client: Client, dn: str, attributes: dict[str, list[bytes]]) -> None:
    done(client, wire.add(dn, attributes.items()))


def fill(client: Client, domain: str, people: list[str], mark: bytes) -> None:
    """People, a group of them, a unit, and something deleted."""
    realm = ".".join(part[3:] for part in domain.split(","))
    for number, name in enumerate(people, 1):
        more = {
            "description": [mark],
            "mail": [f"{name}@{realm}".encode()],
            "userPrincipalName": [f"{name}@{realm}".encode()],
            "servicePrincipalName": [f"http/{name}.{realm}".encode()],
            "telephoneNumber": [b"+1 555 %d" % number],
            "uidNumber": [b"%d" % (70_000 + number)],
            "gidNumber": [b"70000"],
            "homeDirectory": [b"/home/" + mark],
        }
        add(client, f"cn={name},{USERS}{domain}", person(name) | more)
    unit = f"ou=unit,{domain}"
    add(client, unit, {"objectClass": [b"organizationalUnit"], "ou": [b"unit"], "description": [mark]})
    first, second = (f"cn={name},{USERS}{domain}" for name in people[:2])
    group = {"objectClass": [b"group"], "cn": [b"staff"], "sAMAccountName": [b"staff"]}
    add(client, f"cn=staff,{unit}", group | {"member": [first.encode()]})
    done(client, wire.modify(first, [(wire.ADD, "manager", [second.encode()])]))
    there = {"objectClass": [b"referral", b"extensibleObject"], "ref": [b"ldap://" + mark + b".example/"]}
    add(client, f"cn=there,{unit}", there | {"cn": [b"there"]})
    alias = {"objectClass": [b"alias", b"extensibleObject"], "aliasedObjectName": [first.encode()]}
    add(client, f"cn=alias,{unit}", alias | {"cn": [b"alias"]})
    add(client, f"cn=gone,{unit}", {"objectClass": [b"container"], "cn": [b"gone"]})
    done(client, wire.delete(f"cn=gone,{unit}"))


def stand_in(client: Client, domain: str, operator: str) -> str:
    """The name of the entry that stands for an operator in a tenant."""
    ((_, found),) = client.answer(wire.search(operator, wire.BASE, attributes=["objectSid"])).entries
    return f"cn={format_sid(Sid(found['objectSid'][0]))},cn=ForeignSecurityPrincipals,{domain}"


def invite(client: Client, domain: str, operator: str) -> None:
    dn = stand_in(client, domain, operator)
    add(client, dn, {"objectClass": [b"foreignSecurityPrincipal"]})
    group = f"cn=Administrators,cn=Builtin,{domain}"
    done(client, wire.modify(group, [(wire.ADD, "member", [dn.encode()])]))


def open_store(folder: Path, now: float = LATER) -> Store:
    return Store.open(folder / "store", Keyring.open(folder / "keyring"), now=lambda: now, map_size=1 << 30)


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="lw-", dir=memory) as folder:
        yield build(Path(folder))


def build(folder: Path) -> Worlds:
    """The three copies, and what is to be asked for."""
    none, begun, full = (folder / name for name in ("none", "begun", "full"))
    none.mkdir()
    tokens, tree = begin(none)
    shutil.copytree(none, begun)
    with open_store(begun, START) as store:
        make(Directory.over(store, tree), "beta.example")
    shutil.copytree(begun, full)
    with open_store(full, START) as store:
        owner = Memory(store, START).connect(replace(tokens["system's administrator"], bypass=True))
        fill(owner, OTHERS, ["eve", "tom", "wes"], MARK)
        expelled = f"cn=ex,{USERS}{SYSTEM}"
        invite(owner, OTHERS, expelled)
        done(owner, wire.delete(stand_in(owner, OTHERS, expelled)))
        names, values, cookie = known_of(Memory(store, START), sign_in(Directory.over(store, tree), BETAS))
        with store.read() as txn:
            usn = txn.last_usn()
    for world in (none, begun):
        with open_store(world, START) as store, store.write() as txn:
            burn(txn, usn)
    for world in (none, begun, full):  # so that their clocks are the same, too
        with open_store(world) as store, store.write() as txn:
            txn.begin_change()
    return Worlds(full, begun, none, tokens, names, values, cookie)


def begin(folder: Path) -> tuple[dict[str, Token], Tree]:
    """A store with the clients' tenant, and who they are."""
    directory = Directory(folder)
    make(directory, "acme.example")
    with directory.store.write() as txn:
        password = prepare_password(PASSWORD, HASHING)
        set_password(txn, directory.tree.tenant, directory.tree.administrator, password, txn.begin_change())
    administrator = sign_in(directory, directory.tree.administrator_dn, PASSWORD)
    owner = Memory(directory.store, START).connect(replace(administrator, bypass=True))
    fill(owner, MINE, ["ann", "bob", "cat"], b"aardvark")
    accounts = {
        "acme's user": f"cn=dan,{USERS}{MINE}",
        "operator of acme": f"cn=op,{USERS}{SYSTEM}",
        "expelled by beta": f"cn=ex,{USERS}{SYSTEM}",
        "system's user": f"cn=sue,{USERS}{SYSTEM}",
    }
    for dn in accounts.values():
        name = dn[3:].partition(",")[0]
        add(owner, dn, person(name) | {"userPassword": [PASSWORD]})
    invite(owner, MINE, accounts["operator of acme"])
    tokens = {who: sign_in(directory, dn, PASSWORD) for who, dn in accounts.items()}
    tokens["acme's administrator"] = sign_in(directory, "Administrator@acme.example")
    tokens["system's administrator"] = administrator
    tree = directory.tree
    directory.close()
    return tokens, tree


def known_of(memory: Memory, token: Token) -> tuple[list[str], list[bytes], bytes]:
    """Names and values of what the other tenant has, and a cookie of its administrator's."""
    client = memory.connect(token)
    page = wire.control(PAGED, True, wire.sequence(wire.integer(2), wire.text("")))
    first = client.answer(wire.search(OTHERS), [page])
    assert first.code == 0, first
    (_, (_, cookie)) = wire.elements(next(wire.elements(first.controls[PAGED] or b""))[1])
    names, values = [], []
    deleted = wire.control(SHOW_DELETED, True)
    manage = wire.control(MANAGE_DSA_IT, True)
    everything = client.answer(wire.search(OTHERS, attributes=["*", "+"]), [deleted, manage])
    for dn, attributes in everything.entries:
        text = dn.decode()
        names.append(text)
        if text.startswith(("cn=eve", "cn=staff", "cn=gone")):
            guid = attributes["objectGUID"][0]
            names.append(f"<GUID={uuid.UUID(bytes_le=guid)}>")
            values += [guid, attributes["entryUUID"][0], dn]
            for sid in attributes.get("objectSid", []):
                names.append(f"<SID={format_sid(Sid(sid))}>")
                values += [sid, format_sid(Sid(sid)).encode()]
    return names, values, cookie


# --- requests


ATTRIBUTES = (
    "cn", "sn", "uid", "mail", "description", "telephoneNumber", "member", "memberOf", "manager", "directReports",
    "objectGUID", "entryUUID", "objectSid", "sAMAccountName", "userPrincipalName", "servicePrincipalName",
    "uidNumber", "objectClass", "distinguishedName", "entryDN", "primaryGroupID", "tokenGroups", "anr",
    "uSNChanged", "isDeleted", "lastKnownParent", "userPassword", "nTSecurityDescriptor", "numSubordinates",
    "msDS-PrincipalName", "lockoutTime", "seeAlso", "noSuchAttribute",
)  # fmt: skip
OWN_NAMES = [
    "",
    MINE,
    USERS + MINE,
    f"cn=ann,{USERS}{MINE}",
    f"cn=dan,{USERS}{MINE}",
    f"cn=staff,ou=unit,{MINE}",
    f"ou=unit,{MINE}",
    f"cn=new,{USERS}{MINE}",
    f"cn=nobody,{USERS}{MINE}",
    f"cn=Administrators,cn=Builtin,{MINE}",
]
OTHER_NAMES = [
    OTHERS,
    USERS + OTHERS,
    f"cn=nobody,{USERS}{OTHERS}",
    f"cn=below,cn=eve,{USERS}{OTHERS}",
    f"cn=Administrator,{USERS}{OTHERS}",
    f"cn=Audit,{OTHERS}",
    f"cn=Deleted Objects,{OTHERS}",
    f"dc=sub,{OTHERS}",
    "dc=example",
    "cn=config",
    "cn=Tenants,cn=config",
    "cn=beta.example,cn=Tenants,cn=config",
    SYSTEM,
    USERS + SYSTEM,
    "cn=aggregate,cn=schemacontext",
    "<SID=S-1-5-32-544>",
]
OTHER_VALUES = [
    b"eve",
    b"staff",
    b"eve@beta.example",
    b"nobody@beta.example",
    b"http/eve.beta.example",
    b"70001",
    b"+1 555 1",
    b"BETA\\eve",
    b"ann",
    b"ann@acme.example",
    b"user",
    b"",
    b"*",
]
LOGINS = [
    "eve@beta.example",
    "nobody@beta.example",
    "BETA\\eve",
    "BETA\\nobody",
    "eve@nowhere.example",
    "eve",
]
BETAS = "Administrator@beta.example"


class Step(NamedTuple):
    """One request of one of the clients. `page`: with the cookie of the page before."""

    who: int
    operation: bytes
    controls: tuple[bytes, ...]
    says: str


def filters(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[Any, ...]]:
    names = st.sampled_from(ATTRIBUTES)
    rules = st.sampled_from([None, IN_CHAIN, "caseIgnoreMatch", "1.2.840.113556.1.4.803"])
    leaf = (
        st.tuples(st.sampled_from(["equal", "greater", "less", "approx"]), names, values)
        | st.tuples(st.just("present"), names)
        | st.tuples(st.just("substrings"), names, values, st.just(()), st.none())
        | st.tuples(st.just("extensible"), rules, names | st.none(), values, st.booleans())
    )
    return st.recursive(
        leaf,
        lambda inner: (
            st.tuples(st.just("not"), inner) | st.tuples(st.sampled_from(["and", "or"]), inner, inner)
        ),
        max_leaves=4,
    )


def flag(value: bool) -> bytes:
    return b"\x01\x01" + (b"\xff" if value else b"\x00")


OF_SEARCHES: list[tuple[str, ...]] = [
    (), (), (), (SORT,), (SORT, VLV), (PAGED,), (SORT, PAGED), (ASSERTION,), (MATCHED,), (SYNC,), (DIRSYNC,),
    (PERSISTENT,), (SHOW_DELETED,), (EXTENDED_DN,), (SEARCH_OPTIONS,), (SUBENTRIES,), (PROXIED,), (DOMAIN_SCOPE,),
    (SHOW_DELETED, SEARCH_OPTIONS, EXTENDED_DN), (MANAGE_DSA_IT, SHOW_DELETED),
]  # fmt: skip
OF_WRITES: list[tuple[str, ...]] = [
    (), (), (), (ASSERTION,), (PRE_READ,), (POST_READ,), (PRE_READ, POST_READ), (TREE_DELETE,), (SHOW_DELETED,),
    (RELAX,), (PERMISSIVE,), (MANAGE_DSA_IT,), (PROXIED,),
]  # fmt: skip


def search_controls(draw: st.DrawFn, some_filter: Any, cookie: bytes) -> list[bytes]:
    """Controls of a search: those that go together, and now and then those that do not."""
    chosen = draw(st.sampled_from(OF_SEARCHES))
    key = wire.sequence(
        wire.text(draw(st.sampled_from(ATTRIBUTES))), b"\x81\x01\xff" if draw(st.booleans()) else b""
    )
    offset = wire.sequence(wire.integer(draw(st.integers(1, 9))), wire.integer(0), tag=0xA0)
    mode = wire.integer(draw(st.sampled_from([1, 3])), 0x0A)
    known = draw(st.sampled_from([b"", cookie]))
    filtered = wire.filter_bytes(draw(some_filter))
    values = {
        SORT: wire.sequence(key),
        VLV: wire.sequence(
            wire.integer(1), wire.integer(5), draw(st.sampled_from([offset, wire.text(b"e", 0x81)]))
        ),
        PAGED: wire.sequence(wire.integer(draw(st.integers(1, 5))), wire.text(known)),
        ASSERTION: filtered,
        MATCHED: wire.sequence(filtered),
        SYNC: wire.sequence(mode, wire.text(cookie) if known else b""),
        DIRSYNC: wire.sequence(wire.integer(draw(st.integers(0, 1))), wire.integer(0), wire.text(known)),
        PERSISTENT: wire.sequence(wire.integer(15), flag(draw(st.booleans())), flag(True)),
        EXTENDED_DN: wire.sequence(wire.integer(1)),
        SEARCH_OPTIONS: wire.sequence(wire.integer(draw(st.integers(0, 3)))),
        SUBENTRIES: flag(draw(st.booleans())),
        PROXIED: b"dn:cn=eve," + (USERS + OTHERS).encode(),
    }
    return [
        wire.control(oid, draw(st.booleans()) or oid in (PERSISTENT, SYNC), values.get(oid)) for oid in chosen
    ]


def write_controls(draw: st.DrawFn, some_filter: Any) -> list[bytes]:
    chosen = draw(st.sampled_from(OF_WRITES))
    selection = wire.sequence(wire.text("*"), wire.text("+"))
    values = {
        ASSERTION: wire.filter_bytes(draw(some_filter)),
        PRE_READ: selection,
        POST_READ: selection,
        PROXIED: b"u:eve@beta.example",
    }
    return [wire.control(oid, draw(st.booleans()), values.get(oid)) for oid in chosen]


@st.composite
def steps(draw: st.DrawFn, known: Worlds) -> Step:
    """A request that is likely to touch what another tenant has."""
    value = st.sampled_from(OTHER_VALUES + known.values)
    other = st.sampled_from(OTHER_NAMES + known.names)
    name = st.one_of(st.sampled_from(OWN_NAMES), other, other)
    some_filter = filters(value)
    kind = draw(st.sampled_from(["search"] * 4 + list(_REQUESTS)))
    dn = draw(name)
    if kind == "search":
        scope = draw(st.sampled_from([0, 1, 2]))
        filter_ = draw(some_filter)
        limit = draw(st.sampled_from([0, 0, 1, 5]))
        wanted = draw(st.sampled_from([(), ("*", "+"), ("1.1",), ATTRIBUTES]))
        deref = draw(st.sampled_from([0, 3]))
        operation = wire.search(dn, scope, filter_, wanted, size_limit=limit, deref=deref)
        controls = search_controls(draw, some_filter, known.cookie)
        says = f"search {dn!r} {scope} {filter_}"
    else:
        operation = _REQUESTS[kind](draw, dn, draw(name), draw(value))
        is_write = kind in ("add", "modify", "link", "rename", "move", "delete")
        controls = write_controls(draw, some_filter) if is_write else []
        says = f"{kind} {dn!r}"
    return Step(draw(st.integers(0, 6)), operation, tuple(controls), says)


def _add(draw: st.DrawFn, dn: str, other: str, value: bytes) -> bytes:
    naming = dn.partition(",")[0].partition("=")
    given = draw(
        st.sampled_from(["sAMAccountName", "userPrincipalName", "servicePrincipalName", "uidNumber", "uid"])
    )
    attributes = person(naming[2] or "x") | {
        given: [value or b"x"],
        "homeDirectory": [b"/"],
        "gidNumber": [b"7"],
    }
    if draw(st.booleans()):
        attributes = {"objectClass": [b"group"], "cn": [b"new"], "member": [other.encode()]}
    if draw(st.booleans()) and naming[0] == "dc":
        attributes = {"objectClass": [b"domain"], "dc": [naming[2].encode()]}
    return wire.add(dn, attributes.items())


def _modify(draw: st.DrawFn, dn: str, other: str, value: bytes) -> bytes:
    kind = draw(st.sampled_from([wire.ADD, wire.DELETE, wire.REPLACE, wire.INCREMENT]))
    return wire.modify(dn, [(kind, draw(st.sampled_from(ATTRIBUTES)), [value])])


def _link(draw: st.DrawFn, dn: str, other: str, value: bytes) -> bytes:
    target = draw(st.sampled_from([dn, OWN_NAMES[5], OWN_NAMES[3]]))
    attribute = draw(
        st.sampled_from(["member", "manager", "seeAlso", "memberOf", "lastKnownParent", "secretary"])
    )
    return wire.modify(
        target, [(draw(st.sampled_from([wire.ADD, wire.DELETE])), attribute, [other.encode()])]
    )


def _password(draw: st.DrawFn, dn: str, other: str, value: bytes) -> bytes:
    user = draw(st.sampled_from([dn, *(f"u:{one}" for one in LOGINS)]))
    old = [wire.text(b"wrong old one", 0x81)] if draw(st.booleans()) else []
    new = [wire.text(BEGUN + str(draw(st.integers(0, 9))), 0x82)] if draw(st.booleans()) else []
    return wire.extended(PASSWORD_MODIFY, wire.sequence(wire.text(user, 0x80), *old, *new))


_REQUESTS: dict[str, Any] = {
    "add": _add,
    "modify": _modify,
    "link": _link,
    "password modify": _password,
    "compare": lambda draw, dn, other, value: wire.compare(dn, draw(st.sampled_from(ATTRIBUTES)), value),
    "delete": lambda draw, dn, other, value: wire.delete(dn),
    "rename": lambda draw, dn, other, value: wire.modify_dn(dn, "cn=eve", draw(st.booleans())),
    "move": lambda draw, dn, other, value: wire.modify_dn(dn, dn.partition(",")[0] or "cn=x", True, other),
    "bind": lambda draw, dn, other, value: wire.bind(draw(st.sampled_from([dn, *LOGINS])), "a wrong one"),
    "who am I": lambda draw, dn, other, value: wire.extended("1.3.6.1.4.1.4203.1.11.3"),
    "refresh": lambda draw, dn, other, value: wire.extended(
        "1.3.6.1.4.1.1466.101.119.1", wire.sequence(wire.text(dn, 0x80), wire.integer(600, 0x81))
    ),
}


# --- the two worlds


@dataclass
class Pair:
    """The same clients in two copies."""

    who: list[str]
    clients: list[list[Client]]

    def ask(self, number: int, operation: bytes, controls: Sequence[bytes], says: str) -> None:
        """Asks in both, and compares what all clients hear: those who follow changes, too."""
        index = number % len(self.who)
        said = [side[index].ask(operation, controls) for side in self.clients]
        assert said[0], "no answer"
        assert said[0] == said[1], f"{self.who[index]}: {says}"
        assert MARK not in said[0]
        for one, other in zip(*self.clients, strict=True):
            heard = one.receive()
            assert heard == other.receive(), f"{self.who[index]}: {says}"
            assert MARK not in heard


@contextmanager
def opened(worlds: Worlds, *, of_system: bool) -> Iterator[Pair]:
    """Two fresh copies: with the other tenant full, and as far as these clients are told of it, empty."""
    administrator = "system's administrator"
    who = [administrator] if of_system else [one for one in worlds.tokens if one != administrator]
    with ExitStack() as stack:
        sides = []
        for world in (worlds.full, worlds.begun if of_system else worlds.none):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=world.parent))) / "copy"
            shutil.copytree(world, folder)
            memory = Memory(stack.enter_context(open_store(folder)), LATER, b"asked")
            tokens = (
                [worlds.tokens[one] for one in who]
                if of_system
                else [None, *(worlds.tokens[one] for one in who)]
            )
            sides.append([memory.connect(one) for one in tokens])
        yield Pair(who if of_system else ["anonymous", *who], sides)
        for client in (client for side in sides for client in side):
            client.close()


def ways(name: str, value: bytes) -> Iterator[tuple[str, bytes, tuple[bytes, ...]]]:
    """One request of each kind that names something, or asks about a value."""
    everything = ("*", "+")
    equal = ("equal", "sAMAccountName", value)
    chain = ("extensible", IN_CHAIN, "memberOf", name.encode(), False)
    selection = wire.sequence(wire.text("*"))
    deleted = (wire.control(SHOW_DELETED, True),)
    for scope in (wire.BASE, wire.ONE, wire.SUBTREE):
        yield f"search {scope}", wire.search(name, scope, attributes=everything), ()
        for deref in (2, 3):
            yield f"dereferencing {scope}", wire.search(name, scope, deref=deref), ()
        yield f"deleted {scope}", wire.search(name, scope, attributes=everything), deleted
    unsortable = wire.control(SORT, True, wire.sequence(wire.sequence(wire.text("member"))))
    yield "sort", wire.search(name, wire.BASE), (unsortable,)
    yield "below", wire.search(f"cn=x,{name}", wire.BASE), ()
    yield "member of", wire.search(MINE, filter=("equal", "memberOf", name.encode())), ()
    yield "in chain", wire.search(MINE, filter=chain), ()
    for attribute in ("cn", "objectSid", "userPrincipalName", "mail", "objectGUID"):
        yield (
            attribute,
            wire.search("", wire.SUBTREE, ("equal", attribute, value), everything),
            (PHANTOM_ROOT,),
        )
    yield "compare", wire.compare(name, "sAMAccountName", value), ()
    yield "assert", wire.compare(name, "cn", b"x"), (wire.control(ASSERTION, True, wire.filter_bytes(equal)),)
    for oid, value_ in (
        (SYNC, wire.sequence(wire.integer(1, 0x0A))),
        (SYNC, wire.sequence(wire.integer(3, 0x0A))),
        (DIRSYNC, wire.sequence(wire.integer(0), wire.integer(0), wire.text(""))),
        (DIRSYNC, wire.sequence(wire.integer(1), wire.integer(0), wire.text(""))),
        (PERSISTENT, wire.sequence(wire.integer(15), flag(False), flag(True))),
    ):
        yield oid, wire.search(name), (wire.control(oid, True, value_),)
    for critical in (False, True):
        read = (
            wire.control(PRE_READ, critical, selection),
            wire.control(ASSERTION, True, wire.filter_bytes(equal)),
        )
        yield "modify", wire.modify(name, [(wire.REPLACE, "description", [b"x"])]), read
    yield "modify without", wire.modify(name, [(wire.ADD, "noSuchAttribute", [b"x"])]), ()
    for attribute in ("member", "manager", "seeAlso"):
        yield attribute, wire.modify(f"cn=staff,ou=unit,{MINE}", [(wire.ADD, attribute, [name.encode()])]), ()
    group = {"objectClass": [b"group"], "cn": [b"made"], "member": [name.encode()]}
    yield "group", wire.add(f"cn=made,{USERS}{MINE}", group.items()), ()
    yield "no group", wire.delete(f"cn=made,{USERS}{MINE}"), ()
    for attribute in ("sAMAccountName", "userPrincipalName", "servicePrincipalName", "uidNumber", "mail"):
        made = person("made") | {"gidNumber": [b"7"], "uidNumber": [b"7"]} | {attribute: [value]}
        yield f"unique {attribute}", wire.add(f"cn=made,{USERS}{MINE}", made.items()), ()
        yield "no person", wire.delete(f"cn=made,{USERS}{MINE}"), ()
    yield "add", wire.add(name, {"objectClass": [b"container"], "cn": [b"x"]}.items()), ()
    yield "add domain", wire.add(name, {"objectClass": [b"domain"], "dc": [b"x"]}.items()), ()
    yield "add below", wire.add(f"cn=x,{name}", {"objectClass": [b"container"], "cn": [b"x"]}.items()), ()
    yield "rename", wire.modify_dn(name, "cn=eve", True), ()
    yield "move in", wire.modify_dn(name, "cn=x", False, MINE), ()
    yield "move out", wire.modify_dn(f"cn=bob,{USERS}{MINE}", "cn=bob", True, name), ()
    back = [(wire.DELETE, "isDeleted", []), (wire.REPLACE, "distinguishedName", [b"cn=x," + MINE.encode()])]
    yield "undelete", wire.modify(name, back), deleted
    if name not in OWN_NAMES:
        yield "delete", wire.delete(name), ()
        yield "tree delete", wire.delete(name), (wire.control(TREE_DELETE, True),)
    for who in (name, f"dn:{name}", "u:" + value.decode("utf-8", "replace")):
        yield "new password", wire.extended(PASSWORD_MODIFY, wire.sequence(wire.text(who, 0x80))), ()
        old = wire.sequence(wire.text(who, 0x80), wire.text("wrong", 0x81), wire.text(BEGUN, 0x82))
        yield "change password", wire.extended(PASSWORD_MODIFY, old), ()
    refresh = wire.sequence(wire.text(name, 0x80), wire.integer(600, 0x81))
    yield "refresh", wire.extended("1.3.6.1.4.1.1466.101.119.1", refresh), ()


PHANTOM_ROOT = wire.control(SEARCH_OPTIONS, True, wire.sequence(wire.integer(2)))


ALWAYS = ("acme's administrator", "system's administrator")
"""who asks everything; the others take turns"""


@pytest.mark.parametrize("of_system", [False, True])
def test_neg_103_every_request_for_every_name(worlds: Worlds, of_system: bool) -> None:
    """Of every client; what succeeds happens in both copies."""
    names = [*OTHER_NAMES, *worlds.names]
    values = [*OTHER_VALUES, *worlds.values]
    asked = 0
    with opened(worlds, of_system=of_system) as pair:
        for number in range(len(pair.who)):
            for index, name in enumerate(names):
                for turn, way in enumerate(ways(name, values[index % len(values)])):
                    if turn % 3 == number % 3 or pair.who[number] in ALWAYS:
                        kind, operation, controls = way
                        pair.ask(number, operation, controls, f"{kind} {name}")
                        asked += 1
    assert asked > 1000


def test_changes_of_another_tenant_are_heard_by_nobody(worlds: Worlds) -> None:
    """By no client that follows changes, while the other tenant works."""
    followed = (
        wire.control(PERSISTENT, True, wire.sequence(wire.integer(15), flag(False), flag(True))),
        wire.control(SYNC, True, wire.sequence(wire.integer(3, 0x0A))),
    )
    who_am_i = wire.extended("1.3.6.1.4.1.4203.1.11.3")
    with opened(worlds, of_system=False) as pair:
        for number, who in enumerate(pair.who):
            base = MINE if "acme" in who else SYSTEM
            for control in followed:
                pair.ask(number, wire.search(base, attributes=["cn"]), (control,), f"following {base}")
        full, none = (side[0].memory for side in pair.clients)
        owner = full.connect(replace(worlds.tokens["system's administrator"], bypass=True))
        person_of = f"cn=eve,{USERS}{OTHERS}"
        done(owner, wire.modify(person_of, [(wire.REPLACE, "description", [MARK])]))
        done(owner, wire.modify_dn(person_of, "cn=eva", True))
        done(owner, wire.delete(f"cn=eva,{USERS}{OTHERS}"))
        with full.store.read() as snapshot, none.write() as txn:
            burn(txn, snapshot.last_usn())
        none.service.followers.wake()
        for _ in range(3):
            pair.ask(0, who_am_i, (), "who am I")
            for memory in (full, none):
                memory.clock.advance(1)


@pytest.mark.parametrize("who", range(6))
def test_wrong_passwords(worlds: Worlds, who: int) -> None:
    """Of somebody and of nobody, as often as it takes to lock an account."""
    with opened(worlds, of_system=False) as pair:
        for name in (*LOGINS, f"cn=eve,{USERS}{OTHERS}", *worlds.names[-2:]):
            for _ in range(2):
                pair.ask(who, wire.bind(name, "a wrong one"), (), f"bind {name}")


def ask_at_random(worlds: Worlds, asked: list[Step], *, of_system: bool) -> None:
    with opened(worlds, of_system=of_system) as pair:
        for step in asked:
            note(f"{step.says} {step.controls}")
            pair.ask(step.who, step.operation, step.controls, step.says)


@settings(
    max_examples=settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_answers_tell_nothing_of_another_tenant(worlds: Worlds, data: st.DataObject) -> None:
    """Nor that there is one."""
    ask_at_random(worlds, data.draw(st.lists(steps(worlds), min_size=1, max_size=8)), of_system=False)


@settings(
    max_examples=settings().max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_the_systems_administrator_is_told_that_it_exists_and_no_more(
    worlds: Worlds, data: st.DataObject
) -> None:
    ask_at_random(worlds, data.draw(st.lists(steps(worlds), min_size=1, max_size=8)), of_system=True)
