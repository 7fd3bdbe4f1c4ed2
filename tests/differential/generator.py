"""Requests over a small tree, drawn by chance but the same ones for the same seed.

Names and values come from small pools, so that most requests meet something that is there: about half of them
succeed, and the rest is refused for reasons as various as the pools (syntaxes, schema, missing parents, names
that exist, values that don't).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from differential import pools
from reference import wire


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what kind, in words for the report, and as bytes. name: the entry it is about."""

    kind: str
    text: str
    operation: bytes
    name: str
    attributes: tuple[str, ...] = ()
    """Attribute descriptions that it names, as written."""
    controls: tuple[bytes, ...] = ()
    parts: int = 1
    """How many changes and values it has: each may be wrong in a way of its own."""


Entry = tuple[str, list[tuple[str, list[bytes]]]]


def base_tree() -> list[Entry]:
    """What every sequence of requests starts with, parents first."""
    people = [
        ("ada", "Ada Lovelace", "Lovelace"),
        ("alan", "Alan Turing", "Turing"),
        ("grace", "Grace Hopper", "Hopper"),
    ]
    tree: list[Entry] = [
        (pools.BASE, [("objectClass", [b"organizationalUnit"]), ("ou", [pools.UNIT.encode()])])
    ]
    for unit in ("people", "groups", "empty"):
        content = [("objectClass", [b"organizationalUnit"]), ("ou", [unit.encode()])]
        tree.append((f"ou={unit},{pools.BASE}", content))
    for number, (uid, cn, sn) in enumerate(people):
        content = [
            ("objectClass", [b"inetOrgPerson", b"posixAccount"]),
            ("uid", [uid.encode()]),
            ("cn", [cn.encode()]),
            ("sn", [sn.encode()]),
            ("uidNumber", [str(1000 + 7 * number).encode()]),
            ("gidNumber", [b"100"]),
            ("homeDirectory", [f"/home/{uid}".encode()]),
            ("description", [b"A pioneer", f"Number {number}".encode()]),
            ("telephoneNumber", [b"+1 555 0100"]),
            ("cn;lang-de", [cn.encode()]),
        ]
        tree.append((f"uid={uid},ou=people,{pools.BASE}", content))
    members = [f"uid={uid},ou=people,{pools.BASE}".encode() for uid, _, _ in people[:2]]
    tree.append(
        (
            f"cn=pioneers,ou=groups,{pools.BASE}",
            [("objectClass", [b"groupOfNames"]), ("cn", [b"pioneers"]), ("member", members)],
        )
    )
    target = f"uid=ada,ou=people,{pools.BASE}".encode()
    for name, aliased in (("alias", target), ("dangling", f"uid=nobody,{pools.BASE}".encode())):
        classes = [b"alias", b"extensibleObject"]
        content = [("objectClass", classes), ("cn", [name.encode()]), ("aliasedObjectName", [aliased])]
        tree.append((f"cn={name},ou=groups,{pools.BASE}", content))
    return tree


