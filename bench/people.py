"""Made-up people: the same ones for the same number, so that two servers hold the same data."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"
PASSWORD = "person's password"

_GIVEN = """
    Ada Alan Barbara Claude Dana Edsger Frances Grace Hedy Ivan Jean John Karen Ken Leslie Lynn Margaret
    Niklaus Ole Peter Radia Robin Sophie Tim Tony Ursula Vint Whitfield Xiaoyun Yukihiro Zuse Åsa
""".split()
_FAMILY_STARTS = (
    "Bal Car Dor Eck Fen Gar Hol Iv Jan Kel Lom Mar Nor Os Pet Quin Ros Sten Tor Ul Vin Wal".split()
)
_FAMILY_ENDS = (
    "a berg by court dale er feld gren ham holm ini ka land man ner quist son stein ström ton".split()
)
_TITLES = ("Engineer", "Accountant", "Nurse", "Teacher", "Operator", "Clerk", "Analyst", "Buyer")


def uid(number: int) -> str:
    return f"person{number:08d}"


def name(number: int) -> str:
    """The DN of the person with this number."""
    return f"uid={uid(number)},{PEOPLE}"


def hashed_password(number: int) -> str:
    """PASSWORD as {SSHA}: SHA-1 over password and salt, then the salt (the form that every server reads)."""
    salt = number.to_bytes(8, "big")
    digest = hashlib.sha1(PASSWORD.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def attributes(number: int) -> list[tuple[str, list[bytes]]]:
    """What a person's entry holds."""
    chance = random.Random(number)
    given = chance.choice(_GIVEN)
    family = chance.choice(_FAMILY_STARTS) + chance.choice(_FAMILY_ENDS)
    return [
        ("objectClass", [b"top", b"person", b"organizationalPerson", b"inetOrgPerson"]),
        ("uid", [uid(number).encode()]),
        ("cn", [f"{given} {family} {number}".encode()]),
        ("sn", [family.encode()]),
        ("givenName", [given.encode()]),
        ("mail", [f"{uid(number)}@example.com".encode()]),
        ("title", [chance.choice(_TITLES).encode()]),
        ("telephoneNumber", [f"+1 555 {number % 10_000_000:07d}".encode()]),
        ("employeeNumber", [str(number).encode()]),
        ("departmentNumber", [str(chance.randrange(200)).encode()]),
        ("description", [f"Person number {number} of the benchmark".encode()]),
        ("userPassword", [hashed_password(number).encode()]),
    ]


def ldif_record(dn: str, content: list[tuple[str, list[bytes]]]) -> bytes:
    """One record of RFC 2849; values that are not plain are in base64."""
    lines = [f"dn: {dn}".encode()]
    for type_, values in content:
        for value in values:
            if value.isascii():
                lines.append(type_.encode() + b": " + value)
            else:
                lines.append(type_.encode() + b":: " + base64.b64encode(value))
    return b"\n".join(lines) + b"\n\n"


def records(people: int) -> Iterator[bytes]:
    """The organisational unit and `people` people below it; the suffix itself is not among them."""
    yield ldif_record(PEOPLE, [("objectClass", [b"top", b"organizationalUnit"]), ("ou", [b"people"])])
    for number in range(people):
        yield ldif_record(name(number), attributes(number))


BASE_RECORD = ldif_record(SUFFIX, [("objectClass", [b"top", b"domain"]), ("dc", [b"example"])])


def write_ldif(path: Path, people: int) -> None:
    """Writes the file unless it is there; a file that was cut off never has the final name."""
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb", buffering=1 << 20) as file:
        file.writelines(records(people))
    unfinished.rename(path)
