"""SCRAM-SHA-256 and -PLUS with Cyrus SASL, through OpenLDAP's tools and python-ldap."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients import lacks, run_client
from node import Node
from reference import wire
from serving import PASSWORD, add_user

NAME, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
INVALID_CREDENTIALS = 49


@pytest.fixture(scope="module")
def user(shared_node: Node) -> Iterator[str]:
    name = add_user(shared_node, "cyrus")
    yield name
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0


def who_am_i(
    node: Node, mechanism: str, password: str = PASSWORD, url: str = "", **environment: str
) -> tuple[int, str]:
    start_tls = () if url else ("-ZZ",)
    where = url or f"ldap://localhost:{node.port}"
    options = ("-Q", "-Y", mechanism, "-U", "cyrus", "-w", password)
    trusted = {"LDAPTLS_CACERT": str(node.certificate_authority)}
    done = run_client(["ldapwhoami", *start_tls, "-H", where, *options], environment=trusted | environment)
    if "No worthy mechs" in done.err or "no mechanism available" in done.err:
        lacks("Cyrus SASL's module for SCRAM")
    return done.code, done.out.strip() or done.err


@pytest.mark.parametrize("transport", ["starttls", "ldaps", "ldapi"])
def test_openldaps_tools_sign_in(shared_node: Node, user: str, transport: str) -> None:
    url = {"ldaps": f"ldaps://localhost:{shared_node.tls_port}", "ldapi": shared_node.local_url}
    assert who_am_i(shared_node, NAME, url=url.get(transport, "")) == (0, f"dn:{user}")
    code, text = who_am_i(shared_node, NAME, "not the password", url=url.get(transport, ""))
    assert code == INVALID_CREDENTIALS, text


@pytest.mark.parametrize(
    ("binding", "versions"), [("tls-endpoint", "NORMAL"), ("tls-unique", "NORMAL:-VERS-TLS1.3")]
)
def test_openldaps_tools_bind_to_the_channel(
    shared_node: Node, user: str, binding: str, versions: str
) -> None:
    chosen = {"LDAPSASL_CBINDING": binding, "LDAPTLS_CIPHER_SUITE": versions}
    assert who_am_i(shared_node, PLUS, **chosen) == (0, f"dn:{user}")
    assert who_am_i(shared_node, PLUS, "not the password", **chosen)[0] == INVALID_CREDENTIALS


def test_python_ldap_signs_in(shared_node: Node, user: str) -> None:
    import ldap
    import ldap.sasl

    connection = ldap.initialize(f"ldap://localhost:{shared_node.port}")
    try:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(shared_node.certificate_authority))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        connection.start_tls_s()
        answers = {ldap.sasl.CB_AUTHNAME: "cyrus", ldap.sasl.CB_PASS: PASSWORD}
        connection.sasl_interactive_bind_s("", ldap.sasl.sasl(answers, NAME))
        assert connection.whoami_s() == f"dn:{user}"
        answers[ldap.sasl.CB_PASS] = "not the password"
        with pytest.raises(ldap.INVALID_CREDENTIALS):
            connection.sasl_interactive_bind_s("", ldap.sasl.sasl(answers, NAME))
    finally:
        connection.unbind_s()
