"""OpenLDAP's tools (libldap) over all four transports. A tool's exit code is the LDAP result code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from interop.targets import Target, Tools, make_tools, target_of_node
from node import Node

COMPARE_FALSE, COMPARE_TRUE = 5, 6


def names(ldif: str) -> list[str]:
    """The first RDN's value of each entry of `ldapsearch -LLL`, sorted."""
    return sorted(re.findall(r"^dn: [^=]+=([^,\n]+)", ldif, re.MULTILINE))


def values(ldif: str, attribute: str) -> list[str]:
    return re.findall(rf"^{re.escape(attribute)}: (.*)$", ldif, re.MULTILINE)


def search(tools: Tools, base: str, *arguments: str) -> str:
    return tools.ok("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", base, *arguments)


def test_the_administrator_is_who_it_says(tools: Tools) -> None:
    assert tools.ok("ldapwhoami").strip().lower() == f"dn:{tools.target.administrator}".lower()
    if tools.transport != "ldapi":
        assert tools("ldapwhoami", sign_in=False).out.strip() == "anonymous"


def test_a_wrong_password_is_refused(tools: Tools) -> None:
    if tools.transport == "ldapi":
        pytest.skip("the local socket is signed in to by its owner, not by a password")
    options = ["-x", "-D", tools.target.administrator, "-w", "not the password"]
    assert tools("ldapwhoami", *options, sign_in=False).code == 49


def test_filters_scopes_and_selection(tools: Tools, corner: str) -> None:
    assert names(search(tools, corner, "-s", "base", "1.1")) == [corner.partition(",")[0][3:]]
    assert names(search(tools, corner, "-s", "one", "(objectClass=person)")) == ["ada", "alan", "grace"]
    assert names(search(tools, corner, "(|(sn=turing)(givenName=gra*))")) == ["alan", "grace"]
    assert names(search(tools, corner, "(&(objectClass=posixAccount)(!(uid=ada)))")) == ["alan", "grace"]
    assert names(search(tools, corner, "(uidNumber>=1001)")) == ["alan", "grace"]
    assert names(search(tools, corner, "(cn:caseExactMatch:=Ada Lovelace)")) == ["ada"]
    assert names(search(tools, corner, "(ou:dn:=people of nowhere)")) == []
    found = search(tools, f"uid=ada,{corner}", "mail", "cn")
    assert values(found, "mail") == ["ada@example.com"]
    assert values(found, "cn") == ["Ada Lovelace"]
    assert values(found, "sn") == []
    assert "mail:\n" in search(tools, f"uid=ada,{corner}", "-A", "mail")


def test_operational_attributes_and_attributes_of_a_class(tools: Tools, corner: str) -> None:
    found = search(tools, f"uid=ada,{corner}", "-s", "base", "+")
    assert values(found, "structuralObjectClass") == ["inetOrgPerson"]
    assert values(found, "subschemaSubentry")
    assert len(values(found, "entryUUID")[0]) == 36
    assert re.fullmatch(r"\d{14}(\.\d+)?Z", values(found, "createTimestamp")[0])
    found = search(tools, f"uid=ada,{corner}", "-s", "base", "@posixAccount")
    assert values(found, "uidNumber") == ["1000"]
    assert values(found, "sn") == []


def test_modify(tools: Tools, corner: str) -> None:
    changes = (
        f"dn: uid=ada,{corner}\nchangetype: modify\nadd: description\ndescription: one\ndescription: two\n-\n"
        "replace: title\ntitle: Countess\n-\ndelete: description\ndescription: ONE\n-\n"
        "increment: uidNumber\nuidNumber: 5\n-\n"
    )
    tools.ok("ldapmodify", stdin=changes)
    found = search(tools, f"uid=ada,{corner}")
    assert values(found, "description") == ["two"]
    assert values(found, "title") == ["Countess"]
    assert values(found, "uidNumber") == ["1005"]


def test_refusals_have_the_codes_of_the_rfc(tools: Tools, corner: str) -> None:
    person = f"dn: uid=ada,{corner}\nchangetype: modify\n"
    cases = {
        f"{person}add: uid\nuid: ADA\n": 20,
        f"{person}delete: description\n": 16,
        f"{person}add: noSuchThing\nnoSuchThing: 1\n": 17,
        f"{person}replace: uidNumber\nuidNumber: twelve\n": 21,
        f"{person}delete: sn\n": 65,
        # RFC 4511, 4.6 says notAllowedOnRDN; slapd says namingViolation.
        f"{person}replace: uid\nuid: eve\n": 64 if tools.target.name == "slapd" else 67,
        f"dn: uid=nobody,{corner}\nchangetype: modify\nadd: cn\ncn: x\n": 32,
        f"dn: uid=ada,{corner}\nchangetype: add\nobjectClass: account\nuid: ada\n": 68,
        f"dn: {corner}\nchangetype: delete\n": 66,
    }
    for ldif, code in cases.items():
        assert tools("ldapmodify", stdin=ldif).code == code, ldif


def test_compare(tools: Tools, corner: str) -> None:
    assert tools("ldapcompare", f"uid=ada,{corner}", "sn:lovelace").code == COMPARE_TRUE
    assert tools("ldapcompare", f"uid=ada,{corner}", "sn:byron").code == COMPARE_FALSE
    assert tools("ldapcompare", f"uid=nobody,{corner}", "sn:x").code == 32


