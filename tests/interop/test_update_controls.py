"""Controls on updates and RFC 3062, RFC 5805 as real clients use them. `--reference` aims the same at slapd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ldap
import ldap.controls.readentry
import ldap.controls.simple
import ldap3
import pytest

from clients import lacks, run_client
from interop.targets import Target, Tools, make_tools
from interop.test_ldap3 import connect as connect_ldap3
from interop.test_python_ldap import connect as connect_python_ldap

ASSERTION_FAILED, TREE_DELETE, PERMISSIVE = 122, "1.2.840.113556.1.4.805", "1.2.840.113556.1.4.1413"
RELAX = "1.3.6.1.4.1.4203.666.5.12"


@pytest.fixture
def transport() -> str:
    """One is enough: controls don't know the transport."""
    return "starttls"


@pytest.fixture
def ldif(tools: Tools) -> Any:
    """Runs ldapmodify with some options on LDIF that has to succeed."""

    def run(text: str, *options: str) -> str:
        return tools.ok("ldapmodify", "-o", "ldif-wrap=no", *options, stdin=text)

    return run


def change(corner: str, uid: str, text: str) -> str:
    return f"dn: uid={uid},{corner}\nchangetype: modify\n{text}\n"


def test_ldapmodify_asserts(tools: Tools, corner: str) -> None:
    new = change(corner, "ada", "replace: title\ntitle: Countess\n-")
    assert tools("ldapmodify", "-e", "!assert=(sn=byron)", stdin=new).code == ASSERTION_FAILED
    assert "title" not in tools.ok("ldapsearch", "-b", corner, "(uid=ada)", "title").splitlines()
    tools.ok("ldapmodify", "-e", "!assert=(&(sn=lovelace)(!(title=*)))", stdin=new)
    gone = f"uid=ada,{corner}"
    assert tools("ldapdelete", "-e", "!assert=(title=king)", gone).code == ASSERTION_FAILED
    renaming = ["ldapmodrdn", "-r", "-e", "!assert=(title=king)", gone, "uid=ada2"]
    assert tools(*renaming).code == ASSERTION_FAILED
    assert tools("ldapcompare", "-e", "!assert=(title=king)", gone, "sn:Lovelace").code == ASSERTION_FAILED
    tools.ok("ldapdelete", "-e", "!assert=(title=countess)", gone)
    adding = f"dn: ou=x,{corner}\nobjectClass: organizationalUnit\nou: x\n"
    assert tools("ldapadd", "-e", "!assert=(ou=y)", stdin=adding).code == ASSERTION_FAILED
    tools.ok("ldapadd", "-e", "!assert=(ou=x)", stdin=adding)


def test_ldapmodify_reads_before_and_after(ldif: Any, corner: str) -> None:
    new = change(corner, "ada", "replace: mail\nmail: countess@example.com\n-")
    out = ldif(new, "-e", "!preread=mail", "-e", "!postread=mail,modifiersName")
    assert "mail: ada@example.com" in out
    assert "mail: countess@example.com" in out
    assert "modifiersName: " in out
    assert "sn: " not in out


def test_ldapmodify_permissive(ldif: Any, tools: Tools, corner: str) -> None:
    text = change(corner, "ada", "add: mail\nmail: ada@example.com\n-\ndelete: title\n-")
    assert tools("ldapmodify", stdin=text).code == 20
    ldif(text, "-e", f"!{PERMISSIVE}")


def test_ldapadd_with_relaxed_rules(ldif: Any, tools: Tools, corner: str) -> None:
    text = (
        f"dn: ou=moved,{corner}\nchangetype: add\nobjectClass: organizationalUnit\nou: moved\n"
        "entryUUID: 597ae2f6-16a6-4027-98f4-d28b5365dc14\ncreateTimestamp: 20010203040506Z\n"
    )
    assert tools("ldapmodify", stdin=text).code == 19
    ldif(text, "-e", "!relax")
    found = tools.ok("ldapsearch", "-LLL", "-b", corner, "(ou=moved)", "entryUUID", "createTimestamp")
    assert "entryUUID: 597ae2f6-16a6-4027-98f4-d28b5365dc14" in found
    assert "createTimestamp: 20010203040506Z" in found


def test_ldapmodify_in_a_transaction(ldif: Any, tools: Tools, corner: str) -> None:
    def title(uid: str) -> str:
        return change(corner, uid, "replace: title\ntitle: in one\n-")

    def titled() -> str:
        return tools.ok("ldapsearch", "-LLL", "-b", corner, "(title=in one)", "1.1")

    both = title("ada") + "\n" + title("alan")
    ldif(both, "-E", "!txn=abort")
    assert titled() == ""
    failing = both + "\n" + title("nobody")
    assert tools("ldapmodify", "-E", "!txn=commit", stdin=failing).code == 32
    assert titled() == ""
    ldif(both, "-E", "!txn=commit")
    assert titled().count("dn: ") == 2


