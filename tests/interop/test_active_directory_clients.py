"""Clients that were made for Active Directory find their way here: ldapdomaindump, badldap, ldb's tools, nmap."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from clients import lacks, require_client, run_client
from interop.targets import Target, make_tools

DOMAIN = "EXAMPLE"
BUILTIN_GROUPS = {
    *(
        "Administrators",
        "Users",
        "DCAdmins",
        "DCClients",
        "Domain Users",
        "SchemaManagers",
        "CAAdmins",
        "DNSAdmins",
        "TenantOperators",
    )
}


@pytest.fixture(scope="module")
def accounts(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The target with accounts and groups."""
    if target.name != "lightwave":
        pytest.skip("these clients want Active Directory's attributes, which the reference lacks")
    tools = make_tools(target, "ldapi", tmp_path_factory.mktemp("accounts"))
    people = f"ou=accounts,{target.suffix}"
    staff, inner = (f"cn={name},{people}" for name in ("staff", "inner"))
    records = [f"dn: {people}\nobjectClass: organizationalUnit\nou: accounts\n"]
    for name in ("ada", "alan"):
        records.append(
            f"dn: cn={name},{people}\nobjectClass: user\ncn: {name}\nsAMAccountName: {name}\n"
            f"userPrincipalName: {name}@example.com\n"
        )
    records.append(
        f"dn: cn=desk,{people}\nobjectClass: computer\ncn: desk\nsAMAccountName: desk$\n"
        "dNSHostName: desk.example.com\noperatingSystem: Debian\n"
    )
    group = "objectClass: group\ngroupType: -2147483646\n"
    for name, dn, member in (("inner", inner, f"cn=ada,{people}"), ("staff", staff, inner)):
        records.append(f"dn: {dn}\n{group}cn: {name}\nsAMAccountName: {name}\nmember: {member}\n")
    tools.ok("ldapadd", stdin="\n".join(records))
    yield target
    tools("ldapdelete", "-r", people)


