"""Files that none of us wrote load, and come out again as they went in, but for secrets.

Example.ldif of 389 Directory Server, and the LDIF files of OpenLDAP's tests with the schema files that these use.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import ldap.dn
import pytest

from clients import lacks
from commands import answer, succeed
from foreign_files import FetchError, example_ldif, openldap_source
from lightwave.directory.ldap.ldif import ContentRecord, read_ldif
from node import Node
from reference import wire
from slapd_schema import read_definitions

DOMAIN = "lightwave.test"
SECRETS = {"userpassword"}

# Without them the entries of some files have no schema: slapd has these compiled in (servers/slapd/schema_prep.c).
AUTHZ = [
    f"( 1.3.6.1.4.1.4203.666.1.{number} NAME ( '{name}' 'sasl{name}' ) EQUALITY caseExactMatch "
    "SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 USAGE distributedOperation )".encode()
    for number, name in ((8, "authzTo"), (9, "authzFrom"))
]

LOADED = [
    ("passwd.ldif",),
    ("referrals.ldif",),
    ("test-chain1.ldif",),
    ("test-chain2.ldif",),
    ("test-compmatch.ldif",),
    ("test-deref.ldif",),
    ("test-dirsync-cp.ldif",),
    ("test-emptydn1.ldif",),
    ("test-glued.ldif",),
    ("test-idassert1.ldif",),
    ("test-idassert2.ldif",),
    ("test-lang.ldif",),
    ("test-ldapglue.ldif",),
    ("test-ldapgluegroups.ldif",),
    ("test-ldapgluepeople.ldif",),
    ("test-limits.ldif",),
    ("test-meta.ldif",),
    ("test-ordered.ldif",),
    ("test-ordered-cp.ldif", "test-ordered-nocp.ldif"),
    ("test-refint.ldif",),
    ("test-reordered.ldif",),
    ("test-translucent-add.ldif",),
    ("test-translucent-config.ldif",),
    ("test-unique.ldif",),
    ("test-valsort.ldif",),
    ("test-whoami.ldif",),
]
# The other files, and what import says to them.
REFUSED = {
    "nis_sample.ldif": "needs a structural object class",  # posixGroup of RFC 2307; ours is RFC 2307bis's auxiliary
    "ppolicy.ldif": "attribute 'pwdAttribute' is not in the schema",  # of slapd's password policy overlay
    "rootdse.ldif": "the root DSE can't be imported",
    "slapd-dynamic.ldif": "object class 'olcGlobal' is not in the schema",  # slapd's own configuration
    "test-dirsync-nocp.ldif": "its parent 'dc=example,dc=com' does not exist",
    "test-dn.ldif": "a name has an unknown attribute type",  # slapd keeps such names as they are
    "test-emptydn2.ldif": "it would be a naming context",
    "test-modify.ldif": "a change record",
    "test-translucent-data.ldif": "its parent 'ou=users,o=translucent' does not exist",
    "test-translucent-merged.ldif": "its parent 'ou=users,o=translucent' does not exist",
    "test-unordered.ldif": "its parent 'ou=Users,ou=test,dc=example,dc=com' does not exist",
    "test.ldif": "its parent 'ou=Groups,dc=example,dc=com' does not exist",  # sorted by name: what a search gave
    "lang-out.ldif": "an entry needs an object class",  # what a search gave
}

Content = dict[str, dict[str, set[bytes]]]


@pytest.fixture(scope="module")
def source() -> Path:
    try:
        return openldap_source() / "tests" / "data"
    except FetchError as error:
        lacks(f"OpenLDAP's source package ({error})")
        raise


@pytest.fixture(scope="module")
def prepared() -> Iterator[Node]:
    """A node with OpenLDAP's schema, added over LDAP; stopped."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    node = Node.promote(folder / "node", DOMAIN)
    try:
        schemas = openldap_source()
    except FetchError as error:
        lacks(f"OpenLDAP's source package ({error})")
        raise
    definitions = [("attributeTypes", text) for text in AUTHZ]
    for name in ("servers/slapd/schema/openldap.schema", "tests/data/test.schema"):
        definitions += read_definitions(schemas / name)
    node.start()
    with node.local_administrator() as connection:
        for kind, text in definitions:
            change = wire.modify("cn=aggregate,cn=schemacontext", [(wire.ADD, kind, [text])])
            result = connection.ask(change)
            assert result.code == 0, (text, result.diagnostic)
    node.stop()
    yield node
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh(prepared: Node, short_folder: Path) -> Node:
    return prepared.copy(short_folder / "node")


def fold_dn(text: str | bytes) -> str:
    """A DN in one spelling, by python-ldap: no spaces, lower case."""
    parsed = ldap.dn.str2dn(text.decode() if isinstance(text, bytes) else text)
    folded = [
        [(name.lower(), " ".join(value.lower().split()), 1) for name, value, _ in rdn] for rdn in parsed
    ]
    return str(ldap.dn.dn2str(folded))


def fold_value(value: bytes) -> bytes:
    """A value that is a DN in one spelling, another one as it is."""
    try:
        return fold_dn(value).encode() if b"=" in value else value
    except (ldap.DECODING_ERROR, UnicodeDecodeError):
        return value


def content_of(path: Path) -> Content:
    """A file's entries: DN in one spelling -> attribute in lower case -> values."""
    found: Content = {}
    with path.open("rb") as stream:
        for record in read_ldif(stream):
            assert isinstance(record, ContentRecord)
            entry = found.setdefault(fold_dn(record.dn), defaultdict(set))
            for name, value in record.attributes:
                entry[name.lower()].add(value)
    return found