def test_ldapdelete_of_a_tree(target: Target, tools: Tools, corner: str) -> None:
    inner = f"ou=inner,{corner}"
    units = "".join(
        f"dn: {name}\nobjectClass: organizationalUnit\nou: {name.partition(',')[0][3:]}\n\n"
        for name in (inner, f"ou=a,{inner}", f"ou=b,ou=a,{inner}")
    )
    tools.ok("ldapadd", stdin=units)
    assert tools("ldapdelete", inner).code == 66
    tools.ok("ldapdelete", "-r", inner)
    if target.name == "slapd":
        return  # Debian's is built without the control
    tools.ok("ldapadd", stdin=units)
    tools.ok("ldapdelete", "-e", f"!{TREE_DELETE}", inner)
    assert tools("ldapsearch", "-b", inner).code == 32


def test_ldap3(target: Target, corner: str) -> None:
    connection = connect_ldap3(target, "starttls")
    name = f"uid=ada,{corner}"
    ldap3_change = {"mail": [(ldap3.MODIFY_ADD, ["ada@example.com"])]}
    assert connection.modify(name, ldap3_change, controls=[(PERMISSIVE, True, None)])
    made = connection.extend.standard.modify_password(name)
    assert len(made) >= 8
    ldap3.Connection(connection.server, name, made, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND).unbind()
    assert connection.extend.standard.modify_password(name, new_password="Chosen 4 ldap3")
    if target.name != "slapd":
        assert connection.delete(corner, controls=[(TREE_DELETE, True, None)])
        with pytest.raises(ldap3.core.exceptions.LDAPNoSuchObjectResult):
            connection.search(corner, "(objectClass=*)")
    connection.unbind()


def test_python_ldap(target: Target, corner: str) -> None:
    connection = connect_python_ldap(target, "starttls")
    name = f"uid=ada,{corner}"
    before = ldap.controls.readentry.PreReadControl(criticality=True, attrList=["mail"])
    after = ldap.controls.readentry.PostReadControl(criticality=True, attrList=["mail", "entryUUID"])
    number = connection.modify_ext(
        name, [(ldap.MOD_ADD, "mail", [b"two@example.com"])], serverctrls=[before, after]
    )
    _, _, _, controls = connection.result3(number)
    read = {one.controlType: one for one in controls}
    pre, post = read["1.3.6.1.1.13.1"], read["1.3.6.1.1.13.2"]
    assert pre.dn == post.dn == name
    assert pre.entry == {"mail": [b"ada@example.com"]}
    assert sorted(post.entry["mail"]) == [b"ada@example.com", b"two@example.com"]
    assert len(post.entry["entryUUID"][0]) == 36
    asserted = ldap.controls.libldap.AssertionControl(True, "(mail=nobody@example.com)")
    with pytest.raises(ldap.ASSERTION_FAILED):
        connection.delete_ext_s(name, serverctrls=[asserted])
    connection.passwd_s(name, None, "Chosen 4 python-ldap")
    again = ldap.initialize(target.tls_url)
    again.set_option(ldap.OPT_X_TLS_CACERTFILE, str(target.certificate_authority))
    again.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    again.simple_bind_s(name, "Chosen 4 python-ldap")
    if target.name != "slapd":  # there users may not write
        again.passwd_s(name, "Chosen 4 python-ldap", "Changed 4 python-ldap")
        with pytest.raises(ldap.UNWILLING_TO_PERFORM):
            again.passwd_s(name, "Chosen 4 python-ldap", "x")
        tree = ldap.controls.simple.ValueLessRequestControl(TREE_DELETE, True)
        connection.delete_ext_s(corner, serverctrls=[tree])
    again.unbind_s()
    connection.unbind_s()


def test_ldappasswd(target: Target, corner: str, short_folder: Any) -> None:
    tools = make_tools(target, "ldaps", short_folder)
    tools.ok("ldappasswd", "-s", "Chosen 4 tools", f"uid=ada,{corner}")
    made = tools.ok("ldappasswd", f"uid=ada,{corner}").partition("New password: ")[2].strip()
    options = ["-x", "-D", f"uid=ada,{corner}", "-w", made]
    done = run_client(
        ["ldapwhoami", "-H", target.tls_url, *options],
        environment={"LDAPTLS_CACERT": str(target.certificate_authority)},
    )
    assert done.code == 0, done


def test_net_ldap(target: Target, corner: str) -> None:
    """Perl's Net::LDAP reads around a modify, sets a password, and deletes a tree."""
    script = Path(__file__).parent / "perl" / "updates.pl"
    trees = "no" if target.name == "slapd" else "yes"
    done = run_client(["perl", str(script), target.url, target.administrator, target.password, corner, trees])
    if "Can't locate Net/LDAP" in done.err:
        lacks("Net::LDAP (libnet-ldap-perl)")
    assert done.code == 0, done
    found = json.loads(done.out)
    assert found["before"] == ["ada@example.com"]
    assert found["after"] == ["net@example.com"]
    assert len(found["generated"]) >= 8
    assert found["asserted"] == ASSERTION_FAILED
    if target.name != "slapd":
        assert found["gone"] == 32
