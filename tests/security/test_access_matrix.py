"""Who may do what: each operation, by each kind of asker, with each right alone, with all but it, and with it denied.

What is expected is computed from the tables below, which say of each operation what it needs. They are read from
[MS-ADTS] 5.1.3 and docs/protocols/access.md, not from the code. The requests go over real connections in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from customers import HASHING, SECRET, make, sign_in
from descriptors import put_descriptor
from fresh_directory import BUILTIN, START, Directory
from ldap_memory import Client, Memory, messages
from lightwave.directory.access.sid import Sid, format_sid
from lightwave.directory.access.token import Token
from lightwave.directory.store.environment import Store
from lightwave.identity.credentials import prepare_password, set_password
from reference import wire

ACME = "dc=acme,dc=example"
SOURCE, OTHER = f"ou=source,{ACME}", f"ou=other,{ACME}"
TARGET, SECOND = f"cn=t,{SOURCE}", f"cn=u,{SOURCE}"
PASSWORD = "Grotto 7 lamp xyz"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
SORT, VLV, MATCHED, ASSERTION = (
    "1.2.840.113556.1.4.473",
    "2.16.840.1.113730.3.4.9",
    "1.2.826.0.1.3344810.2.3",
    "1.3.6.1.1.12",
)
PRE_READ, POST_READ, TREE_DELETE = "1.3.6.1.1.13.1", "1.3.6.1.1.13.2", "1.2.840.113556.1.4.805"
SYNC, PERSISTENT, SD_FLAGS = "1.3.6.1.4.1.4203.1.9.1.1", "2.16.840.1.113730.3.4.3", "1.2.840.113556.1.4.801"

CN, DESCRIPTION = "bf96793f-0de6-11d0-a285-00aa003049e2", "bf967950-0de6-11d0-a285-00aa003049e2"
NAME, SERIAL = "bf967a0e-0de6-11d0-a285-00aa003049e2", "bf967a9c-0de6-11d0-a285-00aa003049e2"
USER = "bf967aba-0de6-11d0-a285-00aa003049e2"
RESET, CHANGE = "00299570-246d-11d0-a768-00aa006e0529", "ab721a53-1e2f-11d0-9819-00aa0040529b"

# Right -> (whose descriptor, access control entries without trustee).
RIGHTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "list": (SOURCE, (";LC;;;",)),
    "create": (SOURCE, (f";CC;{USER};;",)),
    "delete child": (SOURCE, (";DC;;;",)),
    "create there": (OTHER, (f";CC;{USER};;",)),
    "read cn": (TARGET, (f";RP;{CN};;",)),
    "read": (TARGET, (f";RP;{DESCRIPTION};;",)),
    "write": (TARGET, (f";WP;{DESCRIPTION};;",)),
    "write name": (TARGET, (f";WP;{CN};;", f";WP;{NAME};;")),
    "delete": (TARGET, (";SD;;;",)),
    "delete tree": (TARGET, (";DT;;;",)),
    "reset": (TARGET, (f";CR;{RESET};;",)),
    "change": (TARGET, (f";CR;{CHANGE};;",)),
    "read control": (TARGET, (";RC;;;",)),
    "write access": (TARGET, (";WD;;;",)),
}
ALL = frozenset(RIGHTS)
SEES = frozenset({"list", "read cn"})

OK, ABSENT, DENIED, ANONYMOUS = 0, 32, 50, 8
TRUE = ("and",)
"""a filter that asks for no attribute (RFC 4526)"""


def sees(held: frozenset[str]) -> bool:
    """Whether the target is there: its parent's children are listed, and something of it is read."""
    return "list" in held and bool(held & {"read cn", "read"})


class Operation(NamedTuple):
    """needs: any of these sets of rights, beside that the target is seen. yes, no, unseen: what `run` gives then;
    `no` and `unseen` may
    depend on what is held. of_target: whether the target has to be seen for it.
    """

    run: Callable[[Client], object]
    needs: tuple[frozenset[str], ...]
    yes: object = OK
    no: object | Callable[[frozenset[str]], object] = DENIED
    unseen: object | Callable[[frozenset[str]], object] = ABSENT
    is_write: bool = False
    of_target: bool = True


