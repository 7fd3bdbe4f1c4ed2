"""Security descriptors as the tools of Active Directory and Samba's libraries read and write them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import lacks, run_client
from interop.targets import Target, make_tools

_SAMBA = """
import json, sys
import ldb
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack

url, name, secret, dn, sid = sys.argv[1:]
options = ["bindMech=simple", "bindID=" + name, "bindSecret=" + secret]
db = ldb.Ldb(url, options=options)

def read():
    found = db.search(dn, ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"])
    return ndr_unpack(security.descriptor, found[0]["nTSecurityDescriptor"][0])

def write(descriptor):
    change = ldb.Message(ldb.Dn(db, dn))
    change["nTSecurityDescriptor"] = ldb.MessageElement(
        ndr_pack(descriptor), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    db.modify(change)

before = read()
domain = security.dom_sid(sid)
granted = security.descriptor.from_sddl("D:(A;CI;RPWP;;;AU)(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;AU)", domain)
for ace in granted.dacl.aces:
    before.dacl_add(ace)
write(before)
after = everything = read()
write(everything)
print(json.dumps({
    "after": after.as_sddl(domain),
    "owner": str(everything.owner_sid),
    "again": read().as_sddl(domain) == everything.as_sddl(domain),
}))
"""


@pytest.fixture
def unit(target: Target, short_folder: Path) -> Iterator[str]:
    if target.name != "lightwave":
        pytest.skip("security descriptors are Active Directory's")
    name = f"ou={short_folder.name},{target.suffix}"
    tools = make_tools(target, "ldapi", short_folder)
    tools.ok("ldapadd", stdin=f"dn: {name}\nobjectClass: organizationalUnit\nou: {short_folder.name}\n")
    yield name
    tools("ldapdelete", "-r", name)


def domain_sid(target: Target, folder: Path) -> str:
    tools = make_tools(target, "ldapi", folder)
    text = tools.ok("ldapsearch", "-b", target.suffix, "-s", "base", "objectSid")
    found = re.search(r"objectSid:: (\S+)", text)
    assert found is not None, text
    octets = base64.b64decode(found[1])
    parts = [int.from_bytes(octets[at : at + 4], "little") for at in range(8, len(octets), 4)]
    return "-".join(["S-1-5", *map(str, parts)])


def test_samba_reads_and_writes_descriptors(target: Target, unit: str, short_folder: Path) -> None:
    python = "/usr/bin/python3"
    if run_client([python, "-I", "-c", "import samba.security, ldb"]).code:
        lacks("Debian's python3-samba")
    sid = domain_sid(target, short_folder)
    arguments = [target.url, target.administrator, target.password, unit, sid]
    done = run_client([python, "-I", "-c", _SAMBA, *arguments])
    assert done.code == 0, done
    found = json.loads(done.out)
    assert "(A;CI;RPWP;;;AU)" in found["after"]
    assert "(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;AU)" in found["after"]
    assert "(A;CIID;RPLCLORC;;;AU)" in found["after"]
    assert found["owner"] == "S-1-5-32-544"
    assert found["again"]


def test_openldap_tools(target: Target, unit: str, short_folder: Path) -> None:
    tools = make_tools(target, "ldapi", short_folder)
    base = ("-b", unit, "-s", "base")
    plain = tools.ok("ldapsearch", *base, "*", "+")
    assert "nTSecurityDescriptor" not in plain
    assert "vmwAclString" not in plain
    whole = tools.ok("ldapsearch", "-E", "!1.2.840.113556.1.4.801=::MAMCAQc=", *base, "*")
    assert "nTSecurityDescriptor::" in whole
    text = "D:(A;;RPLC;;;AU)"
    tools.ok(
        "ldapmodify",
        stdin=f"dn: {unit}\nchangetype: modify\nreplace: vmwAclString\nvmwAclString: {text}\n",
    )
    shown = tools.ok("ldapsearch", "-o", "ldif-wrap=no", *base, "vmwAclString")
    assert "D:AI(A;;LCRP;;;AU)" in shown
    assert "O:BAG:BA" in shown
    only = tools.ok("ldapsearch", "-E", "!1.2.840.113556.1.4.801=::MAMCAQQ=", *base, "vmwAclString")
    assert "vmwAclString: D:AI(A;;LCRP;;;AU)" in only
    for value in ("", "=::MAA=", "=::MAMCAQ=="):
        assert tools("ldapsearch", "-E", f"1.2.840.113556.1.4.801{value}", *base).code == 2
    root = tools.ok("ldapsearch", "-b", "", "-s", "base", "supportedControl")
    assert "1.2.840.113556.1.4.801" in root


def test_effective_rights_in_the_form_of_389(target: Target, unit: str, short_folder: Path) -> None:
    tools = make_tools(target, "ldapi", short_folder)
    person = f"cn=ann,{unit}"
    tools.ok("ldapadd", stdin=f"dn: {person}\nobjectClass: user\ncn: ann\nsn: a\nmail: a@example.com\n")
    oid = "1.3.6.1.4.1.42.2.27.9.5.2"

    def rights(who: str, *attributes: str) -> str:
        found = tools.ok(
            "ldapsearch",
            *("-o", "ldif-wrap=no", "-E", f"!{oid}=:dn:{who}"),
            *("-b", person, "-s", "base", "(objectClass=*)", *attributes),
        )
        return "\n".join(line for line in found.splitlines() if "LevelRights:" in line)

    own = rights(person, "mail", "telephoneNumber", "userPassword")
    assert own == (
        "entryLevelRights: v\nattributeLevelRights: mail:rsc, telephoneNumber:rscwo, userPassword:none"
    )
    administrator = rights(target.administrator)
    assert "entryLevelRights: vadn" in administrator
    assert "mail:rscwo" in administrator
    assert rights("", "mail") == "entryLevelRights: none\nattributeLevelRights: mail:none"
    base = ("-b", person, "-s", "base")
    for value in ("", "=:", "=:ann", "=::MAA=", "=::MAMCAQc="):
        assert tools("ldapsearch", "-E", f"{oid}{value}", *base).code == 2, value
    assert tools("ldapsearch", "-E", f"!{oid}=:dn:cn=nobody,{unit}", *base).code == 32
    assert tools("ldapsearch", "-E", f"!{oid}=:dn:{person}", *base, sign_in=False).code == 32
