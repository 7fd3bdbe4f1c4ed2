"""One policy, the same requests: ours and slapd's ppolicy overlay answer alike, but for what is named here.

Compared are result codes and what the password policy control says; seconds until the end are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from clients import require_client
from lightwave.directory.ldap.password_policy import (
    PASSWORD_POLICY,
    PasswordFault,
    PasswordPolicyResponse,
    decode_password_policy,
)
from node import Node, run_lightwave
from reference import wire
from reference.slapd import Slapd, SlapdConfiguration
from serving import connect_tls


@pytest.fixture(autouse=True, scope="module")
def reference_server() -> None:
    """The server that is compared with."""
    require_client("slapd")


SUFFIX = "dc=example,dc=com"
PASSWORD = "kettle orbit fjord"
OTHERS = ("lantern brisk oyster", "pepper canoe wizard")
ASKED = wire.control(PASSWORD_POLICY)
LONG_AGO = ("20170101000000Z", "131277024000000000")
USERS = {
    "fine": {"pwdMaxAge": "0"},
    "young": {"pwdMinAge": "3600"},
    "fixed": {"pwdAllowUserChange": "FALSE"},
    "reset": {"pwdMustChange": "TRUE"},
    "aging": {"pwdMaxAge": "86400", "pwdExpireWarning": "86400"},
    "old": {"pwdMaxAge": "86400", "pwdGraceAuthnLimit": "2"},
}
OURS = {
    "pwdMaxAge": "vmwPasswordLifetimeDays",
    "pwdMinAge": "lwPasswordMinAgeSeconds",
    "pwdAllowUserChange": "lwPasswordUserMayChange",
    "pwdMustChange": "lwPasswordMustChange",
    "pwdExpireWarning": "lwPasswordExpiryWarningDays",
    "pwdGraceAuthnLimit": "lwPasswordGraceLogins",
}
DAYS = {"vmwPasswordLifetimeDays", "lwPasswordExpiryWarningDays"}
Told = tuple[int, PasswordPolicyResponse | None]


class Servers(NamedTuple):
    """Both, with the same people under the same policies."""

    ours: Node
    theirs: Slapd


def person(uid: str) -> str:
    return f"uid={uid},{SUFFIX}"


@pytest.fixture(scope="module")
def servers(promoted_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("pp")
    node = promoted_node.copy(folder / "n")
    node.start()
    fill_ours(node, folder)
    overlay = f'ppolicy\nppolicy_default "cn=fine,ou=policies,{SUFFIX}"'
    rights = (
        "access to attrs=userPassword by self write by anonymous auth",
        "access to * by self write by * read",
    )
    configuration = SlapdConfiguration(
        suffix=SUFFIX, modules=("back_mdb", "ppolicy"), overlays=(overlay,), database_lines=rights
    )
    slapd = Slapd(folder / "s", configuration)
    slapd.load(their_entries().encode())
    with slapd:
        yield Servers(node, slapd)
    node.stop()


def fill_ours(node: Node, folder: Path) -> None:
    path = folder / "people.ldif"
    path.write_text(
        "\n".join(
            f"dn: {person(uid)}\nobjectClass: user\nuid: {uid}\ncn: {uid}\nsn: x\nuserPassword: {PASSWORD}\n"
            + (f"pwdLastSet: {LONG_AGO[1]}\n" if uid == "old" else "")
            for uid in USERS
        )
    )
    run_lightwave(["import", path, "--data", node.folder])
    with node.local_administrator() as connection:
        for uid, policy in USERS.items():
            attributes = [
                ("objectClass", [b"msDS-PasswordSettings", b"vmwPasswordPolicy", b"lwPasswordPolicy"]),
                ("msDS-PasswordSettingsPrecedence", [b"1"]),
                ("msDS-PSOAppliesTo", [person(uid).encode()]),
                *((OURS[name], [our_value(OURS[name], value)]) for name, value in policy.items()),
            ]
            name = f"cn={uid},cn=Password Settings Container,cn=System,{SUFFIX}"
            answer = connection.ask(wire.add(name, attributes))
            assert answer.code == 0, answer


def our_value(name: str, value: str) -> bytes:
    return b"%d" % (int(value) // 86_400) if name in DAYS else value.encode()


def their_entries() -> str:
    entries = [
        f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n",
        f"dn: ou=policies,{SUFFIX}\nobjectClass: organizationalUnit\nou: policies\n",
    ]
    for uid, policy in USERS.items():
        said = {
            "pwdCheckQuality": "1",
            "pwdMinLength": "12",
            "pwdInHistory": "5",
            "pwdSafeModify": "TRUE",
        } | policy
        lines = "".join(f"{name}: {value}\n" for name, value in said.items())
        entries.append(
            f"dn: cn={uid},ou=policies,{SUFFIX}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: {uid}\n"
            f"pwdAttribute: userPassword\n{lines}"
        )
    # slapd warns after the first second only, where the warning begins with the password.
    lately = datetime.now(UTC) - timedelta(minutes=1)
    for uid in USERS:
        changed = LONG_AGO[0] if uid == "old" else lately.strftime("%Y%m%d%H%M%SZ")
        entries.append(
            f"dn: {person(uid)}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: x\n"
            f"userPassword: {PASSWORD}\npwdPolicySubentry: cn={uid},ou=policies,{SUFFIX}\n"
            f"pwdChangedTime: {changed}\n"
        )
    return "\n".join(entries)


def told(answer: wire.Answer) -> Told:
    if PASSWORD_POLICY not in answer.controls:
        return answer.code, None
    response = decode_password_policy(answer.controls[PASSWORD_POLICY])
    return answer.code, response._replace(expires_in=0 if response.expires_in is not None else None)


def run(servers: Servers, *sessions: Sequence[bytes]) -> tuple[list[Told], list[Told]]:
    """What each server says to the same requests; each session is a connection."""
    found: tuple[list[Told], list[Told]] = ([], [])
    for session in sessions:
        with (
            connect_tls(servers.ours) as ours,
            closing(wire.Connection("127.0.0.1", servers.theirs.port)) as theirs,
        ):
            for answers, connection in zip(found, (ours, theirs), strict=True):
                answers += [told(connection.ask(request, controls=[ASKED])) for request in session]
    return found


def change(uid: str, old: str, new: str) -> bytes:
    changes = [(wire.DELETE, "userPassword", [old.encode()]), (wire.ADD, "userPassword", [new.encode()])]
    return wire.modify(person(uid), changes)


def replace(uid: str, new: str) -> bytes:
    return wire.modify(person(uid), [(wire.REPLACE, "userPassword", [new.encode()])])


def extended(old: str, new: str) -> bytes:
    value = wire.sequence(wire.text(old, 0x81), wire.text(new, 0x82))
    return wire.extended("1.3.6.1.4.1.4203.1.11.1", value)


def fault(code: int, which: PasswordFault) -> Told:
    return code, PasswordPolicyResponse(fault=which)


def test_changes_of_ones_own(servers: Servers) -> None:
    requests = (
        wire.bind(person("fine"), PASSWORD),
        change("fine", PASSWORD, "tiny"),
        change("fine", PASSWORD, PASSWORD),
        replace("fine", OTHERS[0]),
        extended(PASSWORD, "tiny"),
        extended(PASSWORD, PASSWORD),
        change("fine", PASSWORD, OTHERS[0]),
        change("fine", OTHERS[0], PASSWORD),
        extended(OTHERS[0], OTHERS[1]),
        wire.bind(person("fine"), OTHERS[1]),
    )
    ours, theirs = run(servers, requests)
    assert ours == theirs
    assert ours[1] == fault(19, PasswordFault.PASSWORD_TOO_SHORT)
    assert ours[2] == fault(19, PasswordFault.PASSWORD_IN_HISTORY)
    assert ours[3] == fault(50, PasswordFault.MUST_SUPPLY_OLD_PASSWORD)


@pytest.mark.parametrize(
    ("uid", "which", "code"),
    [("young", PasswordFault.PASSWORD_TOO_YOUNG, 19), ("fixed", PasswordFault.PASSWORD_MOD_NOT_ALLOWED, 50)],
)
def test_changes_that_may_not_be(servers: Servers, uid: str, which: PasswordFault, code: int) -> None:
    requests = (
        wire.bind(person(uid), PASSWORD),
        change(uid, PASSWORD, OTHERS[0]),
        extended(PASSWORD, OTHERS[0]),
    )
    ours, theirs = run(servers, requests)
    assert ours == theirs
    assert ours[1:] == [fault(code, which)] * 2


def test_a_reset_has_to_be_changed(servers: Servers) -> None:
    with servers.ours.local_administrator() as administrator:
        assert administrator.ask(replace("reset", OTHERS[0])).code == 0
    with closing(wire.Connection("127.0.0.1", servers.theirs.port)) as root:
        configuration = servers.theirs.configuration
        assert root.ask(wire.bind(configuration.root_dn, configuration.root_password)).code == 0
        assert root.ask(replace("reset", OTHERS[0])).code == 0
    requests = (
        wire.bind(person("reset"), OTHERS[0]),
        wire.search(person("reset")),
        wire.compare(person("reset"), "cn", b"reset"),
        wire.modify(person("reset"), [(wire.REPLACE, "sn", [b"y"])]),
        wire.delete(person("reset")),
        change("reset", OTHERS[0], OTHERS[1]),
        wire.search(person("reset")),
    )
    ours, theirs = run(servers, requests, (wire.bind(person("reset"), OTHERS[1]),))
    assert [code for code, _ in ours] == [code for code, _ in theirs]
    # slapd says why to a modify alone; the draft (§6.2) lets the reason go with every operation, and so do we.
    assert [said for _, said in theirs[1:5]] == [None, None, ours[3][1], None]
    assert (ours[0], ours[5:]) == (theirs[0], theirs[5:])
    assert (
        ours[:5]
        == [(0, PasswordPolicyResponse(fault=PasswordFault.CHANGE_AFTER_RESET))]
        + [fault(50, PasswordFault.CHANGE_AFTER_RESET)] * 4
    )


def test_expiring_grace_and_the_end(servers: Servers) -> None:
    ours, theirs = run(
        servers,
        (wire.bind(person("aging"), PASSWORD),),
        *((wire.bind(person("old"), PASSWORD),) for _ in range(3)),
    )
    assert ours == theirs
    assert ours[1:] == [
        (0, PasswordPolicyResponse(grace_left=1)),
        (0, PasswordPolicyResponse(grace_left=0)),
        fault(49, PasswordFault.PASSWORD_EXPIRED),
    ]


def test_a_wrong_password(servers: Servers) -> None:
    ours, theirs = run(servers, (wire.bind(person("aging"), "wrong"),))
    assert ours[0][0] == theirs[0][0] == 49
