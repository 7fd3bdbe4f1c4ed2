"""What policy says at sign-in and when passwords are set, with OpenLDAP's tools and octet by octet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from clients import Outcome, run_client
from lightwave.directory.ldap.password_policy import (
    PASSWORD_EXPIRED,
    PASSWORD_EXPIRING,
    PASSWORD_POLICY,
    PasswordFault,
    PasswordPolicyResponse,
    decode_password_policy,
)
from node import Node, run_lightwave
from reference import wire
from serving import PASSWORD, add_user, connect_tls

SUCCESS, CONSTRAINT, INVALID, INSUFFICIENT = 0, 19, 49, 50
NEW = "lantern brisk oyster"
ASKED = wire.control(PASSWORD_POLICY)


@pytest.fixture
def policy(shared_node: Node) -> Iterator[str]:
    """The DN of the policy; what a test wrote to it is taken back."""
    name = f"cn=password and lockout policy,{shared_node.suffix}"
    yield name
    defaults = {
        "vmwPasswordLifetimeDays": [b"0"],
        "lwPasswordMustChange": [],
        "lwPasswordGraceLogins": [],
        "lwPasswordMinAgeSeconds": [],
        "lwPasswordUserMayChange": [],
        "vmwPasswordMinLength": [b"12"],
    }
    write(shared_node, name, defaults)


def write(node: Node, name: str, values: dict[str, list[bytes]]) -> None:
    with node.local_administrator() as connection:
        changes = [(wire.REPLACE, attribute, contents) for attribute, contents in values.items()]
        answer = connection.ask(wire.modify(name, changes))
        assert answer.code == SUCCESS, answer


def told(answer: wire.Answer) -> PasswordPolicyResponse:
    return decode_password_policy(answer.controls[PASSWORD_POLICY])


def tool(node: Node, command: str, name: str, password: str, *more: str) -> Outcome:
    url = node.tls_url.replace("127.0.0.1", "localhost")
    arguments = [command, "-H", url, "-x", "-D", name, "-w", password, "-e", "ppolicy", *more]
    return run_client(arguments, environment={"LDAPTLS_CACERT": str(node.certificate_authority)})


def bind(connection: wire.Connection, name: str, password: str) -> wire.Answer:
    return connection.ask(wire.bind(name, password), controls=[ASKED])


def test_a_sign_in_that_is_fine(shared_node: Node) -> None:
    name = add_user(shared_node, "fine")
    with connect_tls(shared_node) as connection:
        assert told(bind(connection, name, PASSWORD)) == PasswordPolicyResponse()
        assert connection.ask(wire.bind(name, PASSWORD)).controls == {}
        wrong = bind(connection, name, "wrong")
        assert (wrong.code, wrong.controls) == (INVALID, {})


def test_expiring_then_grace_then_expired(shared_node: Node, policy: str) -> None:
    name = add_user(shared_node, "aging")
    write(shared_node, policy, {"vmwPasswordLifetimeDays": [b"1"]})
    with connect_tls(shared_node) as connection:
        answer = bind(connection, name, PASSWORD)
        expires_in = told(answer).expires_in
        assert expires_in is not None
        assert 86_000 < expires_in <= 86_400
        assert answer.controls[PASSWORD_EXPIRING] == b"%d" % expires_in
    assert "expires in" in tool(shared_node, "ldapwhoami", name, PASSWORD).err


def test_what_must_be_changed_serves_for_that_only(shared_node: Node, policy: str) -> None:
    name = add_user(shared_node, "reset-one")
    write(shared_node, name, {"pwdReset": [b"TRUE"]})
    with connect_tls(shared_node) as connection:
        answer = bind(connection, name, PASSWORD)
        assert (answer.code, told(answer).fault) == (SUCCESS, PasswordFault.CHANGE_AFTER_RESET)
        assert PASSWORD_EXPIRED in answer.controls
        for request in forbidden(shared_node, name):
            refused = connection.ask(request, controls=[ASKED])
            assert (refused.code, told(refused).fault) == (INSUFFICIENT, PasswordFault.CHANGE_AFTER_RESET)
        changed = connection.ask(own_change(name, PASSWORD, NEW))
        assert changed.code == SUCCESS, changed
        assert connection.ask(wire.search(name)).code == SUCCESS
        assert told(bind(connection, name, NEW)) == PasswordPolicyResponse()


def own_change(name: str, old: str, new: str) -> bytes:
    changes = [(wire.DELETE, "userPassword", [old.encode()]), (wire.ADD, "userPassword", [new.encode()])]
    return wire.modify(name, changes)


def forbidden(node: Node, name: str) -> Sequence[bytes]:
    return (
        wire.search(name),
        wire.compare(name, "cn", b"x"),
        wire.modify(name, [(wire.REPLACE, "sn", [b"x"])]),
        wire.modify(name, [(wire.REPLACE, "userPassword", [NEW.encode()]), (wire.REPLACE, "sn", [b"x"])]),
        wire.modify(node.administrator, [(wire.REPLACE, "userPassword", [NEW.encode()])]),
        wire.delete(name),
        wire.extended("1.3.6.1.4.1.4203.1.11.3"),
        wire.extended("1.3.6.1.1.21.1"),
    )


def test_must_change_over_http_and_with_tools(shared_node: Node) -> None:
    name = add_user(shared_node, "reset-two")
    write(shared_node, name, {"pwdReset": [b"TRUE"]})
    done = tool(shared_node, "ldapwhoami", name, PASSWORD)
    assert "Password must be changed" in done.err
    assert done.code != 0
    done = tool(shared_node, "ldappasswd", name, PASSWORD, "-a", PASSWORD, "-s", NEW)
    assert done.code == 0, done
    done = tool(shared_node, "ldapwhoami", name, NEW)
    assert (done.code, "changed" in done.err) == (0, False)


def test_a_reset_has_to_be_changed_where_policy_says_so(shared_node: Node, policy: str) -> None:
    write(shared_node, policy, {"lwPasswordMustChange": [b"TRUE"]})
    name = add_user(shared_node, "reset-three")
    with connect_tls(shared_node) as connection:
        assert told(bind(connection, name, PASSWORD)).fault is PasswordFault.CHANGE_AFTER_RESET
        assert connection.ask(own_change(name, PASSWORD, NEW)).code == SUCCESS
    write(shared_node, name, {"userPassword": [PASSWORD.encode()]})
    with connect_tls(shared_node) as connection:
        assert told(bind(connection, name, PASSWORD)).fault is PasswordFault.CHANGE_AFTER_RESET


@pytest.mark.parametrize(
    ("settings", "old", "new", "code", "fault"),
    [
        ({}, PASSWORD, "tiny", CONSTRAINT, PasswordFault.PASSWORD_TOO_SHORT),
        ({}, PASSWORD, "passwordpassword", CONSTRAINT, PasswordFault.INSUFFICIENT_PASSWORD_QUALITY),
        ({}, PASSWORD, PASSWORD, CONSTRAINT, PasswordFault.PASSWORD_IN_HISTORY),
        ({"lwPasswordMinAgeSeconds": [b"600"]}, PASSWORD, NEW, CONSTRAINT, PasswordFault.PASSWORD_TOO_YOUNG),
        (
            {"lwPasswordUserMayChange": [b"FALSE"]},
            PASSWORD,
            NEW,
            INSUFFICIENT,
            PasswordFault.PASSWORD_MOD_NOT_ALLOWED,
        ),
    ],
)
def test_refusals_say_why(
    shared_node: Node,
    policy: str,
    settings: dict[str, list[bytes]],
    old: str,
    new: str,
    code: int,
    fault: PasswordFault,
) -> None:
    """In the control where it was asked for; in words always; the password never."""
    name = add_user(shared_node, f"why-{fault.value}")
    write(shared_node, policy, settings or {"vmwPasswordMinLength": [b"12"]})
    requests = (
        own_change(name, old, new),
        wire.extended("1.3.6.1.4.1.4203.1.11.1", wire.sequence(wire.text(old, 0x81), wire.text(new, 0x82))),
    )
    with connect_tls(shared_node) as connection:
        assert connection.ask(wire.bind(name, PASSWORD)).code == SUCCESS
        for request in requests:
            refused = connection.ask(request, controls=[ASKED])
            assert (refused.code, told(refused).fault) == (code, fault)
            assert new not in refused.diagnostic
            again = connection.ask(request)
            assert (again.code, again.controls) == (code, {})
            assert "password" in again.diagnostic


def test_the_old_password_has_to_be_supplied(shared_node: Node) -> None:
    name = add_user(shared_node, "supplies")
    reset = wire.modify(name, [(wire.REPLACE, "userPassword", [NEW.encode()])])
    extended = wire.extended("1.3.6.1.4.1.4203.1.11.1", wire.sequence(wire.text(NEW, 0x82)))
    with connect_tls(shared_node) as connection:
        assert connection.ask(wire.bind(name, PASSWORD)).code == SUCCESS
        for request, code in ((reset, INSUFFICIENT), (extended, 53)):
            refused = connection.ask(request, controls=[ASKED])
            assert (refused.code, told(refused).fault) == (code, PasswordFault.MUST_SUPPLY_OLD_PASSWORD)
            assert connection.ask(request).controls == {}


def test_grace_logins_are_counted_then_it_is_over(shared_node: Node, policy: str, tmp_path: Path) -> None:
    """A password that was set a day ago, as an import says."""
    name = add_user(shared_node, "graceful")
    write(shared_node, policy, {"vmwPasswordLifetimeDays": [b"1"], "lwPasswordGraceLogins": [b"2"]})
    age(shared_node, name, tmp_path / "aged.ldif")
    with connect_tls(shared_node) as connection:
        assert [told(bind(connection, name, PASSWORD)).grace_left for _ in range(2)] == [1, 0]
        over = bind(connection, name, PASSWORD)
        assert (over.code, told(over).fault) == (INVALID, PasswordFault.PASSWORD_EXPIRED)
        assert over.diagnostic == "the password has expired"
        assert PASSWORD_EXPIRED in over.controls
        wrong = bind(connection, name, "wrong")
        assert (wrong.code, wrong.controls) == (INVALID, {})
    write(shared_node, name, {"vmwPasswordNeverExpires": [b"TRUE"]})
    with connect_tls(shared_node) as connection:
        assert told(bind(connection, name, PASSWORD)) == PasswordPolicyResponse()


def age(node: Node, name: str, path: Path) -> None:
    """Makes the entry anew with a password that was set in 2017."""
    with node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == SUCCESS
    uid = name.partition(",")[0].partition("=")[2]
    text = (
        f"dn: {name}\nobjectClass: user\nuid: {uid}\ncn: {uid}\nsn: x\npwdLastSet: 131277024000000000\n"
        f"userPassword: {PASSWORD}\n"
    )
    path.write_text(text)
    run_lightwave(["import", path, "--data", node.folder])