def assert_kept(before: Content, after: Content) -> None:
    """All that went in came out, but for secrets; what came out besides is superclasses and names of entries."""
    assert set(before) == set(after)
    for dn, entry in before.items():
        came_out = after[dn]
        assert not SECRETS & set(came_out)
        names = set(entry) - SECRETS
        assert {_base_name(name) for name in names} <= {_base_name(name) for name in came_out}, dn
        kept: dict[str, set[bytes]] = defaultdict(set)
        for name, values in came_out.items():
            kept[_base_name(name)] |= {fold_value(value) for value in values}
        for name in names - {"objectclass"}:
            missing = {fold_value(value) for value in entry[name]} - kept[_base_name(name)]
            assert not missing, (dn, name, missing)
        classes = {value.lower() for value in entry["objectclass"]}
        assert classes <= {value.lower() for value in came_out["objectclass"]}


# Names under which a schema knows the same attribute (RFC 4519, RFC 4524): an export uses the first.
_ALIASES = {
    "commonname": "cn", "surname": "sn", "organizationname": "o", "organizationalunitname": "ou",
    "localityname": "l", "stateorprovincename": "st", "streetaddress": "street", "userid": "uid",
    "rfc822mailbox": "mail", "fax": "facsimiletelephonenumber", "hometelephonenumber": "homephone",
    "mobiletelephonenumber": "mobile", "pagertelephonenumber": "pager", "domaincomponent": "dc",
    "favouritedrink": "drink", "countryname": "c",
}  # fmt: skip


def _base_name(name: str) -> str:
    """The attribute's first name, options in one order."""
    base, *options = name.split(";")
    return ";".join([_ALIASES.get(base, base), *sorted(set(options) - {"binary"})])


def _load(node: Node, *files: Path) -> list[str]:
    """Imports files; the naming contexts that they made."""
    contexts: list[str] = []
    for file in files:
        context = [] if contexts else ["--create-context"]
        contexts += answer("import", file, "--data", node.folder, "--any-password", *context)["contexts"]
    return contexts


def _export(node: Node, bases: list[str], folder: Path, *options: str) -> Path:
    """One file with all entries of these contexts."""
    target = folder / f"{node.folder.name}.ldif"
    parts = []
    for base in bases:
        succeed("export", "--data", node.folder, "--base", base, "--output", target, *options)
        parts.append(target.read_bytes())
    target.write_bytes(b"\n".join(part.removeprefix(b"version: 1\n") for part in parts))
    return target


def _round_trip(node: Node, pristine: Node, folder: Path, files: list[Path]) -> None:
    bases = _load(node, *files)
    before: Content = {}
    for file in files:
        before.update(content_of(file))
    exported = _export(node, bases, folder)
    assert_kept(before, content_of(exported))
    assert not answer("check", "--data", node.folder)["findings"]
    # A second node that is given the export, with what the server keeps, holds the same.
    whole = _export(node, bases, folder, "--operational")
    second = pristine.copy(folder / "second")
    assert _load(second, whole) == bases
    again = _export(second, bases, folder, "--operational")
    assert _without_csn(again) == _without_csn(whole)


def _without_csn(path: Path) -> Content:
    """All but the change sequence numbers: an import is a change."""
    found = content_of(path)
    for entry in found.values():
        assert entry.pop("entrycsn")
    return found


def test_example_of_389_directory_server(prepared: Node, fresh: Node, short_folder: Path) -> None:
    try:
        example = example_ldif()
    except FetchError as error:
        lacks(f"Example.ldif of Debian's 389-ds-base ({error})")
        raise
    _round_trip(fresh, prepared, short_folder, [example])


@pytest.mark.parametrize("names", LOADED, ids=lambda names: "+".join(names))
def test_data_of_openldap(
    names: tuple[str, ...], source: Path, prepared: Node, fresh: Node, short_folder: Path
) -> None:
    _round_trip(fresh, prepared, short_folder, [source / name for name in names])


@pytest.mark.parametrize("name", REFUSED)
def test_data_of_openldap_that_is_refused(name: str, source: Path, fresh: Node) -> None:
    result = answer(
        "import", source / name, "--data", fresh.folder, "--create-context", "--any-password", code=1
    )
    assert REFUSED[name] in result["error"]["message"]
    assert result["error"]["line"] > 0


def test_every_file_of_openldap_is_accounted_for(source: Path) -> None:
    known = {name for names in LOADED for name in names} | set(REFUSED)
    assert {path.name for path in source.glob("*.ldif")} == known


def test_import_and_export_beside_a_running_server(prepared: Node, fresh: Node, short_folder: Path) -> None:
    """The server sees what the import brought, and answers from it."""
    fresh.start()
    try:
        bases = _load(fresh, openldap_source() / "tests" / "data" / "test-ordered.ldif")
        with fresh.local_administrator() as connection:
            found = connection.ask(
                wire.search("dc=example,dc=com", filter=("equal", "uid", b"bjensen"), attributes=["cn"])
            )
            assert [name for name, _ in found.entries] == [
                b"cn=Barbara Jensen,ou=Information Technology Division,ou=People,dc=example,dc=com"
            ]
        exported = content_of(_export(fresh, bases, short_folder))
    finally:
        assert fresh.stop() == 0
    assert len(exported) == len(content_of(openldap_source() / "tests" / "data" / "test-ordered.ldif"))
