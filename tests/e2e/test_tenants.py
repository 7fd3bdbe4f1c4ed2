"""Two tenants on a serving node, each with its administrator, asked with OpenLDAP's own client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import LDAPSessionTerminatedByServerError

from clients import Outcome, require_client, run_client
from commands import answer, invoke, succeed
from node import Node

SECRET = "correct horse battery"
MEMBERS = "(objectClass=foreignSecurityPrincipal)"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node.promote(tmp_path_factory.mktemp("tenants") / "node", domain="provider.test")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def passwords(node: Node) -> dict[str, str]:
    """Of the administrators of two tenants, which the node made."""
    return {
        name: answer("tenant", "create", name, "--data", node.folder)["password"]
        for name in ("acme.test", "beta.test")
    }


def run(node: Node, *arguments: str, code: int = 0) -> str:
    result = invoke("tenant", *arguments, "--data", node.folder)
    assert result.exit_code == code, (arguments, result.output, result.exception)
    return result.output


def search(node: Node, who: str, password: str, *arguments: str) -> Outcome:
    program = require_client("ldapsearch")
    bind = ("-D", who, "-w", password)
    environment = {"LDAPTLS_CACERT": str(node.certificate_authority)}
    return run_client([program, "-LLL", "-x", "-H", node.tls_url, *bind, *arguments], environment=environment)


def connect(node: Node, who: str, password: str) -> Any:
    tls = ldap3.Tls(ca_certs_file=str(node.certificate_authority))
    server = ldap3.Server(node.tls_url, get_info=ldap3.NONE, tls=tls)
    return ldap3.Connection(server, who, password, auto_bind=True)


def as_administrator(node: Node, tenant: str, password: str, folder: Path) -> list[str]:
    """The options by which a tenant's administrator asks the node from elsewhere."""
    file = folder / "password"
    file.write_text(password)
    login = ["--login", f"Administrator@{tenant}", "--password-file", str(file)]
    return ["--server", node.https_url, *login, "--ca", str(node.certificate_authority)]


def test_each_administrator_sees_his_own(node: Node, passwords: dict[str, str]) -> None:
    for own, other in (("acme", "beta"), ("beta", "acme")):
        for who in (
            f"Administrator@{own}.test",
            f"{own}\\Administrator",
            f"cn=Administrator,cn=Users,dc={own},dc=test",
        ):
            found = search(node, who, passwords[f"{own}.test"], "-b", "", "-s", "base", "namingContexts")
            assert found.code == 0, found
            contexts = re.findall("namingContexts: (.*)", found.out)
            assert sorted(contexts) == ["cn=config", "cn=schemacontext", f"dc={own},dc=test"]
        who = f"Administrator@{own}.test"
        found = search(
            node,
            who,
            passwords[f"{own}.test"],
            "-b",
            f"dc={own},dc=test",
            "(sAMAccountName=Administrator)",
            "1.1",
        )
        assert f"dn: cn=Administrator,cn=Users,dc={own},dc=test" in found.out
        for base in (f"dc={other},dc=test", f"cn=Users,dc={other},dc=test", "dc=nobody,dc=test"):
            hidden = search(node, who, passwords[f"{own}.test"], "-b", base, "1.1")
            assert (hidden.code, hidden.out) == (32, ""), hidden
        for base in ("cn=tenants,cn=config", "dc=provider,dc=test"):
            hidden = search(node, who, passwords[f"{own}.test"], "-b", base, "1.1")
            assert hidden.out == ""


def test_only_the_system_manages_tenants(node: Node, passwords: dict[str, str], tmp_path: Path) -> None:
    options = as_administrator(node, "acme.test", passwords["acme.test"], tmp_path)
    for arguments in (
        ["list"],
        ["show", "acme.test"],
        ["show", "nobody.test"],
        ["create", "new.test"],
        ["suspend", "beta.test", "--yes"],
        ["recover", "acme.test"],
    ):
        result = invoke("tenant", *arguments, *options)
        assert result.exit_code == 1, (arguments, result.output)
    names = [one["name"] for one in answer("tenant", "list", "--data", node.folder)]
    assert names == ["provider.test", "acme.test", "beta.test"]
    assert "beta.test" in run(node, "list")
    shown = answer("tenant", "show", "ACME.test", "--data", node.folder)
    assert (shown["state"], shown["realm"], shown["system"]) == ("active", "ACME.TEST", False)
    assert answer("tenant", "show", shown["id"], "--data", node.folder) == shown
    assert "lightwave tenant list" in run(node, "show", "nobody.test", code=1)
    run(node, "create", "sub.acme.test", code=1)
    run(node, "create", "", code=1)
    run(node, "suspend", "provider.test", "--yes", code=1)


