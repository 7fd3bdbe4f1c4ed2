"""Who may do what outlives an export and an import."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from descriptors import describe, own_sddl, sddl_in_force
from fresh_directory import BASE, Directory
from lightwave.directory.access.membership import sid_of
from lightwave.directory.access.sddl import parse_sddl
from lightwave.directory.access.security_descriptor import MAX_SIZE, encode_security_descriptor
from lightwave.directory.access.sid import format_sid, split_rid, with_rid
from lightwave.directory.operations.bulk_entries import ImportRefused
from lightwave.directory.operations.bulk_export import Export
from lightwave.directory.operations.bulk_import import BulkImport, ImportCounts, ImportOptions
from lightwave.directory.operations.plugins import default_plugins

UNIT = b"ou=people," + BASE
ANN = b"cn=ann," + UNIT


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    made.add(UNIT, objectClass=["organizationalUnit"], ou="people")
    for name in ("ann", "bob"):
        made.add(f"cn={name},{UNIT.decode()}", objectClass=["user"], cn=name, sn="x", sAMAccountName=name)
    yield made
    made.close()


def exported(directory: Directory, base: bytes = UNIT, *, operational: bool = True) -> bytes:
    export = Export(
        directory.store,
        directory.schemas,
        operational=operational,
        now=lambda: directory.time,
        monotonic=lambda: 0.0,
    )
    return b"version: 1\n\n" + b"".join(export.records(base))


def load(directory: Directory, text: bytes, **options: bool | frozenset[str]) -> ImportCounts:
    context = replace(directory.context(), token=replace(directory.token, bypass=True))
    with ThreadPoolExecutor(1) as executor:
        work = BulkImport(
            directory.store,
            directory.schemas,
            context,
            (),
            default_plugins(),
            executor,
            new_guid=lambda: os.urandom(16),
            monotonic=lambda: 0.0,
            options=ImportOptions(**options),  # type: ignore[arg-type]
        )
        return work.run(io.BytesIO(text), lambda counts: None)


def forget(directory: Directory) -> None:
    """Removes the unit, without tombstones: as if it had never been there."""
    schema = directory.schemas.latest
    for dn in (ANN, b"cn=bob," + UNIT, UNIT):
        tenant, entry_id = directory.find(dn)
        with directory.store.write() as txn:
            txn.remove_entry(tenant, entry_id, txn.begin_change(), describe=schema.describe)


def person(name: str, descriptor: bytes = b"", attribute: str = "nTSecurityDescriptor") -> bytes:
    text = f"dn: cn={name},{UNIT.decode()}\nobjectClass: user\ncn: {name}\nsn: x\nsAMAccountName: {name}\n"
    if descriptor:
        text += f"{attribute}:: {base64.b64encode(descriptor).decode()}\n"
    return text.encode() + b"\n"


def sid(directory: Directory, dn: bytes) -> str:
    tenant, entry_id = directory.find(dn)
    with directory.store.read() as txn:
        found = sid_of(txn, txn.record(tenant, entry_id))
    assert found is not None
    return format_sid(found)


def test_an_export_brings_back_who_may_do_what(directory: Directory) -> None:
    ann, bob = sid(directory, ANN), sid(directory, b"cn=bob," + UNIT)
    describe(directory, UNIT, f"D:AI(A;CI;RPWP;;;{bob})(OD;CIIO;WP;;bf967aba-0de6-11d0-a285-00aa003049e2;BG)")
    describe(directory, ANN, f"O:{bob}G:BAD:P(A;;CCRP;;;{ann})S:(AU;SA;WP;;;WD)")
    before = [
        (own_sddl(directory, dn), sddl_in_force(directory, dn)) for dn in (UNIT, ANN, b"cn=bob," + UNIT)
    ]
    text = exported(directory)
    assert text.count(b"nTSecurityDescriptor:") == 2  # bob has what his class gives
    assert b"nTSecurityDescriptor" not in exported(directory, operational=False)
    forget(directory)
    assert load(directory, text).added == 3
    after = [(own_sddl(directory, dn), sddl_in_force(directory, dn)) for dn in (UNIT, ANN, b"cn=bob," + UNIT)]
    assert after == before
    assert sid(directory, ANN) == ann
    assert exported(directory).count(b"nTSecurityDescriptor:") == 2
    assert directory.findings() == []


def test_what_somebody_made_is_his_again(directory: Directory) -> None:
    """Its owner is what its descriptor says besides the default."""
    own = own_sddl(directory, ANN).replace("O:BAG:BA", "O:{0}G:{0}".format(sid(directory, b"cn=bob," + UNIT)))
    describe(directory, ANN, own)
    text = exported(directory)
    forget(directory)
    load(directory, text)
    assert own_sddl(directory, ANN) == own


def test_one_that_cant_be_read_opens_nothing(directory: Directory) -> None:
    """Neither here nor where the export goes; the others are exported all the same."""
    tenant, entry_id = directory.find(ANN)
    with directory.store.write() as txn:
        txn.set_descriptor(tenant, entry_id, txn.intern_descriptor(tenant, b"rubbish"), txn.begin_change())
    text = exported(directory)
    assert text.count(b"dn: ") == 3
    forget(directory)
    load(directory, text)
    assert "D:P" in own_sddl(directory, ANN)
    assert "(" not in own_sddl(directory, ANN)


def test_a_naming_context_has_its_own(directory: Directory) -> None:
    value = base64.b64encode(encode_security_descriptor(parse_sddl("O:BAG:BAD:P(A;CI;RP;;;AU)"))).decode()
    text = f"dn: dc=new,dc=example\nobjectClass: domain\ndc: new\nnTSecurityDescriptor:: {value}\n\n".encode()
    assert load(directory, text, create_context=True).contexts == [b"dc=new,dc=example"]
    assert own_sddl(directory, "dc=new,dc=example") == "O:BAG:BAD:P(A;CI;RP;;;AU)"
    again = exported(directory, b"dc=new,dc=example")
    assert value.encode()[:40] in again


def test_inherited_entries_are_left_out(directory: Directory) -> None:
    written = encode_security_descriptor(parse_sddl("O:BAG:BAD:AI(A;;WP;;;BG)(A;CIID;GA;;;WD)"))
    load(directory, person("new", written))
    assert own_sddl(directory, b"cn=new," + UNIT) == "O:BAG:BAD:AI(A;;WP;;;BG)"
    assert ";WD)" not in sddl_in_force(directory, b"cn=new," + UNIT)


def test_sddl_is_taken_with_the_aliases_of_the_domain(directory: Directory) -> None:
    load(directory, person("new", b"D:P(A;;RP;;;DA)", "vmwAclString"))
    domain = sid(directory, BASE)
    assert own_sddl(directory, b"cn=new," + UNIT) == f"O:BAG:BAD:P(A;;RP;;;{domain}-512)"


def test_it_can_be_left_out(directory: Directory) -> None:
    text = person("new", b"rubbish")
    assert load(directory, text, left_out=frozenset({"nTSecurityDescriptor"})).added == 1
    assert own_sddl(directory, b"cn=new," + UNIT) == own_sddl(directory, ANN)


GOOD = encode_security_descriptor(parse_sddl("O:BAG:BAD:(A;;RP;;;AU)"))
MANY = ("D:" + "(OA;;RP;bf967aba-0de6-11d0-a285-00aa003049e2;;AU)" * 1_800).encode()


@pytest.mark.parametrize(
    ("value", "attribute", "reason"),
    [
        (b"\x01", "nTSecurityDescriptor", "is cut off"),
        (GOOD[:-1], "nTSecurityDescriptor", "nTSecurityDescriptor: "),
        (GOOD + bytes(MAX_SIZE), "nTSecurityDescriptor", "at most 65536 octets"),
        (b"D:(A;;XX;;;AU)", "vmwAclString", "vmwAclString: "),
        (MANY, "vmwAclString", "at most"),
        (GOOD, "nTSecurityDescriptor;lang-en", "without options"),
    ],
    ids=["cut off", "cut off later", "long", "SDDL", "many", "option"],
)
def test_neg_a_bad_one_is_refused_with_its_line(
    directory: Directory, value: bytes, attribute: str, reason: str
) -> None:
    text = b"version: 1\n\n" + person("good") + person("new", value, attribute)
    with pytest.raises(ImportRefused, match=reason) as refused:
        load(directory, text)
    assert refused.value.message.count(reason) == 1
    assert (refused.value.line, refused.value.dn) == (9, b"cn=new," + UNIT)
    assert directory.exists(b"cn=good," + UNIT)
    assert not directory.exists(b"cn=new," + UNIT)


def test_neg_two_are_none(directory: Directory) -> None:
    twice = person("new", GOOD).rstrip(b"\n") + b"\nvmwAclString: D:\n\n"
    with pytest.raises(ImportRefused, match="once"):
        load(directory, twice)


@pytest.mark.parametrize("distance", [2, 5_000])
@pytest.mark.parametrize("place", ["O:{0}", "G:{0}", "D:(A;;RP;;;{0})", "S:(AU;SA;WP;;;{0})"])
def test_neg_nobody_gets_rights_by_being_made_later(directory: Directory, place: str, distance: int) -> None:
    """A file of a later state of the domain names accounts that it has given no SIDs to yet."""
    parts = split_rid(directory.values(ANN, "objectSid")[0])  # type: ignore[arg-type]
    assert parts is not None
    written = encode_security_descriptor(
        parse_sddl(place.format(format_sid(with_rid(parts[0], parts[1] + distance))))
    )
    with pytest.raises(ImportRefused, match="given to nobody yet"):
        load(directory, person("new", written))
    stranger = encode_security_descriptor(parse_sddl(place.format("S-1-5-21-1-2-3-5000")))
    assert load(directory, person("new", stranger)).added == 1