def needs(*any_of: str) -> tuple[frozenset[str], ...]:
    """Each text: rights that are needed together, with "+" between them."""
    return tuple(frozenset(filter(None, one.split("+"))) for one in any_of)


def code(operation: bytes, *controls: bytes) -> Callable[[Client], object]:
    return lambda client: client.answer(operation, controls).code


def permitted(operation: bytes) -> Callable[[Client], object]:
    """OK also for what is refused for another reason than a right."""

    def run(client: Client) -> object:
        answer = client.answer(operation).code
        return answer if answer in (ABSENT, DENIED, ANONYMOUS) else OK

    return run


def found(
    base: str, scope: int, *controls: bytes, filter: Sequence[Any] = TRUE
) -> Callable[[Client], object]:
    """Whether a search gives the target; its result code where it is no success."""

    def run(client: Client) -> object:
        answer = client.answer(wire.search(base, scope, filter, ["1.1"]), controls)
        return answer.code or any(dn.startswith(b"cn=t,") for dn, _ in answer.entries)

    return run


def shown(attribute: str, *controls: bytes) -> Callable[[Client], object]:
    """Whether a search shows an attribute of the target; its result code where it is no success."""

    def run(client: Client) -> object:
        answer = client.answer(wire.search(TARGET, wire.BASE, TRUE, [attribute, "cn"]), controls)
        return answer.code or any(attribute in attributes for _, attributes in answer.entries)

    return run


def equal(attribute: str, value: bytes) -> bytes:
    return wire.filter_bytes(("equal", attribute, value))


def in_order(client: Client) -> object:
    """Whether the order by description, and what it is in reverse, tell one entry from the other."""
    orders = []
    for reverse in (b"", b"\x81\x01\xff"):
        keys = wire.sequence(wire.sequence(wire.text("description"), reverse))
        answer = client.answer(wire.search(SOURCE, wire.ONE, TRUE, ["1.1"]), [wire.control(SORT, True, keys)])
        orders.append([dn for dn, _ in answer.entries])
    return orders[0] != orders[1]


def in_view(client: Client) -> object:
    """Whether the place of a value in a list by description can be told."""
    places = []
    for value in (b"a", b"x"):
        keys = wire.sequence(wire.sequence(wire.text("description")))
        view = wire.sequence(wire.integer(0), wire.integer(0), wire.text(value, 0x81))
        controls = [wire.control(SORT, True, keys), wire.control(VLV, True, view)]
        answer = client.answer(wire.search(SOURCE, wire.ONE, TRUE, ["1.1"]), controls)
        places.append((answer.code, answer.entries, answer.controls))
    return places[0] != places[1]


def before(control: str) -> Callable[[Client], object]:
    """Whether a pre-read or post-read that is critical shows the description; the code of a write that fails."""

    def run(client: Client) -> object:
        asked = wire.control(control, True, wire.sequence(wire.text("description")))
        answer = client.answer(wire.modify(TARGET, [(wire.REPLACE, "description", [b"shown"])]), [asked])
        return answer.code or b"description" in (answer.controls.get(control) or b"")

    return run


def followed(control: str, value: bytes) -> Callable[[Client], object]:
    """Whether a search that follows changes sends the target."""

    def run(client: Client) -> object:
        said = client.ask(wire.search(SOURCE, wire.ONE, TRUE, ["1.1"]), [wire.control(control, True, value)])
        return any(tag == wire.ENTRY and b"cn=t," in content for tag, content, _ in messages(said))

    return run


def password(old: str | None) -> Callable[[Client], object]:
    """A reset or a change by Password Modify."""

    def run(client: Client) -> object:
        proof = b"" if old is None else wire.text(old, 0x81)
        new = wire.text(f"Another one {next(SERIALS)} lamp", 0x82)
        asked = wire.sequence(wire.text(TARGET, 0x80), proof, new)
        answer = client.answer(wire.extended(PASSWORD_MODIFY, asked))
        return DENIED if answer.code == 53 and "old password" in answer.diagnostic else answer.code

    return run


