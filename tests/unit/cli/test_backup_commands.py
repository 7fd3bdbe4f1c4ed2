"""`lightwave backup`, `restore`, `restore-entry`, `check --repair-indexes` and `compact` while nobody serves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest
from cryptography import x509

from commands import answer, invoke, succeed
from lightwave.directory.ldap.messages import DeleteRequest
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.store import layout
from lightwave.directory.store.backup_file import BackupError
from lightwave.directory.store.errors import KeyringError, StoreBusy, StoreVersionError
from lightwave.directory.store.files import unfinished_file
from lightwave.server import entry_restore
from lightwave.server.backups import make_backup
from lightwave.server.configuration import ConfigurationError, load_configuration
from lightwave.server.locks import ServingLock
from lightwave.server.node import open_store, schema_source
from lightwave.server.offline import write_now
from lightwave.server.restore import Wishes, restore
from node import LIGHTWAVE, run_lightwave

BASE = "dc=example,dc=com"
SALES = f"ou=sales,{BASE}"


@pytest.fixture
def sales(data: Path) -> Path:
    """A data folder with a unit of people, a group of them outside it, and managers."""
    people = "".join(
        f"dn: uid=p{number},{SALES}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: Person {number}\nsn: Person\n"
        f"mail: p{number}@example.com\nmanager: uid=p{(number + 1) % 30},{SALES}\n"
        "userPassword: {SSHA}qmcKwWjjTlKLwVZTDXzQqk5OFXWrlNV3XSzJFw==\n\n"
        for number in range(30)
    )
    members = "".join(f"member: uid=p{number},{SALES}\n" for number in range(0, 30, 3))
    succeed(
        "import",
        "-",
        "--data",
        data,
        stdin=f"dn: {SALES}\nobjectClass: organizationalUnit\nou: sales\n\n{people}"
        f"dn: cn=team,cn=Users,{BASE}\nobjectClass: groupOfNames\ncn: team\n{members}\n".encode(),
    )
    return data


def export(data: Path, *options: str) -> str:
    return succeed("export", "--data", data, *options)


def without_times(ldif: str) -> str:
    changing = ("modifyTimestamp:", "entryCSN:", "modifiersName:")
    lines = [line for line in ldif.replace("\n ", "").splitlines() if not line.startswith(changing)]
    return "\n".join(lines)


def back_up(data: Path, to: Path, *options: str | Path) -> Path:
    return Path(answer("backup", "--data", data, "--to", to, *options)["file"])


# --- backup ----------------------------------------------------------------------------------------------------------


def test_a_backup_in_a_folder_is_named_and_private(sales: Path, tmp_path: Path) -> None:
    made = answer("backup", "--data", sales, "--to", tmp_path)
    path = Path(made["file"])
    assert path.name.startswith("example.com-")
    assert path.name.endswith("-full.lwbackup")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made["entries"] == answer("check", "--data", sales)["entries"]
    assert answer("backup", "--verify", path) == made
    assert "is whole" in succeed("backup", "--verify", path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_backups_left_goes_what_is_being_written_stays(sales: Path, tmp_path: Path) -> None:
    left = tmp_path / "example.com-20200101T000000Z-full.lwbackup.unfinished"
    left.write_bytes(b"half a backup")
    with unfinished_file(tmp_path / "other.lwbackup") as stream:
        path = back_up(sales, tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted((path, tmp_path / "other.lwbackup.unfinished"))
        stream.write(b"x")
    assert (tmp_path / "other.lwbackup").read_bytes() == b"x"


def test_neg_nothing_is_written_over(sales: Path, tmp_path: Path) -> None:
    path = back_up(sales, tmp_path / "full")
    result = invoke("backup", "--data", sales, "--to", path)
    assert isinstance(result.exception, ConfigurationError)
    assert "exists already" in str(result.exception)


@pytest.mark.parametrize(
    "options", [(), ("--data", "."), ("--verify", "x", "--to", "y"), ("--verify", "x", "--since", "y")]
)
def test_neg_backup_without_what_it_needs(options: tuple[str, ...]) -> None:
    assert invoke("backup", *options).exit_code == 2


def test_neg_a_cut_backup_is_refused_everywhere(sales: Path, tmp_path: Path) -> None:
    path = back_up(sales, tmp_path / "full")
    os.truncate(path, path.stat().st_size - 10)
    for command in (
        ("backup", "--verify", path),
        ("backup", "--data", sales, "--to", tmp_path / "increment", "--since", path),
        ("restore", "--from", path, "--data", tmp_path / "restored"),
        ("restore-entry", SALES, "--from", path, "--data", sales),
    ):
        result = invoke(*command)
        assert isinstance(result.exception, BackupError)
        assert "was cut short" in str(result.exception)
    assert not (tmp_path / "restored").exists()


def test_neg_a_full_disk_leaves_nothing(sales: Path, short_folder: Path) -> None:
    for command in (
        f"backup --data {sales} --to {short_folder}/full",
        f"restore --from {short_folder}/whole --data {short_folder}/restored --keyring {sales}.keyring",
    ):
        if command.startswith("restore"):
            back_up(sales, short_folder / "whole")
        done = subprocess.run(
            ["/bin/sh", "-c", f"ulimit -f 2; exec {LIGHTWAVE} {command}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith("Error: ")
        assert "\n" not in done.stderr.strip()
    assert [path.name for path in short_folder.glob("[!n]*")] == ["whole"]


# --- restore ---------------------------------------------------------------------------------------------------------


def test_restore_with_the_keyring_that_was_kept(sales: Path, short_folder: Path) -> None:
    full = back_up(sales, short_folder / "full")
    succeed(
        "import", "-", "--data", sales, stdin=f"dn: ou=x,{BASE}\nobjectClass: organizationalUnit\n".encode()
    )
    increment = back_up(sales, short_folder / "increment", "--since", full)
    target = short_folder / "restored"
    keyring = sales.with_name("node.keyring")
    made = answer("restore", "--from", full, "--with", increment, "--data", target, "--keyring", keyring)
    assert made["newMasterKey"] is False
    assert export(target, "--operational") == export(sales, "--operational")
    assert answer("check", "--data", target)["findings"] == []
    before, after = (answer("status", "--data", one, code=3) for one in (sales, target))
    assert after["lastUSN"] == before["lastUSN"]
    assert after["indexes"] == before["indexes"]
    assert stat.S_IMODE((target / "node.key").stat().st_mode) == 0o600
    assert (target / "ca.pem").read_bytes() == (sales / "ca.pem").read_bytes()
    again = back_up(target, short_folder / "again")
    assert answer("backup", "--verify", again)["server"] == made["server"]
    assert made["server"] != answer("backup", "--verify", full)["server"]


def test_another_host_name(sales: Path, short_folder: Path) -> None:
    full = back_up(sales, short_folder / "full")
    keyring = sales.with_name("node.keyring")
    target = short_folder / "restored"
    place = ["--hostname", "other.example.com", "--bind", "127.0.0.1", "--port-offset", "12345"]
    succeed("restore", "--from", full, "--data", target, "--keyring", keyring, *place)
    names = x509.load_pem_x509_certificate((target / "node.pem").read_bytes()).extensions
    alternative = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "other.example.com" in alternative.get_values_for_type(x509.DNSName)
    configuration = load_configuration(target)
    assert (configuration.hostname, configuration.port_offset) == ("other.example.com", 12345)
    nodes = export(target, "--base", "cn=nodes,cn=config")
    assert "dn: cn=other.example.com,cn=nodes,cn=config" in nodes
    assert "lwHashingMemory" in nodes
    assert nodes.count("objectClass: lwNode") == 1
    assert answer("check", "--data", target)["findings"] == []


def test_without_an_authority_it_says_what_is_missing(sales: Path, short_folder: Path) -> None:
    delete(sales, f"cn=example.com CA,cn=Certificate-Authorities,cn=Configuration,{BASE}")
    full = back_up(sales, short_folder / "full")
    target = short_folder / "restored"
    keyring = sales.with_name("node.keyring")
    said = succeed("restore", "--from", full, "--data", target, "--keyring", keyring)
    assert "put node.pem (with its issuers), node.key and ca.pem" in said
    assert not (target / "node.key").exists()
    assert answer("check", "--data", target)["findings"] == []


def test_neg_restore_without_any_key(sales: Path, short_folder: Path) -> None:
    full = back_up(sales, short_folder / "full")
    result = invoke("restore", "--from", full, "--data", short_folder / "restored")
    assert isinstance(result.exception, KeyringError)
    assert "recovery key" in str(result.exception)
    assert not (short_folder / "restored").exists()


def test_neg_restore_with_another_recovery_key(sales: Path, short_folder: Path) -> None:
    full = back_up(sales, short_folder / "full")
    made = run_lightwave(
        ["promote", "--domain", "other.org", "--data", short_folder / "n", "--hashing-cost", "minimum"]
    )
    (key,) = [line.split()[-1] for line in made.splitlines() if "recovery key " in line]
    for text in (key, key[:-2] + "AA", "x", ""):
        (short_folder / "key").write_text(text)
        options = ["--data", str(short_folder / "restored"), "--recovery-key-file", str(short_folder / "key")]
        result = invoke("restore", "--from", full, *options)
        assert isinstance(result.exception, KeyringError), text
        assert not (short_folder / "restored").exists()
        assert not (short_folder / "restored.keyring" / "master.key").exists()
    other = invoke(
        "restore", "--from", full, "--data", short_folder / "r", "--keyring", short_folder / "n.keyring"
    )
    assert isinstance(other.exception, KeyringError)


def test_neg_restore_into_a_node(sales: Path, tmp_path: Path) -> None:
    full = back_up(sales, tmp_path / "full")
    before = {path.name for path in sales.iterdir()}
    result = invoke("restore", "--from", full, "--data", sales)
    assert isinstance(result.exception, ConfigurationError)
    assert "not an empty folder" in str(result.exception)
    assert {path.name for path in sales.iterdir()} == before


def test_a_restore_killed_ten_times_begins_again(sales: Path, short_folder: Path) -> None:
    full = back_up(sales, short_folder / "full")
    target, keyring = short_folder / "restored", sales.with_name("node.keyring")

    def work(step: Callable[..., None]) -> object:
        return restore(target, (full,), Wishes(keyring=keyring), lambda: None, step)

    steps = counted(work)
    shutil.rmtree(target)
    chance = random.Random(11)
    for _ in range(10):
        kill_after(work, chance.randrange(steps))
        assert not (target / "lightwave.toml").exists()
    succeed("restore", "--from", full, "--data", target, "--keyring", keyring)
    assert export(target, "--operational") == export(sales, "--operational")


def counted(work: Callable[[Callable[..., None]], object]) -> int:
    """How often the work tells of its progress."""
    steps: list[Any] = []
    work(lambda *step: steps.append(step))
    return len(steps)


def kill_after(work: Callable[[Callable[..., None]], object], steps: int) -> None:
    """Run work in a process that dies at its own hand when it has told of its progress so often."""
    child = os.fork()
    if not child:
        left = iter(range(steps))

        def step(*_: object) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work(step)
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_backup_killed_ten_times_is_made_after_all(sales: Path, tmp_path: Path) -> None:
    path = tmp_path / "full"
    configuration = load_configuration(sales)

    def work(step: Callable[..., None]) -> object:
        path.unlink(missing_ok=True)
        return make_backup(configuration, path, None, step)

    steps = counted(work)
    path.unlink()
    chance = random.Random(13)
    for _ in range(10):
        kill_after(work, chance.randrange(steps))
        assert not path.exists()
    assert answer("backup", "--verify", back_up(sales, path))["entries"]


# --- restore-entry ----------------------------------------------------------------------------------------------------


def delete(data: Path, *names: str) -> None:
    """Delete entries through the operations of LDAP."""
    with open_store(load_configuration(data)) as store:
        for name in names:
            write_now(store, schema_source(store), DeleteRequest(name.encode()))


PEOPLE = [f"uid=p{number},{SALES}" for number in range(30)]


def test_a_subtree_comes_back_with_everything(sales: Path, tmp_path: Path) -> None:
    full = back_up(sales, tmp_path / "full")
    before = export(sales, "--operational")
    delete(sales, *PEOPLE, SALES)
    assert "uid=p3" not in export(sales)
    made = answer("restore-entry", SALES, "--from", full, "--data", sales)
    assert made["restored"] == 31
    assert made["memberships"] + made["links"] == 40
    assert (made["secrets"], made["absent"], made["present"]) == (30, 0, 0)
    assert answer("check", "--data", sales)["findings"] == []
    assert sorted(without_times(export(sales, "--operational")).split("\n")) == sorted(
        without_times(before).split("\n")
    )
    again = succeed("restore-entry", SALES, "--from", full, "--data", sales)
    assert again.startswith("Nothing is missing")


def test_one_entry_by_its_guid_below_another_place(sales: Path, tmp_path: Path) -> None:
    full = back_up(sales, tmp_path / "full")
    found = export(sales, "--operational", "--base", PEOPLE[3])
    (guid,) = [line.split()[-1] for line in found.splitlines() if line.startswith("entryUUID:")]
    delete(sales, PEOPLE[3])
    made = answer("restore-entry", guid, "--from", full, "--below", f"cn=Users,{BASE}", "--data", sales)
    assert (made["restored"], made["memberships"], made["links"]) == (1, 2, 1)
    moved = export(sales, "--operational", "--base", f"uid=p3,cn=Users,{BASE}")
    assert guid in moved
    assert f"member: uid=p3,cn=Users,{BASE}" in export(sales)
    assert answer("check", "--data", sales)["findings"] == []


def test_what_was_killed_goes_on(sales: Path, tmp_path: Path) -> None:
    full = back_up(sales, tmp_path / "full")
    before = sorted(without_times(export(sales, "--operational")).split("\n"))
    delete(sales, *PEOPLE, SALES)

    def work(step: Callable[..., None]) -> object:
        entry_restore.SLICE = 4
        with open_store(load_configuration(sales)) as store:
            return entry_restore.restore_entries(store, (full,), SALES, None, step)

    chance = random.Random(17)
    for _ in range(10):
        kill_after(work, chance.randrange(1, 8))
        assert answer("check", "--data", sales)["findings"] == []
    succeed("restore-entry", SALES, "--from", full, "--data", sales)
    assert sorted(without_times(export(sales, "--operational")).split("\n")) == before


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ("uid=nobody,dc=example,dc=com", "has no entry"),
        ("no name", "has no entry"),
        ("00000000-0000-0000-0000-000000000000", "has no entry"),
        (BASE, "Nothing is missing"),
    ],
)
def test_neg_what_can_not_be_restored(sales: Path, tmp_path: Path, wanted: str, word: str) -> None:
    full = back_up(sales, tmp_path / "full")
    result = invoke("restore-entry", wanted, "--from", full, "--data", sales)
    assert word in (str(result.exception) if result.exception else result.stdout)


def test_neg_a_name_or_a_superior_that_is_taken_or_gone(sales: Path, tmp_path: Path) -> None:
    full = back_up(sales, tmp_path / "full")
    delete(sales, PEOPLE[0])
    person = f"dn: {PEOPLE[0]}\nobjectClass: inetOrgPerson\nuid: p0\ncn: Another\nsn: Another\n"
    succeed("import", "-", "--data", sales, stdin=person.encode())
    taken = invoke("restore-entry", PEOPLE[0], "--from", full, "--data", sales)
    assert isinstance(taken.exception, DirectoryError)
    assert "there is an entry of this name" in taken.exception.message
    delete(sales, *PEOPLE, SALES)
    gone = invoke("restore-entry", PEOPLE[1], "--from", full, "--data", sales)
    assert isinstance(gone.exception, DirectoryError)
    assert f"its superior '{SALES}' is not there" in gone.exception.message
    later = back_up(sales, tmp_path / "later")
    deleted = invoke("restore-entry", PEOPLE[1], "--from", later, "--data", sales)
    assert isinstance(deleted.exception, DirectoryError)


def test_neg_a_unique_value_that_is_taken(sales: Path, tmp_path: Path) -> None:
    def person(name: str) -> bytes:
        return (
            f"dn: cn={name},cn=Users,{BASE}\nobjectClass: inetOrgPerson\nobjectClass: user\ncn: {name}\nsn: x\n"
            "sAMAccountName: same\n"
        ).encode()

    succeed("import", "-", "--data", sales, stdin=person("one"))
    full = back_up(sales, tmp_path / "full")
    delete(sales, f"cn=one,cn=Users,{BASE}")
    succeed("import", "-", "--data", sales, stdin=person("two"))
    result = invoke("restore-entry", f"cn=one,cn=Users,{BASE}", "--from", full, "--data", sales)
    assert isinstance(result.exception, DirectoryError)
    assert "sAMAccountName must be unique" in result.exception.message
    delete(sales, f"cn=two,cn=Users,{BASE}")
    succeed("restore-entry", f"cn=one,cn=Users,{BASE}", "--from", full, "--data", sales)


# --- check --repair-indexes, compact, formats ------------------------------------------------------------------------


def harm(data: Path) -> None:
    """Lose rows of every kind that can be computed."""
    sizes = {name: (duplicates, fixed) for name, duplicates, fixed in layout.DATABASES}
    with lmdb.open(str(data / "store"), max_dbs=32, map_size=1 << 40) as environment:
        for name in ("index", "children", "guids", "backlinks", "changes", "tenant_changes"):
            duplicates, fixed = sizes[name]
            database = environment.open_db(name.encode(), dupsort=duplicates, dupfixed=fixed, create=False)
            with environment.begin(write=True) as txn, txn.cursor(database) as cursor:
                for _ in range(20):
                    assert cursor.first()
                    cursor.delete()


def test_repair(sales: Path) -> None:
    before = export(sales, "--operational")
    harm(sales)
    assert answer("check", "--data", sales, code=3)["mended"] == {}
    mended = answer("check", "--data", sales, "--repair-indexes")
    assert set(mended["mended"]) == {
        "index",
        "children",
        "guids",
        "backlinks",
        "changes",
        "tenant_changes",
    }
    assert mended["findings"] == []
    assert answer("check", "--data", sales)["findings"] == []
    assert export(sales, "--operational") == before
    harm(sales)
    assert succeed("check", "--data", sales, "--repair-indexes").startswith("Mended ")
    assert succeed("check", "--data", sales, "--repair-indexes").startswith("The store is sound")


def test_compact(sales: Path) -> None:
    delete(sales, *PEOPLE)
    before = export(sales, "--operational")
    made = answer("compact", "--data", sales)
    assert made["bytesAfter"] < made["bytesBefore"]
    assert export(sales, "--operational") == before
    assert answer("check", "--data", sales)["findings"] == []
    assert {path.name for path in (sales / "store").iterdir()} == {"data.mdb", "lock.mdb"}
    assert stat.S_IMODE((sales / "store" / "data.mdb").stat().st_mode) == 0o600
    assert "MiB before" in succeed("compact", "--data", sales)


def test_neg_compact_while_somebody_has_the_store(sales: Path) -> None:
    lock = ServingLock(sales)
    result = invoke("compact", "--data", sales)
    lock.release()
    assert isinstance(result.exception, ConfigurationError)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        try:
            with lmdb.open(str(sales / "store"), max_dbs=32, map_size=1 << 40):
                os.write(ready[1], b"x")
                os.read(done[0], 1)
        finally:
            os._exit(0)
    os.read(ready[0], 1)
    result = invoke("compact", "--data", sales)
    os.write(done[1], b"x")
    os.waitpid(child, 0)
    for end in (*ready, *done):
        os.close(end)
    assert isinstance(result.exception, StoreBusy)
    succeed("compact", "--data", sales)


def test_neg_a_store_of_a_later_format(sales: Path) -> None:
    with lmdb.open(str(sales / "store"), max_dbs=32, map_size=1 << 40) as environment:
        meta = environment.open_db(b"meta", create=False)
        with environment.begin(write=True) as txn:
            txn.put(layout.META_FORMAT, layout.pack_number(layout.FORMAT + 1), db=meta)
    for command in ("status", "check", "export"):
        result = invoke(command, "--data", sales)
        assert isinstance(result.exception, StoreVersionError)
        assert f"has format {layout.FORMAT + 1}" in str(result.exception)
