"""ldap3 (pure Python, its own BER and schema parser) over all four transports."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import LDAPInvalidCredentialsResult, LDAPNoSuchObjectResult

from interop.targets import Target


def connect(target: Target, transport: str) -> Any:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(target.certificate_authority))
    if transport == "ldapi":
        server = ldap3.Server(target.local_url.replace("%2F", "/"), get_info=ldap3.ALL)
        return ldap3.Connection(
            server,
            authentication=ldap3.SASL,
            sasl_mechanism=ldap3.EXTERNAL,
            sasl_credentials="",
            auto_bind=True,
            raise_exceptions=True,
        )
    url = target.url_of(transport)
    server = ldap3.Server(url, use_ssl=transport == "ldaps", tls=tls, get_info=ldap3.ALL)
    how = ldap3.AUTO_BIND_TLS_BEFORE_BIND if transport == "starttls" else ldap3.AUTO_BIND_NO_TLS
    return ldap3.Connection(
        server, target.administrator, target.password, auto_bind=how, raise_exceptions=True
    )


@pytest.fixture
def connection(target: Target, transport: str) -> Iterator[Any]:
    opened = connect(target, transport)
    yield opened
    opened.unbind()


def test_whoami(connection: Any, target: Target) -> None:
    assert connection.extend.standard.who_am_i().lower() == f"dn:{target.administrator}".lower()


def test_the_root_dse_and_the_schema_read(connection: Any, target: Target) -> None:
    information = connection.server.info
    assert target.suffix in information.naming_contexts
    assert "3" in [str(version) for version in information.supported_ldap_versions]
    schema = connection.server.schema
    assert schema.object_classes["inetOrgPerson"].oid == "2.16.840.1.113730.3.2.2"
    assert schema.attribute_types["mail"].equality == ["caseIgnoreIA5Match"]
    assert "sn" in schema.object_classes["person"].must_contain


def test_a_person_lives_and_dies(connection: Any, corner: str) -> None:
    name = f"uid=radia,{corner}"
    content = {"uid": "radia", "cn": ["Radia Perlman", "R. Perlman"], "sn": "Perlman"}
    assert connection.add(name, "inetOrgPerson", content)
    assert connection.search(corner, "(cn=r. perlman)", attributes=["*"])
    (found,) = connection.entries
    assert sorted(found.cn.values) == ["R. Perlman", "Radia Perlman"]
    changes = {
        "description": [(ldap3.MODIFY_ADD, ["spanning tree"])],
        "cn": [(ldap3.MODIFY_DELETE, ["r. perlman"])],
    }
    assert connection.modify(name, changes)
    assert connection.compare(name, "description", "Spanning Tree")
    assert connection.modify_dn(name, "uid=rp", new_superior=corner)
    assert connection.delete(f"uid=rp,{corner}")
    with pytest.raises(LDAPNoSuchObjectResult):
        connection.delete(f"uid=rp,{corner}")


def test_paged_search(connection: Any, corner: str) -> None:
    found = connection.extend.standard.paged_search(
        corner, "(objectClass=*)", attributes=["1.1"], paged_size=2, generator=False
    )
    assert len({one["dn"] for one in found}) == len(found) == 5


def test_values_that_need_escapes(connection: Any, corner: str) -> None:
    cn = 'Comma, Plus+ "Quote" \\ <x>; #=ü'
    name = f"cn={ldap3.utils.dn.escape_rdn(cn)},{corner}"
    assert connection.add(name, "person", {"cn": cn, "sn": "x"})
    escaped = ldap3.utils.conv.escape_filter_chars(cn)
    assert connection.search(corner, f"(cn={escaped})", attributes=["cn"])
    (found,) = connection.entries
    assert found.cn.value == cn
    assert connection.delete(found.entry_dn)


def test_a_wrong_password_is_refused(target: Target, transport: str) -> None:
    if transport == "ldapi":
        pytest.skip("the local socket is signed in to by its owner, not by a password")
    with pytest.raises(LDAPInvalidCredentialsResult):
        connect(replace(target, password="wrong"), transport)