def changed(old: str | None) -> Callable[[Client], object]:
    """The same by a modify, as Active Directory's clients do it."""

    def run(client: Client) -> object:
        new = f"Another one {next(SERIALS)} lamp".encode()
        changes = (
            [(wire.DELETE, "userPassword", [old.encode()]), (wire.ADD, "userPassword", [new])] if old else []
        )
        return client.answer(wire.modify(TARGET, changes or [(wire.REPLACE, "userPassword", [new])])).code

    return run


def unread(held: frozenset[str]) -> object:
    """A write that succeeds, and does not show what is not to be read."""
    return False if "write" in held else DENIED


SERIALS = count(1)
NOBODYS = bytes((1, 0, 4, 0x80, *bytes(12), 20, 0, 0, 0, 2, 0, 8, 0, 0, 0, 0, 0))
"""a descriptor with an empty list ([MS-DTYP] 2.4.6)"""
PERSON = {"objectClass": [b"user"], "sn": [b"x"]}
FLAGS = wire.control(SD_FLAGS, True, wire.sequence(wire.integer(4)))
FOLLOWING = wire.sequence(wire.integer(15), b"\x01\x01\x00", b"\x01\x01\xff")
VALUES = wire.control(MATCHED, True, wire.sequence(equal("description", b"m")))
ASSERTED = wire.control(ASSERTION, True, equal("description", b"m"))
DELETED_VALUE = [(wire.DELETE, "description", [b"m"])]


def reads(run: Callable[[Client], object], *rights: str, unseen: object = ABSENT) -> Operation:
    return Operation(run, needs(*rights), yes=True, no=False, unseen=unseen)


def writes(run: Callable[[Client], object], *rights: str) -> Operation:
    return Operation(run, needs(*rights), is_write=True)


OPERATIONS: dict[str, Operation] = {
    "search base": reads(found(TARGET, wire.BASE), ""),
    "search one": reads(found(SOURCE, wire.ONE), "", unseen=False),
    "search subtree": reads(found(SOURCE, wire.SUBTREE), "", unseen=False),
    "read": reads(shown("description"), "read"),
    "filter": reads(found(TARGET, wire.BASE, filter=("equal", "description", b"m")), "read"),
    "filter not": reads(found(TARGET, wire.BASE, filter=("not", ("equal", "description", b"q"))), "read"),
    "indexed": reads(found(SOURCE, wire.ONE, filter=("equal", "cn", b"t")), "read cn", unseen=False),
    "compare": Operation(code(wire.compare(TARGET, "description", b"m")), needs("read"), yes=6),
    "sort": reads(in_order, "read", unseen=False),
    "view": reads(in_view, "read", unseen=False),
    "matched values": reads(shown("description", VALUES), "read"),
    "assertion": Operation(found(TARGET, wire.BASE, ASSERTED), needs("read"), yes=True, no=122),
    "content sync": reads(followed(SYNC, wire.sequence(wire.integer(1, 0x0A))), "", unseen=False),
    "persistent search": reads(followed(PERSISTENT, FOLLOWING), "", unseen=False),
    "read descriptor": reads(shown("nTSecurityDescriptor", FLAGS), "read control"),
    "modify add": writes(code(wire.modify(TARGET, [(wire.ADD, "description", [b"n"])])), "write"),
    "modify delete": writes(code(wire.modify(TARGET, DELETED_VALUE)), "write"),
    "modify replace": writes(code(wire.modify(TARGET, [(wire.REPLACE, "description", [b"r"])])), "write"),
    "increment": writes(permitted(wire.modify(TARGET, [(wire.INCREMENT, "description", [b"1"])])), "write"),
    "modify asserting": Operation(
        code(wire.modify(TARGET, [(wire.REPLACE, "description", [b"r"])]), ASSERTED),
        needs("write+read"),
        no=lambda held: DENIED if "read" in held else 122,
        is_write=True,
    ),
    "pre-read": Operation(before(PRE_READ), needs("write+read"), yes=True, no=unread, is_write=True),
    "post-read": Operation(before(POST_READ), needs("write+read"), yes=True, no=unread, is_write=True),
    "write descriptor": Operation(
        code(wire.modify(TARGET, [(wire.REPLACE, "nTSecurityDescriptor", [NOBODYS])]), FLAGS),
        needs("write access"),
        unseen=lambda held: (
            OK if {"read control", "write access"} <= held else ABSENT
        ),  # so it can be repaired
        is_write=True,
    ),
    "rename": writes(code(wire.modify_dn(TARGET, "cn=t2", True)), "write name"),
    "move": writes(
        code(wire.modify_dn(TARGET, "cn=t", True, OTHER)),
        "write name+create there+delete",
        "write name+create there+delete child",
    ),
    "reset by modify": writes(changed(None), "reset"),
    "change by modify": writes(changed(PASSWORD), "reset", "change"),
    "reset": writes(password(None), "reset"),
    "change": writes(password(PASSWORD), "reset", "change"),
    "add": Operation(
        code(wire.add(f"cn=new,{SOURCE}", PERSON.items())), needs("create"), is_write=True, of_target=False
    ),
    "delete": writes(code(wire.delete(TARGET)), "delete", "delete child"),
    "delete tree": writes(
        code(wire.delete(TARGET), wire.control(TREE_DELETE, True)), "delete tree", "delete", "delete child"
    ),
}
OF_TWO = ("sort", "view")
"""are about another entry, too, which is nobody's self"""
SILENT = ("sort", "view", "content sync", "persistent search")
"""say of a base that is not there what they say of an empty one"""
NEVER_ANONYMOUS = ("read descriptor", "content sync", "persistent search")