def test_rename_and_move(tools: Tools, corner: str) -> None:
    tools.ok("ldapadd", stdin=f"dn: ou=below,{corner}\nobjectClass: organizationalUnit\nou: below\n")
    tools.ok("ldapmodrdn", "-r", "-s", f"ou=below,{corner}", f"uid=ada,{corner}", "uid=countess")
    found = search(tools, corner, "(sn=Lovelace)")
    assert f"dn: uid=countess,ou=below,{corner}" in found
    assert values(found, "uid") == ["countess"]
    # A subtree moves, and what is below it moves along.
    tools.ok("ldapadd", stdin=f"dn: ou=other,{corner}\nobjectClass: organizationalUnit\nou: other\n")
    tools.ok("ldapmodrdn", "-s", f"ou=other,{corner}", f"ou=below,{corner}", "ou=beneath")
    assert f"dn: uid=countess,ou=beneath,ou=other,{corner}" in search(tools, corner, "(uid=countess)")
    # Not below itself, and not below what does not exist.
    assert tools("ldapmodrdn", "-s", f"ou=beneath,ou=other,{corner}", f"ou=other,{corner}", "ou=x").code != 0
    assert tools("ldapmodrdn", "-s", f"ou=nowhere,{corner}", f"ou=other,{corner}", "ou=x").code == 32


def test_delete(tools: Tools, corner: str) -> None:
    tools.ok("ldapdelete", f"uid=grace,{corner}")
    assert names(search(tools, corner, "(objectClass=person)")) == ["ada", "alan"]
    assert tools("ldapdelete", f"uid=grace,{corner}").code == 32


def test_paged_results(tools: Tools, corner: str) -> None:
    found = search(tools, corner, "-E", "pr=1/noprompt", "(objectClass=person)", "1.1")
    assert names(found) == ["ada", "alan", "grace"]


def test_limits_of_the_client(tools: Tools, corner: str) -> None:
    done = tools("ldapsearch", "-LLL", "-b", corner, "-z", "2", "(objectClass=*)", "1.1")
    assert done.code == 4
    assert len(names(done.out)) == 2


def test_unknown_controls(tools: Tools, corner: str) -> None:
    assert tools("ldapsearch", "-b", corner, "-s", "base", "-e", "1.2.3.4.5").code == 0
    assert tools("ldapsearch", "-b", corner, "-s", "base", "-e", "!1.2.3.4.5").code == 12


def test_extended_operations(tools: Tools) -> None:
    expected = f"dn:{tools.target.administrator}".lower()
    assert expected in tools.ok("ldapexop", "whoami").lower()
    # ldapexop prints the result code and ends with 1.
    assert "(119)" in tools("ldapexop", "cancel", "77").err  # noSuchOperation (RFC 3909)
    assert "(2)" in tools("ldapexop", "1.2.3.4.5").err  # protocolError (RFC 4511, 4.12)


def test_the_root_dse(tools: Tools) -> None:
    found = search(tools, "", "-s", "base", "+", "*")
    assert values(found, "supportedLDAPVersion") == ["3"]
    assert tools.target.suffix in values(found, "namingContexts")
    assert "1.3.6.1.4.1.1466.20037" in values(found, "supportedExtension")
    assert "1.2.840.113556.1.4.319" in values(found, "supportedControl")


def test_a_password_in_the_clear_is_refused(node: Node, short_folder: Path) -> None:
    """Until lwAllowInsecureAuthentication is turned on (RFC 4513, 5.1.3): confidentialityRequired."""
    tools = make_tools(target_of_node(node), "ldap", short_folder)
    assert tools("ldapwhoami").code == 13
    assert make_tools(target_of_node(node), "ldaps", short_folder)("ldapwhoami").code == 0
    node.allow_passwords_in_the_clear()
    assert tools("ldapwhoami").code == 0


def test_a_certificate_of_another_authority_is_refused_by_the_client(target: Target, tmp_path: Path) -> None:
    """The reason for ca.pem: without it, verification fails and nothing is sent."""
    tools = make_tools(target, "ldaps", tmp_path)
    tools.configuration.write_text("TLS_REQCERT demand\n")
    assert tools("ldapwhoami").code != 0


def test_search_controls_of_the_tools(tools: Tools, corner: str) -> None:
    """Their own encoders of sorting, matched values, subentries, assertion and don't use copy."""
    if tools.target.name != "lightwave":
        pytest.skip("the reference has these in overlays that this configuration leaves out")
    found = search(tools, corner, "-E", "!sss=-uidNumber", "(uidNumber=*)", "uid")
    assert values(found, "uid") == ["grace", "alan", "ada"]
    found = search(tools, corner, "-E", "mv=((mail=ada*))", "(uid=ada)", "mail", "cn")
    assert values(found, "mail") == ["ada@example.com"]
    assert values(found, "cn") == []
    assert names(search(tools, corner, "-E", "subentries=true", "1.1")) == []
    assert tools("ldapsearch", "-b", corner, "-e", "!assert=(ou=nowhere)").code == 122
    assert tools("ldapcompare", "-e", "!assert=(uid=ada)", f"uid=ada,{corner}", "sn:Lovelace").code == 6
    assert tools("ldapsearch", "-b", corner, "-E", "!dontUseCopy").code == 0
    assert tools("ldapsearch", "-b", corner, "-E", "domainScope").code == 0


def test_ranges_and_chains(tools: Tools, corner: str) -> None:
    if tools.target.name != "lightwave":
        pytest.skip("these are Active Directory's")
    found = search(tools, corner, "(cn=pioneers)", "member;range=1-*")
    assert values(found, "member;range=1-*") == [f"uid=alan,{corner}"]
    chain = f"(memberOf:1.2.840.113556.1.4.1941:=cn=pioneers,{corner})"
    assert names(search(tools, corner, chain, "1.1")) == ["ada", "alan"]
    assert names(search(tools, corner, "(anr=grace hop)", "1.1")) == ["grace"]