class Generator:
    """An endless source of requests. The same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def next(self) -> Request:
        makers: Sequence[tuple[int, Callable[[], Request]]] = (
            (22, self._add),
            (26, self._modify),
            (9, self._modify_dn),
            (4, self._delete),
            (8, self._compare),
            (30, self._search),
        )
        (maker,) = self._chance.choices([m for _, m in makers], [weight for weight, _ in makers])
        return maker()

    # --- pieces ---

    def _pick(self, values: Sequence[Any]) -> Any:
        return self._chance.choice(values)

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _name(self, new: bool = False) -> str:
        """A name that is probably there (or, if `new`, is not), now and then not even a name."""
        if self._maybe(0.03):
            return str(self._pick(pools.BROKEN_NAMES))
        if not new and self._maybe(0.75):
            return self._respell(str(self._pick(pools.EXISTING)))
        name = f"{self._pick(pools.RDNS)},{self._pick(pools.PARENTS)}"
        if self._maybe(0.08):
            name = f"{self._pick(pools.RDNS)},{name}"
        if self._maybe(0.05):
            name = str(self._pick(pools.PARENTS))
        return self._respell(name)

    def _respell(self, name: str) -> str:
        """The same name in other letters and with spaces, at times."""
        if self._maybe(0.15):
            name = name.upper()
        if self._maybe(0.1):
            name = name.replace(",", " , ").replace("=", " = ")
        return name

    def _attribute(self) -> str:
        if self._maybe(0.04):
            return str(self._pick(pools.ODD_ATTRIBUTES))
        return str(self._pick(pools.COMMON if self._maybe(0.7) else list(pools.VALUES)))

    def _value(self, attribute: str) -> bytes:
        known = pools.VALUES.get(attribute)
        if known is None or self._maybe(0.04):
            return bytes(self._pick(pools.ODD_VALUES))
        # Those that fit stand first in each pool.
        return bytes(self._pick(known[:2] if self._maybe(0.6) else known))

    def _values(self, attribute: str, most: int = 3) -> list[bytes]:
        count = self._pick([1, 1, 1, 2, most])
        values = [self._value(attribute) for _ in range(count)]
        return values if self._maybe(0.1) else list(dict.fromkeys(values))

    # --- writes ---

    def _add(self) -> Request:
        name = self._name(new=True)
        classes, content = self._pick(pools.TEMPLATES)
        attributes: list[tuple[str, list[bytes]]] = [("objectClass", list(classes))]
        attributes += [(attribute, [value]) for attribute, value in content]
        rdn = name.partition(",")[0]
        if "=" in rdn and self._maybe(0.9):
            for ava in rdn.split("+"):
                type_, _, value = ava.partition("=")
                _put(attributes, type_.strip(), value.strip().encode())
        for _ in range(self._pick([0, 0, 1, 2])):
            attribute = self._attribute()
            for one in self._values(attribute):
                _put(attributes, attribute, one)
        if self._maybe(0.06):
            attributes.pop(self._chance.randrange(len(attributes)))
        text = f"add {name}\n" + _describe(attributes)
        return Request("add", text, wire.add(name, attributes), name, tuple(a for a, _ in attributes))

    def _modify(self) -> Request:
        name = self._name()
        changes = [self._change() for _ in range(self._pick([1, 1, 1, 2, 3]))]
        words = {wire.ADD: "add", wire.DELETE: "delete", wire.REPLACE: "replace", wire.INCREMENT: "increment"}
        text = f"modify {name}\n" + "".join(f"  {words.get(k, k)} {a}: {v}\n" for k, a, v in changes)
        attributes = tuple(attribute for _, attribute, _ in changes)
        parts = sum(max(1, len(values)) for _, _, values in changes)
        return Request("modify", text, wire.modify(name, changes), name, attributes, parts=parts)

    def _change(self) -> tuple[int, str, list[bytes]]:
        kind = self._pick(
            [wire.ADD, wire.ADD, wire.DELETE, wire.DELETE, wire.REPLACE, wire.REPLACE, wire.INCREMENT]
        )
        if kind == wire.INCREMENT:
            attribute = str(self._pick(["uidNumber", "uidNumber", "gidNumber", "cn", "employeeNumber"]))
            return kind, attribute, [bytes(self._pick([b"1", b"-5", b"0", b"x", b"100000000000000000000"]))]
        if self._maybe(0.12):
            return kind, "objectClass", [bytes(self._pick(pools.CLASSES))]
        attribute = self._attribute()
        empty = (kind == wire.DELETE and self._maybe(0.5)) or (kind == wire.REPLACE and self._maybe(0.3))
        empty = empty or self._maybe(0.02)
        return kind, attribute, [] if empty else self._values(attribute)

    def _modify_dn(self) -> Request:
        name, rdn = self._name(), str(self._pick(pools.RDNS))
        if self._maybe(0.04):
            rdn = str(self._pick(["", "cn", "cn=a,ou=b", "=x", "noSuchThing=1"]))
        superior = self._respell(str(self._pick(pools.PARENTS))) if self._maybe(0.5) else None
        if superior is not None and self._maybe(0.2):
            superior = self._name()
        delete_old = self._maybe(0.6)
        text = f"modifyDN {name}\n  to {rdn!r}, below {superior!r}, delete old {delete_old}\n"
        return Request("modifyDN", text, wire.modify_dn(name, rdn, delete_old, superior), name)

    def _delete(self) -> Request:
        name = self._name()
        return Request("delete", f"delete {name}\n", wire.delete(name), name)

    # --- reads ---

    def _compare(self) -> Request:
        name, attribute = self._name(), self._attribute()
        value = self._value(attribute)
        text = f"compare {name}\n  {attribute}: {value!r}\n"
        return Request("compare", text, wire.compare(name, attribute, value), name, (attribute,))

    def _search(self) -> Request:
        base = self._name() if self._maybe(0.25) else self._respell(str(self._pick(pools.SEARCH_BASES)))
        scope = self._pick([wire.BASE, wire.ONE, *[wire.SUBTREE] * 5])
        named: list[str] = []
        node = self._filter(3, named)
        selection = list(self._pick(pools.SELECTIONS))
        types_only = self._maybe(0.1)
        deref = self._pick([0, 1, 2, 3]) if self._maybe(0.3) else 0
        text = f"search {base!r}, scope {scope}, for {selection}, types only {types_only}, deref {deref}\n  {node}\n"
        operation = wire.search(base, scope, node, selection, types_only=types_only, deref=deref)
        return Request("search", text, operation, base, tuple(named))

    def _filter(self, depth: int, named: list[str]) -> tuple[Any, ...]:
        if depth and self._maybe(0.35):
            kind = self._pick(["and", "or", "not"])
            if kind == "not":
                return ("not", self._filter(depth - 1, named))
            count = self._pick([0, 1, 2, 2, 3])
            return (kind, *(self._filter(depth - 1, named) for _ in range(count)))
        attribute = self._attribute()
        named.append(attribute)
        kind = self._pick(
            ["equal", "equal", "equal", "present", "present", "substrings", "greater", "less", "extensible"]
        )
        if kind == "present":
            return ("present", attribute)
        if kind == "substrings":
            return self._substrings(attribute)
        if kind == "extensible":
            return self._extensible(attribute)
        return (kind, attribute, self._value(attribute))

    def _substrings(self, attribute: str) -> tuple[Any, ...]:
        value = self._value(attribute)
        cut = self._chance.randrange(len(value) + 1)
        initial = value[:cut] if self._maybe(0.6) else None
        final = value[cut:] if self._maybe(0.4) else None
        middle = (value[cut // 2 : cut],) if self._maybe(0.4) else ()
        parts = [part for part in (initial, *middle, final) if part]
        if not parts:
            return ("present", attribute)
        return ("substrings", attribute, initial or None, tuple(m for m in middle if m), final or None)

    def _extensible(self, attribute: str) -> tuple[Any, ...]:
        rule = self._pick([None, *pools.RULES])
        named = None if rule is not None and self._maybe(0.25) else attribute
        return ("extensible", rule, named, self._value(attribute), self._maybe(0.2))


def _put(attributes: list[tuple[str, list[bytes]]], type_: str, value: bytes) -> None:
    """Adds a value to the attribute, which comes once in the request."""
    for name, values in attributes:
        if name.lower() == type_.lower():
            if value not in values:
                values.append(value)
            return
    attributes.append((type_, [value]))


def _describe(attributes: Sequence[tuple[str, Sequence[bytes]]]) -> str:
    return "".join(f"  {name}: {list(values)}\n" for name, values in attributes)