# --- who asks


class Rehearsals:
    """A committer that undoes what succeeds, too, and says that it is done."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def submit(self, apply: Any, done: Any) -> None:
        result: object
        with self._store.write() as txn:
            child = txn.child()
            try:
                result = apply(child)
            except Exception as error:  # noqa: BLE001  the outcome is the caller's
                result = error
            child.abort()
        done(result)


@dataclass
class Asker:
    """token: None for nobody. trustee, trustee_above: whom the entries name, on the target and beside it."""

    token: Token | None
    trustee: str
    trustee_above: str
    is_nobody: bool = False
    """his SIDs are another tenant's"""


@dataclass
class Matrix:
    directory: Directory
    memory: Memory
    owner: str
    askers: dict[str, Asker]

    def describe(self, asker: Asker, held: frozenset[str], denied: frozenset[str] = frozenset()) -> None:
        """Gives these rights, and denies some of them before."""
        with self.directory.store.read() as txn:
            schema = self.directory.schemas.current(txn)
        for dn in (SOURCE, OTHER, TARGET, SECOND):
            place = TARGET if dn == SECOND else dn
            trustee = asker.trustee if place == TARGET else asker.trustee_above
            parts = [
                f"({letter}{part}{trustee})"
                for letter, rights in (("%D;", denied), ("%A;", held))
                for name in sorted(rights)
                if RIGHTS[name][0] == place
                for part in RIGHTS[name][1]
            ]
            aces = "".join(
                one.replace("(%", "(O" if "-" in one.partition(trustee)[0] else "(") for one in parts
            )
            everybody = "(A;;RP;;;WD)(A;;RP;;;AN)" if place != TARGET else "(A;;LO;;;OW)"
            sddl = f"O:{self.owner}G:BAD:P{aces}{everybody}"
            put_descriptor(self.directory.store, schema, dn.encode(), sddl)


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="lw-", dir=memory) as folder:
        directory = Directory(Path(folder))
        yield build(directory)
        directory.close()


