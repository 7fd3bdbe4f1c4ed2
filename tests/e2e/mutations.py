"""A small mutator of requests: elements and octets changed, doubled, moved, cut; whatever the seed says."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference import wire

Mutation = Callable[[random.Random, bytes], bytes]

INTERESTING = (0x00, 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x84, 0xA0, 0xA3, 0xFE, 0xFF)


def flip(chance: random.Random, data: bytes) -> bytes:
    """Some bits."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def put(chance: random.Random, data: bytes) -> bytes:
    """An octet that means something in BER."""
    changed = bytearray(data)
    changed[chance.randrange(len(changed))] = chance.choice(INTERESTING)
    return bytes(changed)


def cut(chance: random.Random, data: bytes) -> bytes:
    """Without some octets."""
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 8) :]


def repeat(chance: random.Random, data: bytes) -> bytes:
    """A part of it many times."""
    start = chance.randrange(len(data))
    stop = min(len(data), start + chance.randint(1, 16))
    return data[:stop] + data[start:stop] * chance.choice((1, 2, 40)) + data[stop:]


def insert(chance: random.Random, data: bytes) -> bytes:
    """Random octets in between."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.randint(1, 12)) + data[at:]


def swap(chance: random.Random, data: bytes) -> bytes:
    """Two parts in each other's place."""
    first, second, third, fourth = sorted(chance.randrange(len(data) + 1) for _ in range(4))
    return data[:first] + data[third:fourth] + data[second:third] + data[first:second] + data[fourth:]


MUTATIONS: Sequence[Mutation] = (flip, flip, put, put, cut, repeat, insert, swap)


@dataclass(slots=True)
class Element:
    """A BER element: octets, or elements where it is constructed."""

    tag: int
    content: bytes | list[Element]

    def encode(self) -> bytes:
        if isinstance(self.content, bytes):
            return wire.tlv(self.tag, self.content)
        return wire.tlv(self.tag, b"".join(child.encode() for child in self.content))

    def below(self) -> list[Element]:
        """This one and all in it."""
        if isinstance(self.content, bytes):
            return [self]
        return [self, *(one for child in self.content for one in child.below())]


def parse(tag: int, content: bytes) -> Element:
    """The tree of a well-formed element."""
    if not tag & 0x20:
        return Element(tag, content)
    return Element(tag, [parse(*child) for child in wire.elements(content)])


def change_structure(chance: random.Random, message: bytes) -> bytes:
    """One element of a well-formed message is changed, doubled, dropped or moved; all lengths are right."""
    ((tag, content),) = wire.elements(message)
    root = parse(tag, content)
    element = chance.choice(root.below()[1:])
    if isinstance(element.content, bytes):
        if chance.random() < 0.2:
            element.tag = chance.choice(INTERESTING) & 0x1F | element.tag & 0xE0
        else:
            element.content = chance.choice(MUTATIONS)(chance, element.content or b"x")
    elif element.content:
        child = chance.choice(element.content)
        kind = chance.randrange(4)
        if kind == 0:
            element.content.remove(child)
        elif kind == 1:
            element.content.extend([child] * chance.choice((1, 3, 100)))
        elif kind == 2:
            chance.shuffle(element.content)
        else:
            other = chance.choice(root.below())
            element.content.append(parse(other.tag, wire.elements(other.encode()).__next__()[1]))
    return root.encode()


def mutate(chance: random.Random, message: bytes) -> bytes:
    """A changed LDAPMessage: mostly one that is well-formed BER, so that what is behind the framing is tried."""
    if chance.random() < 0.7:
        for _ in range(chance.randint(1, 2)):
            message = change_structure(chance, message)
        return message
    for _ in range(chance.randint(1, 2)):
        message = chance.choice(MUTATIONS)(chance, message) or b"\x30"
    return message