def test_ldapdomaindump(accounts: Target, tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "ldapdomaindump"
    if not program.exists():
        lacks("ldapdomaindump")
    done = run_client(
        [
            str(program),
            *("-u", f"{DOMAIN}\\Administrator", "-p", accounts.password, "-at", "SIMPLE"),
            *("-o", str(tmp_path), accounts.url),
        ]
    )
    assert "Domain dump finished" in done.out + done.err, done
    found = {}
    groups: dict[str, list[str]] = {}
    for kind in ("users", "groups", "computers"):
        entries = json.loads((tmp_path / f"domain_{kind}.json").read_text())
        found[kind] = {one["attributes"]["sAMAccountName"][0] for one in entries}
        groups |= {one["dn"].partition(",")[0]: one["attributes"].get("memberOf", []) for one in entries}
    assert found == {
        "users": {"Administrator", "krbtgt", "ada", "alan"},
        "groups": {"staff", "inner", *BUILTIN_GROUPS},
        "computers": {"desk$"},
    }
    people = f"ou=accounts,{accounts.suffix}"
    assert sorted(groups["cn=ada"]) == [f"cn=inner,{people}", f"cn=staff,{people}"]


async def _ask_as_badldap(target: Target) -> dict[str, Any]:
    from badldap.commons.factory import LDAPConnectionFactory  # type: ignore[import-untyped]  # no types

    account = f"{DOMAIN}\\Administrator:{quote(target.password)}"
    url = f"ldap+simple://{account}@{target.url.removeprefix('ldap://')}"
    client = LDAPConnectionFactory.from_url(url).get_client()
    _, error = await client.connect()
    assert error is None, error
    client._ldapinfo = None  # else it reckons with ages of passwords, which it wants from the domain's entry
    found: dict[str, Any] = {"users": set(), "groups": set(), "anr": []}
    async for user, error in client.get_all_users():
        assert error is None, error
        found["users"].add(user.sAMAccountName)
    async for group, error in client.get_all_groups():
        assert error is None, error
        found["groups"].add(group.sAMAccountName)
    async for entry, error in client.pagedsearch("(anr=ala)", ["sAMAccountName", "objectGUID"]):
        assert error is None, error
        found["anr"].append(entry["attributes"]["sAMAccountName"])
    await client.disconnect()
    return found


def test_badldap(accounts: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        from badldap.connection import MSLDAPClientConnection  # type: ignore[import-untyped]  # no types
    except ImportError:
        lacks("badldap")
    begin = MSLDAPClientConnection.__init__

    def begin_with_one(self: Any, *arguments: Any, **more: Any) -> None:
        begin(self, *arguments, **more)
        self.message_id = 1  # its first request has 0, which none may have (RFC 4511 section 4.1.1.1)

    monkeypatch.setattr(MSLDAPClientConnection, "__init__", begin_with_one)
    found = asyncio.run(_ask_as_badldap(accounts))
    assert found == {
        "users": {"Administrator", "krbtgt", "ada", "alan"},
        "groups": {"staff", "inner", *BUILTIN_GROUPS},
        "anr": ["alan"],
    }


def ldb(target: Target, program: str, *arguments: str, stdin: str = "") -> str:
    options = ("bindMech=simple", f"bindID={target.administrator}", f"bindSecret={target.password}")
    signed_in = [part for option in options for part in ("-o", option)]
    done = run_client([program, "-H", target.url, *signed_in, *arguments], stdin=stdin)
    assert done.code == 0, done
    return done.out


def test_ldb_tools(accounts: Target, tmp_path: Path) -> None:
    people = f"ou=accounts,{accounts.suffix}"
    require_client("ldbsearch")
    found = ldb(
        accounts, "ldbsearch", "-b", people, "(objectCategory=person)", "cn", "objectCategory", "name"
    )
    assert found.count("objectCategory: cn=Person,cn=schemacontext") == 2
    assert {"name: ada", "name: alan"} <= set(found.splitlines())
    chain = f"(memberOf:1.2.840.113556.1.4.1941:=cn=staff,{people})"
    members = ldb(accounts, "ldbsearch", "-b", people, chain, "cn")
    assert {line for line in members.splitlines() if line.startswith("cn: ")} == {"cn: ada", "cn: inner"}
    name = f"cn=grace,{people}"
    record = tmp_path / "add.ldif"
    record.write_text(f"dn: {name}\nobjectClass: user\ncn: grace\nsAMAccountName: grace\n")
    ldb(accounts, "ldbadd", str(record))
    change = tmp_path / "change.ldif"
    change.write_text(f"dn: {name}\nchangetype: modify\nreplace: description\ndescription: Admiral\n")
    ldb(accounts, "ldbmodify", str(change))
    assert "description: Admiral" in ldb(accounts, "ldbsearch", "-b", name, "-s", "base")
    ldb(accounts, "ldbdel", name)
    root = ldb(accounts, "ldbsearch", "-b", "", "-s", "base", "*", "+")
    assert f"defaultNamingContext: {accounts.suffix}" in root


def nmap(target: Target, script: str, **arguments: str) -> str:
    port = target.url.rpartition(":")[2]
    given = ",".join(f"{key.replace('_', '.')}='{value}'" for key, value in arguments.items())
    options = ["-Pn", "-sT", "-n", "-p", port, "--script", f"+{script}", "--script-args", given]
    done = run_client(["nmap", *options, "127.0.0.1"], timeout=60)
    assert done.code == 0, done
    return done.out


def test_nmap(accounts: Target) -> None:
    """Its scripts look at port 389 only, unless they are told with a `+` to look anyway."""
    require_client("nmap")
    root = nmap(accounts, "ldap-rootdse")
    assert f"defaultNamingContext: {accounts.suffix}" in root
    assert "supportedControl: 1.2.840.113556.1.4.473" in root
    signed_in = {"ldap_username": accounts.administrator, "ldap_password": accounts.password}
    found = nmap(accounts, "ldap-search", ldap_base=accounts.suffix, ldap_qfilter="users", **signed_in)
    assert "sAMAccountName: ada" in found
    computers = nmap(
        accounts, "ldap-search", ldap_base=accounts.suffix, ldap_qfilter="computers", **signed_in
    )
    assert "sAMAccountName: desk$" in computers


def test_accounts_with_openldap_tools(accounts: Target, tmp_path: Path) -> None:
    """What an administrator does with ldapadd, ldapmodify and ldapsearch."""
    tools = make_tools(accounts, "ldapi", tmp_path)
    people = f"ou=accounts,{accounts.suffix}"
    name = f"cn=Hedy,{people}"
    tools.ok(
        "ldapadd",
        stdin=f"dn: {name}\nobjectClass: user\nobjectClass: posixAccount\ncn: Hedy\nuid: hedy\n"
        "homeDirectory: /home/hedy\nsAMAccountName: hedy\n",
    )
    taken = tools("ldapadd", stdin=f"dn: cn=Other,{people}\nobjectClass: user\ncn: Other\nlwAlias: HEDY\n")
    assert taken.code == 19
    change = "changetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n"
    tools.ok("ldapmodify", stdin=f"dn: {name}\n{change}")
    found = tools.ok("ldapsearch", "-LLL", "-b", name, "-s", "base", "*", "nsAccountLock", "tokenGroups")
    lines = found.splitlines()
    assert {"nsAccountLock: TRUE", "userAccountControl: 514", "primaryGroupID: 513"} <= set(lines)
    (uid,) = (line.partition(" ")[2] for line in lines if line.startswith("uidNumber"))
    assert f"gidNumber: {uid}" in lines
    assert sum(line.startswith("tokenGroups:: ") for line in lines) == 2
    given = tools("ldapmodify", stdin=f"dn: {name}\nchangetype: modify\nreplace: objectSid\nobjectSid: x\n")
    assert given.code == 19
    tools.ok("ldapdelete", name)


SAMBA = """
import base64, sys
from samba.dcerpc import security
from samba.ndr import ndr_unpack
print(ndr_unpack(security.dom_sid, base64.b64decode(sys.argv[1])))
"""


def test_sids_as_samba_reads_them(accounts: Target) -> None:
    require_client("ldbsearch")
    people = f"ou=accounts,{accounts.suffix}"
    out = ldb(accounts, "ldbsearch", "-b", people, "(cn=ada)", "objectSid")
    (octets,) = (line.partition(":: ")[2] for line in out.splitlines() if line.startswith("objectSid"))
    read = run_client(["/usr/bin/python3", "-c", SAMBA, octets])
    if read.code:
        lacks("python3-samba")
    sid = read.out.strip()
    assert sid.startswith("S-1-5-21-")
    found = ldb(accounts, "ldbsearch", "-b", accounts.suffix, f"(objectSid={sid})", "cn")
    assert [line for line in found.splitlines() if line.startswith("cn: ")] == ["cn: ada"]