def test_neg_105_an_open_connection_of_a_suspended_tenant_is_refused(
    node: Node, passwords: dict[str, str]
) -> None:
    connection = connect(node, "Administrator@beta.test", passwords["beta.test"])
    writing = connect(node, "Administrator@beta.test", passwords["beta.test"])
    other = connect(node, "Administrator@acme.test", passwords["acme.test"])
    assert connection.search("dc=beta,dc=test", "(objectClass=domain)")
    run(node, "suspend", "beta.test", code=2)  # it asks, and there is no terminal
    run(node, "suspend", "beta.test", "--yes")
    with pytest.raises(LDAPSessionTerminatedByServerError):
        connection.search("dc=beta,dc=test", "(objectClass=domain)")
    with pytest.raises(LDAPSessionTerminatedByServerError):
        writing.modify("dc=beta,dc=test", {"description": [(ldap3.MODIFY_REPLACE, ["x"])]})
    assert other.search("dc=acme,dc=test", "(objectClass=domain)")
    assert search(node, "Administrator@beta.test", passwords["beta.test"], "-b", "dc=beta,dc=test").code == 49
    run(node, "resume", "beta.test")
    again = connect(node, "Administrator@beta.test", passwords["beta.test"])
    assert again.search("dc=beta,dc=test", "(objectClass=domain)")


def test_an_operator_is_let_in_and_sent_out(node: Node, passwords: dict[str, str], tmp_path: Path) -> None:
    made = answer(
        "user", "create", "helper", "--new-password-file", _file(tmp_path, SECRET), "--data", node.folder
    )
    options = as_administrator(node, "acme.test", passwords["acme.test"], tmp_path)
    helper = connect(node, "helper@provider.test", SECRET)
    assert not helper.search("dc=acme,dc=test", "(cn=Administrator)")
    refused = invoke("tenant", "invite", "acme.test", "helper@provider.test", *options)
    absent = invoke("tenant", "invite", "acme.test", "nobody@provider.test", *options)
    assert refused.exit_code == absent.exit_code == 1
    assert refused.output.replace("helper", "nobody") == absent.output
    succeed("tenant", "invite", "acme.test", made["sid"], *options)
    assert helper.search("dc=acme,dc=test", "(cn=Administrator)")
    assert not helper.search("dc=beta,dc=test", "(cn=Administrator)")
    (operator,) = answer("tenant", "operators", "acme.test", *options)
    assert operator["sid"] == made["sid"]
    assert operator["groups"] == ["cn=Administrators,cn=Builtin,dc=acme,dc=test"]
    run(node, "suspend", "acme.test", "--yes")
    assert not helper.search("dc=acme,dc=test", "(cn=Administrator)")
    run(node, "resume", "acme.test")
    assert helper.search("dc=acme,dc=test", "(cn=Administrator)")
    succeed("tenant", "withdraw", "acme.test", made["sid"], *options)
    assert not helper.search("dc=acme,dc=test", "(cn=Administrator)")
    assert invoke("tenant", "withdraw", "acme.test", made["sid"], *options).exit_code == 1
    succeed("group", "add", "TenantOperators", "helper", "--data", node.folder)
    succeed("tenant", "invite", "acme.test", "helper@provider.test", *options)
    assert helper.search("dc=acme,dc=test", "(cn=Administrator)")
    succeed("tenant", "withdraw", "acme.test", "helper@provider.test", *options)


def test_names_recovery_and_the_end(node: Node, tmp_path: Path) -> None:
    made = answer(
        "tenant",
        "create",
        "gone.test",
        "--new-password-file",
        _file(tmp_path, SECRET),
        "--data",
        node.folder,
    )
    assert made.get("password") is None
    run(node, "modify", "gone.test", "--suffix", "gone.example", "--sign-in-by-mail")
    assert search(node, "Administrator@gone.example", SECRET, "-b", "", "-s", "base", "1.1").code == 0
    run(node, "modify", "gone.test", "--suffix", "beta.test", code=1)
    recovered = answer("tenant", "recover", "gone.test", "--data", node.folder)
    assert search(node, "Administrator@gone.test", SECRET, "-b", "", "-s", "base", "1.1").code == 49
    assert (
        search(node, "Administrator@gone.test", recovered["password"], "-b", "", "-s", "base", "1.1").code
        == 0
    )
    run(node, "delete", "gone.test", "--yes", code=1)
    run(node, "suspend", "gone.test", "--yes")
    assert "Deleted tenant gone.test" in run(node, "delete", "gone.test", "--yes")
    run(node, "show", "gone.test", code=1)
    again = answer("tenant", "create", "gone.test", "--data", node.folder)
    assert search(node, "gone\\Administrator", again["password"], "-b", "", "-s", "base", "1.1").code == 0
    assert succeed("check", "--data", node.folder).startswith("The store is sound")


def _file(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.write_text(text)
    return str(path)
