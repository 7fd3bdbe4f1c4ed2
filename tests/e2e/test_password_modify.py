"""Password Modify (RFC 3062) against a whole node, with OpenLDAP's ldappasswd and octet by octet."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients import Outcome, run_client
from node import Node
from reference import wire
from serving import PASSWORD, add_user, connect, connect_tls, log_text, signed_in

PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
NEW = "New 4 people"
OTHER = "Still other 4 people"
SUCCESS, PROTOCOL, STRONGER, CONSTRAINT, CONFIDENTIALITY = 0, 2, 8, 19, 13
NO_SUCH_OBJECT, INVALID_CREDENTIALS, INSUFFICIENT, UNWILLING = 32, 49, 50, 53


def request(user: str | None = None, old: str | None = None, new: str | None = None) -> bytes:
    fields = [wire.text(one, 0x80 + n) for n, one in enumerate((user, old, new)) if one is not None]
    return wire.extended(PASSWORD_MODIFY, wire.sequence(*fields) if fields else None)


def generated(answer: wire.Answer) -> str:
    assert answer.extended_value is not None
    ((_, content),) = wire.elements(answer.extended_value)
    ((tag, password),) = wire.elements(content)
    assert tag == 0x80
    return password.decode()


def can_sign_in(node: Node, name: str, password: str) -> bool:
    with connect_tls(node) as connection:
        return connection.ask(wire.bind(name, password)).code == 0


def ldappasswd(node: Node, name: str, password: str, *arguments: str) -> Outcome:
    secret = ["-x", "-D", name, "-w", password]
    environment = {"LDAPTLS_CACERT": str(node.certificate_authority)}
    url = node.tls_url.replace("127.0.0.1", "localhost")
    return run_client(["ldappasswd", "-H", url, *secret, *arguments], environment=environment)


def test_ones_own_password_with_the_old_one(shared_node: Node) -> None:
    name = add_user(shared_node, "own")
    with signed_in(shared_node, name) as connection, signed_in(shared_node, name) as other:
        for old in (None, "wrong", NEW):
            assert connection.ask(request(None, old, NEW)).code == UNWILLING
        answer = connection.ask(request(None, PASSWORD, NEW))
        assert (answer.code, answer.extended_name, answer.extended_value) == (SUCCESS, None, None)
        assert connection.ask(wire.search(name, wire.BASE)).code == SUCCESS  # this one goes on
        with pytest.raises(wire.ServerClosed):
            other.ask(wire.search(name, wire.BASE))
    assert can_sign_in(shared_node, name, NEW)
    assert not can_sign_in(shared_node, name, PASSWORD)


def test_the_administrator_sets_everybodys_password(shared_node: Node) -> None:
    name = add_user(shared_node, "reset")
    with signed_in(shared_node, shared_node.administrator, shared_node.password) as connection:
        for number, user in enumerate((name, f"dn:{name}", "u:reset", "reset")):
            new = f"{NEW} {number}"
            assert connection.ask(request(user, None, new)).code == SUCCESS
            assert can_sign_in(shared_node, name, new)
        assert connection.ask(request(name, "wrong", "x")).code == UNWILLING
        assert connection.ask(request(name, new, "{SSHA}taken as it is")).code == SUCCESS
        assert can_sign_in(shared_node, name, "{SSHA}taken as it is")
        assert connection.ask(request(f"uid=nobody,{shared_node.suffix}", None, "x")).code == NO_SUCH_OBJECT
        assert connection.ask(request("nobody", None, "x")).code != SUCCESS
        assert connection.ask(request("=,=", None, "x")).code != SUCCESS
        assert connection.ask(request(name, None, "x" * 2000)).code == CONSTRAINT
        unit = f"ou=people,{shared_node.suffix}"
        attributes = [("objectClass", [b"organizationalUnit"]), ("ou", [b"people"])]
        assert connection.ask(wire.add(unit, attributes)).code == SUCCESS
        domain = f"cn=Users,{shared_node.suffix}"
        assert connection.ask(request(domain, None, NEW)).code == 65  # its class has no password


def test_a_password_is_made_where_none_is_given(shared_node: Node) -> None:
    name = add_user(shared_node, "generated")
    with signed_in(shared_node, name) as connection:
        first = generated(connection.ask(request(None, PASSWORD)))
        second = generated(connection.ask(request(None, first)))
    assert first != second
    assert len(second) >= 16
    assert can_sign_in(shared_node, name, second)
    assert not can_sign_in(shared_node, name, first)
    assert second not in log_text(shared_node)


def test_who_may_not(shared_node: Node) -> None:
    name, other = add_user(shared_node, "may"), add_user(shared_node, "may-not")
    with signed_in(shared_node, other) as connection:
        assert connection.ask(request(name, None, NEW)).code == INSUFFICIENT
        assert connection.ask(request(name, PASSWORD, NEW)).code == INSUFFICIENT
        assert connection.ask(request(None, None, NEW)).code == UNWILLING
        assert connection.ask(request(None, None, None)).code == UNWILLING
    with connect_tls(shared_node) as connection:  # RFC 3062 §1: not anonymously
        assert connection.ask(request(name, PASSWORD, NEW)).code == STRONGER
    assert can_sign_in(shared_node, name, PASSWORD)


def test_never_over_a_clear_connection(node: Node) -> None:
    """RFC 3062 §3. A node that takes passwords in the clear takes these too."""
    name = add_user(node, "clear")
    node.allow_passwords_in_the_clear()
    with connect(node) as connection:
        assert connection.ask(wire.bind(name, PASSWORD)).code == SUCCESS
        assert connection.ask(request(None, PASSWORD, NEW)).code == SUCCESS
        with node.local_administrator() as administrator:
            found = administrator.ask(wire.search("cn=config", filter=("equal", "objectClass", b"lwNode")))
            change = (wire.REPLACE, "lwAllowInsecureAuthentication", [b"FALSE"])
            assert administrator.ask(wire.modify(found.entries[0][0], [change])).code == SUCCESS
        assert connection.ask(request(None, NEW, PASSWORD)).code == CONFIDENTIALITY
    assert can_sign_in(node, name, NEW)


MALFORMED = [
    b"",
    b"\x30\x00",
    b"\x30\x02\x80\x05",
    b"\x04\x00",
    wire.sequence(wire.text("x", 0x83)),
    wire.sequence(wire.text("x", 0x82), wire.text("y", 0x81)),
    wire.sequence(wire.text("x", 0x82), wire.text("y", 0x82)),
    wire.sequence(wire.text("x", 0x82)) + b"\x00",
]


@pytest.mark.parametrize("value", MALFORMED)
def test_malformed_values(shared_node: Node, value: bytes) -> None:
    with shared_node.local_administrator() as connection:
        answer = connection.ask(wire.extended(PASSWORD_MODIFY, value))
        assert (answer.code, answer.extended_value) == (PROTOCOL, None)


@pytest.mark.parametrize(("old", "new"), [("", NEW), (PASSWORD, "")])
def test_empty_passwords(shared_node: Node, old: str, new: str) -> None:
    """As slapd: unwillingToPerform."""
    with shared_node.local_administrator() as connection:
        assert connection.ask(request(None, old, new)).code == UNWILLING


def test_ldappasswd(shared_node: Node, tmp_path: Path) -> None:
    (tmp_path / "old").write_text(NEW)
    (tmp_path / "new").write_text(OTHER)
    name = add_user(shared_node, "tool")
    done = ldappasswd(shared_node, name, PASSWORD, "-a", PASSWORD, "-s", NEW)
    assert done.code == 0, done
    done = ldappasswd(shared_node, name, NEW, "-a", "wrong", "-s", "x")
    assert done.code != 0
    done = ldappasswd(shared_node, name, NEW, "-t", str(tmp_path / "old"), "-T", str(tmp_path / "new"))
    assert done.code == 0, done
    done = ldappasswd(shared_node, name, OTHER, "-a", OTHER)
    assert done.code == 0, done
    made = done.out.partition("New password: ")[2].strip()
    assert can_sign_in(shared_node, name, made)
    done = ldappasswd(shared_node, shared_node.administrator, shared_node.password, "-s", NEW, name)
    assert done.code == 0, done
    assert can_sign_in(shared_node, name, NEW)


def test_it_is_advertised(shared_node: Node) -> None:
    with connect(shared_node) as connection:
        found = connection.ask(wire.search("", wire.BASE, attributes=["supportedExtension"]))
    assert PASSWORD_MODIFY.encode() in found.entries[0][1]["supportedExtension"]
