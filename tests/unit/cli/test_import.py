"""`lightwave import`: what it takes, what it refuses, and the words it finds."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from commands import answer, invoke, succeed

BASE = "dc=example,dc=com"

ALICE = f"""\
dn: cn=Alice,cn=Users,{BASE}
objectClass: inetOrgPerson
cn: Alice
sn: Liddell
"""


def load(data: Path, text: str, *options: str, code: int = 0) -> dict[str, object]:
    """Imports a text from standard input."""
    result: dict[str, object] = answer(
        "import", "-", "--data", data, *options, stdin=text.encode(), code=code
    )
    return result


def refusal(data: Path, text: str, *options: str) -> tuple[int, str, str]:
    """(line, DN, message) of what ends an import."""
    error = load(data, text, *options, code=1)["error"]
    assert isinstance(error, dict)
    return error["line"], error["dn"], error["message"]


def exported(data: Path, base: str = BASE, *options: str) -> str:
    return succeed("export", "--data", data, "--base", base, *options)


def test_entries_are_added_and_told_of(data: Path) -> None:
    result = invoke("import", "-", "--data", data, stdin=ALICE.encode())
    assert result.exit_code == 0
    assert result.output.startswith("1 entries added in ")
    assert f"dn: cn=Alice,cn=Users,{BASE}\n" in exported(data)


def test_an_entry_that_exists_ends_the_import_where_it_stands(data: Path) -> None:
    load(data, ALICE)
    bob = ALICE.replace("Alice", "Bob")
    line, dn, message = refusal(data, f"{bob}\n{ALICE}")
    assert (line, dn) == (6, f"cn=Alice,cn=Users,{BASE}")
    assert message == "the entry exists already; use --continue to skip what exists"
    assert "cn=Bob" in exported(data)  # what stood before it is in


@pytest.mark.parametrize("secret", ["", "userPassword: Made-up 4 imports\n"])
def test_an_error_beyond_the_first_slice(data: Path, secret: str) -> None:
    """What stood before the bad entry is in, once; the line is that of the bad one."""
    count = 1_300 if not secret else 200
    people = [ALICE.replace("Alice", f"P{number}") + secret for number in range(count)]
    people.insert(count - 50, ALICE.replace("Alice", "P7") + secret)
    result = load(data, "\n".join(people), code=1)
    assert result["added"] == count - 50
    error = result["error"]
    assert isinstance(error, dict)
    assert error["line"] == (count - 50) * (5 + bool(secret)) + 1
    assert not answer("check", "--data", data)["findings"]


def test_continue_skips_what_exists(data: Path) -> None:
    load(data, ALICE)
    result = load(data, f"{ALICE}\n{ALICE.replace('Alice', 'Bob')}", "--continue")
    assert (result["added"], result["skipped"]) == (1, 1)


def test_errors_name_file_line_and_entry(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "people.ldif"
    file.write_text(f"{ALICE}\n{ALICE.replace('Alice', 'Bob')}favouriteColour: blue\n")
    result = invoke("import", file, "--data", data)
    assert result.exit_code == 1
    assert (
        f"{file}:6: cn=Bob,cn=Users,{BASE}: attribute 'favouriteColour' is not in the schema" in result.stderr
    )
    assert "--ignore favouriteColour" in result.stderr
    assert invoke("import", file, "--data", data, "--continue", "--ignore", "FAVOURITECOLOUR").exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ALICE.replace("cn=Users", "cn=Nobody"),
            f"its parent 'cn=Nobody,{BASE}' does not exist; put it before",
        ),
        (ALICE.replace("inetOrgPerson", "wizard"), "object class 'wizard' is not in the schema; add its"),
        (ALICE + "description;lang-en-: one\n", "description;lang-en-: a range is not stored"),
        (ALICE.replace("sn: Liddell\n", ""), "inetOrgPerson needs the attribute sn"),
        (ALICE + "uidNumber: 7\n", "uidNumber is not allowed in inetOrgPerson"),
        (ALICE + "preferredLanguage: en\npreferredLanguage: de\n", "preferredLanguage takes a single value"),
        (ALICE + "mail: a@b\nmail: A@B\n", "mail: value #1 is there already"),
        (ALICE.replace("dn: cn=Alice,", "dn: Alice,"), "invalid DN"),
        (ALICE.replace("objectClass", "changetype: add\nobjectClass"), "use ldapmodify -f for changes"),
        (
            "dn: o=elsewhere\nobjectClass: organization\n",
            "it would be a naming context; use --create-context",
        ),
        ("dn:\nobjectClass: top\n", "the root DSE can't be imported"),
        (ALICE + "jpegPhoto:< file:///etc/passwd\n", "a value by URL is refused"),
        ("no ldif at all\n", "neither `name: value` nor a comment"),
    ],
)
def test_what_is_wrong_is_said(data: Path, text: str, message: str) -> None:
    assert message in refusal(data, text)[2]
    assert load(data, "")["added"] == 0


def test_create_context(data: Path) -> None:
    tree = "dn: o=elsewhere\nobjectClass: organization\n\ndn: ou=here,o=elsewhere\nobjectClass: organizationalUnit\n"
    assert load(data, tree, "--create-context")["contexts"] == ["o=elsewhere"]
    assert "dn: ou=here,o=elsewhere\n" in exported(data, "o=elsewhere")
    # Only the first entry becomes one, and none above another.
    assert "does not exist" in refusal(data, ALICE.replace(BASE, "o=third") + "\n", "--continue")[2]
    assert "above another" in refusal(data, "dn: dc=com\nobjectClass: domain\n", "--create-context")[2]


def test_who_and_when_of_an_export_are_kept(data: Path) -> None:
    identity = "597ae2f6-16a6-1027-98f4-d28b5365dc14"
    text = ALICE + (
        f"entryUUID: {identity}\ncreateTimestamp: 19990101000000Z\nmodifyTimestamp: 20000101000000Z\n"
        "creatorsName: cn=somebody,o=else\nmodifiersName: cn=somebody,o=else\n"
        "entryCSN: 20000101000000.000000Z#000000#000#000000\nstructuralObjectClass: person\n"
        "hasSubordinates: TRUE\nmemberOf: cn=nobody\nsubschemaSubentry: cn=Subschema\n"
    )
    load(data, text)
    found = exported(data, f"cn=Alice,cn=Users,{BASE}", "--operational")
    for line in (
        f"entryUUID: {identity}",
        "createTimestamp: 19990101000000Z",
        "modifiersName: cn=somebody,o=else",
    ):
        assert f"{line}\n" in found
    assert "structuralObjectClass: inetOrgPerson\n" in found
    assert "20000101000000.000000Z" not in found
    # Two entries of one GUID there can't be.
    assert "its entryUUID is that of" in refusal(data, text.replace("Alice", "Bob"))[2]


def test_what_is_no_valid_time_or_identity_is_made_anew(data: Path) -> None:
    load(data, ALICE + "entryUUID: of course\ncreateTimestamp: yesterday\n")
    found = exported(data, f"cn=Alice,cn=Users,{BASE}", "--operational")
    assert "yesterday" not in found
    assert "of course" not in found


def test_names_of_entries_that_come_later_become_links(data: Path) -> None:
    group = f"dn: cn=Staff,cn=Users,{BASE}\nobjectClass: groupOfNames\ncn: Staff\nmember: CN=alice , CN=users,{BASE}\n"
    load(data, f"{group}\n{ALICE}")
    assert f"member: cn=Alice,cn=Users,{BASE}\n" in exported(data)
    found = answer("explain", "--data", data, "--base", BASE, f"(member=cn=alice,cn=Users,{BASE})")
    assert (found["found"], found["plan"]["text"]) == (1, "links to the entry by member")
    assert not answer("check", "--data", data)["findings"]


def test_uniqueness_holds_within_the_file_too(data: Path) -> None:
    user = ALICE.replace("inetOrgPerson", "user") + "sAMAccountName: same\n"
    line, _, message = refusal(data, f"{user}\n{user.replace('Alice', 'Bob')}")
    assert line == 7
    assert "sAMAccountName must be unique" in message
    assert not answer("check", "--data", data)["findings"]


def test_passwords_are_hashed_and_never_exported(data: Path) -> None:
    hashed = "{SSHA}qmcKwWjjTlKLwVZTDXzQqk5OFXWrlNV3XSzJFw=="
    people = "\n".join(
        ALICE.replace("Alice", f"P{number}")
        + f"userPassword: canary of row {number}\nuserPassword: {hashed}\n"
        for number in range(150)
    )
    assert load(data, people)["added"] == 150
    assert "userPassword" not in exported(data, BASE, "--operational")
    assert b"canary of row 7" not in (data / "store" / "data.mdb").read_bytes()


def test_passwords_in_clear_meet_the_policy_unless_it_is_said_that_any_will_do(data: Path) -> None:
    short = ALICE + "userPassword: tiny secret\n"
    _, _, message = refusal(data, short)
    assert message == "the password is too short: at least 12 characters"
    assert load(data, short, "--any-password")["added"] == 1


def test_an_entry_that_must_have_a_password_is_taken_back_without_it(data: Path) -> None:
    account = f"dn: cn=robot,{BASE}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: robot\n"
    assert load(data, account)["added"] == 1


def test_a_quiet_end_of_the_pipe_is_no_error(data: Path) -> None:
    assert load(data, "version: 1\n\n# nothing\n")["added"] == 0


def test_it_works_beside_a_server(data: Path) -> None:
    """The lock of a serving node keeps a second server away, not an import."""
    with (data / "serving.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert load(data, ALICE)["added"] == 1


def test_help_teaches() -> None:
    text = invoke("import", "--help").output
    for word in ("Examples:", "--create-context", "--continue", "ldapmodify", "Exit codes:"):
        assert word in text


def test_a_file_that_is_not_there(data: Path) -> None:
    result = invoke("import", "/nowhere/at/all.ldif", "--data", data)
    assert result.exit_code == 1
    assert "can't be read" in result.stderr
