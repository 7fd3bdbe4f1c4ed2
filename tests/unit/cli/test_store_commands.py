"""`lightwave export`, `check`, `index` and `explain` on a store that nobody serves."""

from __future__ import annotations

import stat
from pathlib import Path

import lmdb
import pytest

from commands import answer, invoke, succeed
from lightwave.directory.ldap.result import DirectoryError

BASE = "dc=example,dc=com"


@pytest.fixture
def people(data: Path) -> Path:
    """A data folder with three hundred people."""
    records = [
        f"dn: uid=p{number},cn=Users,{BASE}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: Person {number}\n"
        f"sn: Family{number % 7}\nemployeeNumber: {number}\nroomNumber: hall\ndescription: number {number} of all\n"
        for number in range(300)
    ]
    succeed("import", "-", "--data", data, stdin="\n".join(records).encode())
    return data


# --- export ----------------------------------------------------------------------------------------------------------


def test_export_to_a_file_for_its_owner_only(people: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ldif"
    result = invoke("export", "--data", people, "--output", target)
    assert result.exit_code == 0
    assert f"entries written to {target}" in result.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.unfinished"))
    text = target.read_text()
    assert text.startswith(f"version: 1\n\ndn: {BASE}\n")
    assert text.count("\ndn: uid=p") == 300
    assert "cn=config" not in text


def test_export_puts_parents_first(people: Path) -> None:
    unfolded = succeed("export", "--data", people).replace("\n ", "")
    names = [line[4:] for line in unfolded.splitlines() if line.startswith("dn: ")]
    seen: set[str] = set()
    for name in names:
        parent = name.partition(",")[2]
        assert name == BASE or parent in seen
        seen.add(name)


def test_export_of_configuration_by_name(data: Path) -> None:
    assert "dn: cn=uid,cn=indices,cn=config\n" in succeed("export", "--data", data, "--base", "cn=config")


def test_export_of_nothing(data: Path) -> None:
    result = invoke("export", "--data", data, "--base", "ou=nobody,o=nowhere")
    assert isinstance(result.exception, DirectoryError)
    assert result.exception.message == "there is no entry 'ou=nobody,o=nowhere'"


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_of_a_sound_store(people: Path) -> None:
    assert succeed("check", "--data", people).startswith("The store is sound: ")


def test_check_names_what_is_wrong(people: Path) -> None:
    with lmdb.open(str(people / "store"), max_dbs=32, map_size=1 << 40) as environment:
        database = environment.open_db(b"index", dupsort=True, dupfixed=True, integerdup=False, create=False)
        with environment.begin(write=True) as txn, txn.cursor(database) as cursor:
            assert cursor.first()
            cursor.delete()
    result = invoke("check", "--data", people)
    assert result.exit_code == 3
    assert "what is wrong" in result.stdout
    found = answer("check", "--data", people, code=3)
    assert found["findings"]
    assert found["complete"]


# --- index -----------------------------------------------------------------------------------------------------------


def test_index_list_shows_state_and_uniqueness(data: Path) -> None:
    found = answer("index", "list", "--data", data)
    by_name = {(one["attribute"], one["kind"]): one for one in found}
    assert by_name["uid", "equality"]["state"] == "complete"
    assert by_name["sAMAccountName", "equality"]["uniqueIn"] == [""]
    assert "sAMAccountName" in succeed("index", "list", "--data", data)


def test_index_add_builds_and_is_used(people: Path) -> None:
    search: list[str | Path] = ["explain", "--data", people, "--base", BASE, "(description=*77 of*)"]
    assert "no index serves" in answer(*search)["plan"]["text"]
    added = answer("index", "add", "description", "--kind", "substring", "--data", people)
    assert added == [
        {"attribute": "description", "kind": "substring", "state": "complete", "done": 1.0, "uniqueIn": []}
    ]
    found = answer(*search)
    assert found["plan"]["text"].startswith("index substring description")
    assert (found["found"], found["examined"] < 30) == (3, True)
    # A second kind stands beside the first.
    assert succeed("index", "add", "description", "--kind", "equality", "--data", people) == (
        "description: equality complete, substring complete\n"
    )
    assert not answer("check", "--data", people)["findings"]


def test_index_drop(people: Path) -> None:
    succeed("index", "add", "description", "--kind", "substring", "--kind", "equality", "--data", people)
    assert succeed("index", "drop", "description", "--kind", "substring", "--data", people) == (
        "description: equality complete\n"
    )
    assert succeed("index", "drop", "DESCRIPTION", "--data", people) == "description: no index\n"
    result = invoke("index", "drop", "description", "--data", people)
    assert isinstance(result.exception, DirectoryError)
    assert result.exception.message == "description has no index; lightwave index list shows all"
    assert invoke("index", "status", "--data", people).exit_code == 0
    assert not answer("check", "--data", people)["findings"]


def test_index_is_not_built_without_waiting(people: Path) -> None:
    succeed("index", "add", "description", "--no-wait", "--data", people)
    assert answer("index", "status", "--data", people, code=3)[0]["state"] == "building"


def test_uniqueness_is_for_what_exists_too(people: Path) -> None:
    added = answer("index", "add", "employeeNumber", "--unique", BASE, "--data", people)
    assert added[0]["uniqueIn"] == [BASE]
    twin = f"dn: cn=twin,{BASE}\nobjectClass: inetOrgPerson\ncn: twin\nsn: twin\nemployeeNumber: 7\n"
    error = answer("import", "-", "--data", people, stdin=twin.encode(), code=1)["error"]
    assert "employeeNumber must be unique" in error["message"]
    refused = invoke("index", "add", "sn", "--unique", BASE, "--data", people)
    assert isinstance(refused.exception, DirectoryError)
    assert "sn must be unique" in refused.exception.message
    assert "takes the index back" not in refused.exception.message  # promote made it
    assert answer("index", "list", "--data", people)  # and it is there
    refused = invoke("index", "add", "roomNumber", "--unique", BASE, "--data", people)
    assert isinstance(refused.exception, DirectoryError)
    back = "lightwave index drop roomNumber --kind equality"
    assert f"roomNumber is indexed but not unique; `{back}` takes" in refused.exception.message
    succeed(*back.split()[1:], "--data", people)


def test_what_the_server_relies_on_is_dropped_only_with_yes(people: Path) -> None:
    answer("index", "add", "employeeNumber", "--unique", BASE, "--data", people)
    for attribute, loss in (
        ("objectclass", "would look at all entries"),
        ("UID", "nobody could sign in by uid"),
        ("employeeNumber", f"no longer be unique below {BASE}"),
    ):
        refused = invoke("index", "drop", attribute, "--data", people)
        assert refused.exit_code == 2
        assert loss in refused.stderr
    assert answer("index", "drop", "employeeNumber", "--yes", "--data", people) == []


@pytest.mark.parametrize(
    ("attribute", "kind", "message"),
    [
        ("nonsense", "equality", "there is no attribute 'nonsense' in the schema"),
        ("userPassword", "equality", "userPassword can't be indexed"),
        ("member", "equality", "member can't be indexed"),
        ("jpegPhoto", "equality", "jpegPhoto has no rule for equality"),
    ],
)
def test_what_can_not_be_indexed(data: Path, attribute: str, kind: str, message: str) -> None:
    result = invoke("index", "add", attribute, "--kind", kind, "--data", data)
    assert isinstance(result.exception, DirectoryError)
    assert result.exception.message == message


def test_unique_needs_to_wait(data: Path) -> None:
    assert invoke("index", "add", "sn", "--unique", BASE, "--no-wait", "--data", data).exit_code == 2


# --- explain ---------------------------------------------------------------------------------------------------------


def test_explain_shows_a_tree(people: Path) -> None:
    text = succeed("explain", "--data", people, "--base", BASE, "(|(uid=p7)(sn=Family3))")
    assert "or: union of 2" in text
    assert "── index equality uid" in text
    assert "44 candidates looked at, 44 found" in text


@pytest.mark.parametrize(("scope", "found"), [("base", 1), ("one", 303), ("sub", 304), ("children", 303)])
def test_explain_scopes(people: Path, scope: str, found: int) -> None:
    base = f"cn=Users,{BASE}"
    assert answer("explain", "--data", people, "--base", base, "--scope", scope)["found"] == found


def test_explain_says_what_is_no_filter(data: Path) -> None:
    result = invoke("explain", "--data", data, "--base", BASE, "uid=p7")
    assert result.exit_code == 2
    assert "an example is '(uid=ada)'" in result.stderr


def test_explain_of_nothing(data: Path) -> None:
    result = invoke("explain", "--data", data, "--base", "o=nowhere", "(uid=p7)")
    assert isinstance(result.exception, DirectoryError)
    assert result.exception.message == "there is no entry 'o=nowhere'"


@pytest.mark.parametrize("verb", ["export", "check", "index", "explain"])
def test_help_has_examples(verb: str) -> None:
    assert "Examples:" in invoke(verb, "--help").output
