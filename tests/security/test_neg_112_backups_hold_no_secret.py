"""What stands in a backup in the clear holds no password, no key and nothing that opens one."""

from __future__ import annotations

from pathlib import Path

from commands import answer, invoke, succeed
from lightwave.directory.store.backup_file import BackupFile
from node import ADMINISTRATOR_PASSWORD, Node

CANARY = "canary-4711-Quetzal"
ANN = "uid=ann,cn=Users,dc=example,dc=com"


def test_neg_112_no_secret_in_a_backup(promoted_node: Node, short_folder: Path) -> None:
    node = promoted_node.copy(short_folder / "node")
    person = f"dn: {ANN}\nobjectClass: inetOrgPerson\nuid: ann\ncn: Ann\nsn: seen\nuserPassword: {CANARY}\n"
    succeed("import", "-", "--data", node.folder, stdin=person.encode())
    path = answer("backup", "--data", node.folder, "--to", short_folder / "full")["file"]
    with BackupFile(Path(path)) as backup:
        rows = [row for _, part in backup.all_parts() for row in part]
        clear = b"\n".join(key + b" " + value for key, value in rows) + backup.manifest.encode()
    assert b"seen" in clear
    master = (node.keyring / "master.key").read_bytes()[5:]
    node_key = (node.folder / "node.key").read_bytes()
    hashes = (b"argon2", b"SSHA", b"SCRAM")
    for secret in (
        CANARY.encode(),
        ADMINISTRATOR_PASSWORD.encode(),
        master,
        node_key,
        b"PRIVATE KEY",
        *hashes,
    ):
        assert secret not in clear
    # of the keyring, only what the recovery key opens
    assert set(backup.manifest.recovery) == {"public", "tenants"}
    for tenant in backup.manifest.recovery["tenants"].values():
        assert set(tenant) == {"current", "keys"}
        assert all(isinstance(wrap, str) for wrap in tenant["keys"].values())


def test_neg_112_the_recovery_key_is_in_no_message(promoted_node: Node, short_folder: Path) -> None:
    node = promoted_node.copy(short_folder / "node")
    succeed("backup", "--data", node.folder, "--to", short_folder / "full")
    wrong = "AAAAAAA-BBBBBBB-CCCCCCC"
    (short_folder / "key").write_text(wrong)
    options = ["--data", str(short_folder / "restored"), "--recovery-key-file", str(short_folder / "key")]
    result = invoke("restore", "--from", short_folder / "full", *options)
    assert result.exception is not None
    assert wrong not in str(result.exception) + repr(result.exception) + result.output
