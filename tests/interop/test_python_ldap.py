"""python-ldap (libldap from Python, with a schema parser of its own) over all four transports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ldap
import ldap.controls.libldap
import ldap.modlist
import ldap.sasl
import ldap.schema
import pytest

from interop.targets import Target


def connect(target: Target, transport: str) -> Any:
    connection = ldap.initialize(target.url_of(transport))
    connection.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(target.certificate_authority))
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    if transport == "starttls":
        connection.start_tls_s()
    if transport == "ldapi":
        connection.sasl_interactive_bind_s("", ldap.sasl.external())
    else:
        connection.simple_bind_s(target.administrator, target.password)
    return connection


@pytest.fixture
def connection(target: Target, transport: str) -> Iterator[Any]:
    opened = connect(target, transport)
    yield opened
    opened.unbind_s()


def test_whoami(connection: Any, target: Target) -> None:
    assert connection.whoami_s().lower() == f"dn:{target.administrator}".lower()


def test_a_person_lives_and_dies(connection: Any, corner: str) -> None:
    name = f"uid=edsger,{corner}"
    entry = {
        "objectClass": [b"inetOrgPerson"],
        "uid": [b"edsger"],
        "cn": ["Edsger Wybe Dijkstra ☞".encode()],
        "sn": [b"Dijkstra"],
        "jpegPhoto": [b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40],
    }
    connection.add_s(name, ldap.modlist.addModlist(entry))
    (found_name, found), *rest = connection.search_s(corner, ldap.SCOPE_SUBTREE, "(sn=dijkstra)")
    assert (found_name.lower(), rest) == (name.lower(), [])
    assert found["cn"] == entry["cn"]
    assert found["jpegPhoto"] == entry["jpegPhoto"]

    changed = dict(found, description=[b"structured"], cn=[b"E. W. Dijkstra"])
    connection.modify_s(name, ldap.modlist.modifyModlist(found, changed))
    assert connection.compare_s(name, "description", b"Structured") is True
    assert connection.compare_s(name, "cn", b"somebody else") is False

    connection.rename_s(name, "uid=ewd", newsuperior=corner, delold=1)
    connection.delete_s(f"uid=ewd,{corner}")
    with pytest.raises(ldap.NO_SUCH_OBJECT) as refused:
        connection.delete_s(f"uid=ewd,{corner}")
    assert refused.value.args[0]["matched"].lower() == corner.lower()


def test_paged_results(connection: Any, corner: str) -> None:
    control = ldap.controls.libldap.SimplePagedResultsControl(True, size=2, cookie="")
    names: list[str] = []
    for _ in range(10):
        request = connection.search_ext(corner, ldap.SCOPE_SUBTREE, "(objectClass=*)", serverctrls=[control])
        _, entries, _, answers = connection.result3(request)
        assert len(entries) <= 2
        names += [name for name, _ in entries]
        (control.cookie,) = (answer.cookie for answer in answers)
        if not control.cookie:
            break
    assert len(names) == len(set(names)) == 5


def test_the_schema_reads(connection: Any, corner: str) -> None:
    subentry = connection.search_subschemasubentry_s(corner)
    schema = ldap.schema.SubSchema(connection.read_subschemasubentry_s(subentry))
    person = schema.get_obj(ldap.schema.ObjectClass, "inetOrgPerson")
    assert person.oid == "2.16.840.1.113730.3.2.2"
    must, may = schema.attribute_types(["inetOrgPerson"])
    assert {one.names[0] for one in must.values()} >= {"cn", "sn", "objectClass"}
    assert any("mail" in one.names for one in may.values())
    cn = schema.get_inheritedobj(ldap.schema.AttributeType, "cn", ["equality"])
    assert cn.equality == "caseIgnoreMatch"
    assert len(schema.listall(ldap.schema.MatchingRule)) > 20
    assert len(schema.listall(ldap.schema.LDAPSyntax)) > 20


def test_abandon_and_asynchronous_searches(connection: Any, corner: str) -> None:
    first = connection.search(corner, ldap.SCOPE_SUBTREE, "(objectClass=*)")
    second = connection.search(corner, ldap.SCOPE_SUBTREE, "(uid=ada)")
    connection.abandon(first)
    _, entries = connection.result(second)
    assert [name.lower() for name, _ in entries] == [f"uid=ada,{corner}".lower()]


def test_errors_have_their_classes(connection: Any, corner: str) -> None:
    with pytest.raises(ldap.ALREADY_EXISTS):
        connection.add_s(corner, [("objectClass", [b"organizationalUnit"]), ("ou", [corner[3:14].encode()])])
    with pytest.raises(ldap.OBJECT_CLASS_VIOLATION):
        connection.add_s(f"cn=x,{corner}", [("objectClass", [b"person"]), ("cn", [b"x"])])
    with pytest.raises(ldap.INVALID_DN_SYNTAX):
        connection.search_s("this is no name", ldap.SCOPE_BASE)
    with pytest.raises(ldap.UNDEFINED_TYPE):
        connection.modify_s(corner, [(ldap.MOD_ADD, "noSuchThing", [b"1"])])
    with pytest.raises(ldap.NOT_ALLOWED_ON_NONLEAF):
        connection.delete_s(corner)