def build(directory: Directory) -> Matrix:
    with directory.store.write() as txn:
        secret = prepare_password(SECRET, HASHING)
        set_password(txn, directory.tree.tenant, directory.tree.administrator, secret, txn.begin_change())
    make(directory, "acme.example")
    make(directory, "beta.example")
    system = sign_in(directory, directory.tree.administrator_dn)
    memory = Memory(directory.store, START)
    owner = memory.connect(replace(system, bypass=True))

    def add(dn: str, **attributes: list[bytes]) -> None:
        answer = owner.answer(wire.add(dn, list(attributes.items())))
        assert answer.code == 0, answer

    secret_of = [PASSWORD.encode()]
    for name in ("own", "mem", "adm"):
        add(f"cn={name},cn=Users,{ACME}", objectClass=[b"user"], sn=[b"x"], userPassword=secret_of)
    staff = f"cn=staff,cn=Users,{ACME}"
    add(staff, objectClass=[b"group"], sAMAccountName=[b"staff"], member=[f"cn=mem,cn=Users,{ACME}".encode()])
    administrators = f"cn=Administrators,cn=Builtin,{ACME}"
    joined = owner.answer(
        wire.modify(administrators, [(wire.ADD, "member", [f"cn=adm,cn=Users,{ACME}".encode()])])
    )
    assert joined.code == 0, joined
    for unit, unit_name in ((SOURCE, b"source"), (OTHER, b"other")):
        add(unit, objectClass=[b"organizationalUnit"], ou=[unit_name])
    add(TARGET, objectClass=[b"user"], sn=[b"t"], description=[b"m"], userPassword=secret_of)
    add(SECOND, objectClass=[b"user"], sn=[b"u"], description=[b"c"])

    def sid(dn: str) -> str:
        ((_, found),) = owner.answer(wire.search(dn, wire.BASE, attributes=["objectSid"])).entries
        return format_sid(Sid(found["objectSid"][0]))

    def token(dn: str) -> Token:
        return sign_in(directory, dn, PASSWORD.encode())

    put_descriptor(
        directory.store, BUILTIN, ACME.encode(), "O:BAG:BAD:P(A;;RPLC;;;AU)(A;;RPLC;;;AN)(A;CI;RPLC;;;BA)"
    )
    rehearsals: Any = Rehearsals(directory.store)
    memory.service.pipeline._committer = rehearsals
    self_sid, owner_sid = sid(TARGET), sid(f"cn=own,cn=Users,{ACME}")
    askers = {
        "owner": Asker(token(f"cn=own,cn=Users,{ACME}"), "OW", "OW"),
        "self": Asker(token(TARGET), "PS", self_sid),
        "group": Asker(token(f"cn=mem,cn=Users,{ACME}"), sid(staff), sid(staff)),
        "tenant's administrator": Asker(token(f"cn=adm,cn=Users,{ACME}"), "BA", "BA"),
        "another tenant's administrator": Asker(
            sign_in(directory, "Administrator@beta.example"), "BA", "BA", is_nobody=True
        ),
        "system's administrator": Asker(system, "BA", "BA", is_nobody=True),
        "anonymous": Asker(None, "AN", "AN"),
    }
    return Matrix(directory, memory, owner_sid, askers)


def expected(name: str, operation: Operation, asker: Asker, held: frozenset[str]) -> object:
    """What the tables say."""
    if asker.token is None and operation.is_write:
        return ANONYMOUS
    if asker.is_nobody:
        return False if name in SILENT else ABSENT
    if operation.of_target and not sees(held):
        return operation.unseen(held) if callable(operation.unseen) else operation.unseen
    if asker.token is None and name in NEVER_ANONYMOUS:
        return False
    if any(one <= held for one in operation.needs):
        return operation.yes
    return operation.no(held) if callable(operation.no) else operation.no


def grants(asker: Asker) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """(what is granted, what of it is denied before)."""
    nothing: frozenset[str] = frozenset()
    yield ALL, nothing
    if asker.is_nobody:
        return
    yield nothing, nothing
    yield SEES, nothing
    for right in RIGHTS:
        one = frozenset({right})
        yield SEES | one, nothing
        yield ALL - one, nothing
        yield ALL, one


WHO = ("owner", "self", "group", "tenant's administrator", "another tenant's administrator")


@pytest.mark.parametrize("who", [*WHO, "system's administrator", "anonymous"])
def test_each_right_gives_what_it_says_and_no_more(matrix: Matrix, who: str) -> None:
    asker = matrix.askers[who]
    wrong = []
    for granted, denied in grants(asker):
        matrix.describe(asker, granted, denied)
        held = granted - denied
        for name, operation in OPERATIONS.items():
            if asker.trustee == "PS" and name in OF_TWO:
                continue
            client = matrix.memory.connect(asker.token)
            came = operation.run(client)
            client.close()
            wanted = expected(name, operation, asker, held)
            if came != wanted:
                wrong.append(
                    f"{name}: {came} instead of {wanted} with {sorted(granted)} without {sorted(denied)}"
                )
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
