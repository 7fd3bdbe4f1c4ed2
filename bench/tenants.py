"""Many tenants in one directory: how long a node takes to start, and how much memory it has, beside one with none.

    python bench/tenants.py --tenants 10000 --users 100

Both nodes are made in temporary folders (or below --folder, where they are kept and used again). Tenants are made by
the server's own function, fifty in a transaction, and users by its builder, so that nothing of the store is short-cut
but the commits. Then each node is started, and people of many tenants sign in and look around. Memory is private
resident memory; of it the anonymous part is the process's own, the rest pages of the store's file that it has looked
at, which the system takes back when it likes. Start is from the command to the first answer.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import ldap3

from lightwave.directory.operations.builtin_principals import dns_name
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.entry_builder import EntryBuilder
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.security_identifiers import next_sid
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.keyring import Keyring
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.credentials import CredentialBlob, prepare_password, set_password
from lightwave.identity.domain_names import domain_dn
from lightwave.identity.hashing import MINIMUM
from lightwave.identity.tenants import NewTenant, create_tenant
from lightwave.server.offline import administrator_context

PASSWORD = "a password of the benchmark"
TOGETHER = 50
LIGHTWAVE = str(Path(sys.executable).with_name("lightwave"))


def new_guid() -> bytes:
    return uuid.uuid4().bytes


def domain(number: int) -> str:
    return f"customer{number:05}.example"


def promote(folder: Path, offset: int) -> Path:
    data = folder / "node"
    if not data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "password").write_text(PASSWORD)
        subprocess.run(
            (
                LIGHTWAVE, "promote", "--domain", "provider.test", "--data", data, "--hostname", "node.provider.test",
                "--bind", "127.0.0.1", "--port-offset", str(offset), "--password-file", folder / "password",
            ),
            check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return data


def fill(data: Path, tenants: int, users: int) -> None:
    """Adds the tenants that are not there yet."""
    keyring = Keyring.open(data.with_name("node.keyring"))
    schemas = SchemaSource(Schema.load_builtin())
    blob = prepare_password(PASSWORD.encode(), MINIMUM)
    with Store.open(data / "store", keyring, now=time.time) as store:
        with store.read() as txn:
            done = sum(1 for _ in txn.tenants()) - 1
            context = administrator_context(txn)
        for first in range(done, tenants, TOGETHER):
            made = [
                prepared(keyring, number, blob) for number in range(first, min(first + TOGETHER, tenants))
            ]
            with store.write() as txn:
                schema = schemas.current(txn)
                for new in made:
                    add(txn, schema, context, new, users)
            for new in made:
                keyring.keep_tenant(new.guid)
            print(f"\r{first + len(made)} tenants", end="", file=sys.stderr)
        print(file=sys.stderr)


def prepared(keyring: Keyring, number: int, blob: CredentialBlob) -> NewTenant:
    guid = new_guid()
    keyring.prepare_tenant(guid)
    return NewTenant(domain(number), guid, blob)


def add(txn: WriteTransaction, schema: Schema, context: Context, new: NewTenant, users: int) -> None:
    tenant = create_tenant(txn, schema, context, new, new_guid)
    dn = domain_dn(new.domain)
    builder = EntryBuilder(txn, schema, tenant, new_guid)
    for number in range(users):
        name = f"user{number:03}".encode()
        entry_id = builder.add(
            b"cn=" + name + b",cn=Users," + dn,
            ["top", "person", "organizationalPerson", "inetOrgPerson", "user"],
            sn=b"Person",
            uid=name,
            mail=name + b"@" + dns_name(dn),
            sAMAccountName=name,
            userPrincipalName=name + b"@" + dns_name(dn),
            objectSid=next_sid(txn, schema, tenant) or b"",
            userAccountControl=b"512",
            primaryGroupID=b"513",
        )
        if number < 2:
            set_password(txn, tenant, entry_id, new.password, builder.change)


class Running:
    """A node that is being measured."""

    def __init__(self, data: Path, offset: int) -> None:
        self.url = f"ldap://127.0.0.1:{389 + offset}"
        began = time.monotonic()
        self._process = subprocess.Popen(
            (LIGHTWAVE, "serve", "--data", data), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                with ldap3.Connection(ldap3.Server(self.url, get_info=ldap3.NONE)):
                    break
            except ldap3.core.exceptions.LDAPException:
                time.sleep(0.02)
        self.start = time.monotonic() - began
        self.processor = self._processor()

    def _processor(self) -> float:
        """Seconds of a processor that the process has had: what a start takes on a machine with nothing else to do."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Private resident memory in MB."""
        text = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
        return (int(fields["Private_Dirty"].split()[0]) + int(fields["Private_Clean"].split()[0])) / 1024

    def anonymous(self) -> float:
        """Of that, what is no page of a file (LMDB's map is one), in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(text.split("RssAnon:")[1].split()[0]) / 1024

    def memory_in_words(self) -> str:
        """Both."""
        return f"memory {self.memory():.0f} MB ({self.anonymous():.0f} anonymous)"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def look_around(running: Running, ca: Path, tenants: int, times: int) -> float:
    """Signs in to tenants by chance and searches; seconds each."""
    choose = random.Random(7)
    tls = ldap3.Tls(ca_certs_file=str(ca))
    began = time.monotonic()
    for _ in range(times):
        name = domain(choose.randrange(tenants))
        server = ldap3.Server(running.url, get_info=ldap3.NONE, tls=tls)
        connection = ldap3.Connection(
            server, f"user000@{name}", PASSWORD, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND
        )
        base = domain_dn(name).decode()
        connection.search(base, "(sAMAccountName=user001)", attributes=["mail"])
        connection.unbind()
    return (time.monotonic() - began) / times


def measure(label: str, data: Path, offset: int, tenants: int, times: int) -> None:
    running = Running(data, offset)
    try:
        time.sleep(1.5)
        start = f"start {running.start:.2f} s ({running.processor:.2f} s of a processor)"
        words = [start, running.memory_in_words()]
        if tenants:
            each = look_around(running, data / "ca.pem", tenants, times)
            words.append(
                f"after {times} sign-ins {running.memory():.0f} MB ({running.anonymous():.0f} anonymous)"
            )
            words.append(f"{each * 1000:.0f} ms each")
        print(f"{label}: " + ", ".join(words))
    finally:
        running.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--sign-ins", type=int, default=1_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--port-offset", type=int, default=26_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        offset = options.port_offset
        few, many = promote(folder / "few", offset), promote(folder / "many", offset)
        fill(few, 1, options.users)
        fill(many, options.tenants, options.users)
        for _ in range(2):
            measure("one tenant", few, offset, 1, options.sign_ins)
            measure(f"{options.tenants} tenants", many, offset, options.tenants, options.sign_ins)


if __name__ == "__main__":
    main()
