"""The servers that are compared, each behind the same few methods."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import time
from pathlib import Path
from typing import Protocol

import people
from node import Node, run_lightwave
from reference import wire
from reference.slapd import Slapd, SlapdConfiguration, slapd_version


class Side(Protocol):
    """One server: data goes in while it is stopped, then it starts on the processors that it is given."""

    name: str
    version: str
    configuration: str
    administrator: tuple[str, str]

    def load(self, ldif: Path) -> float: ...

    def start(self, cpus: set[int]) -> float: ...

    def stop(self) -> None: ...

    @property
    def port(self) -> int: ...

    @property
    def pid(self) -> int: ...


# Debian's own access rules for a new directory: passwords for authentication only, the rest for everybody.
_ACCESS = (
    "access to attrs=userPassword by self write by anonymous auth by * none",
    "access to * by * read",
)


class SlapdSide:
    """Debian's slapd with back-mdb, durable, with its default number of threads."""

    configuration = (
        "back-mdb, synchronous commits, 16 threads (its defaults), loglevel none, "
        "equality indexes on objectClass uid cn sn mail"
    )

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.version = slapd_version()
        shutil.rmtree(folder, ignore_errors=True)
        settings = SlapdConfiguration(
            suffix=people.SUFFIX,
            max_size=1 << 36,
            database_lines=_ACCESS,
        )
        self.administrator = (settings.root_dn, settings.root_password)
        self._server = Slapd(folder, settings)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def pid(self) -> int:
        return self._server.pid

    def load(self, ldif: Path) -> float:
        self._server.load(people.BASE_RECORD)
        return self._server.load(ldif)

    def start(self, cpus: set[int]) -> float:
        began = time.monotonic()
        self._server.start(cpus=cpus)
        wait_for_answer(self.port)
        return time.monotonic() - began

    def stop(self) -> None:
        self._server.stop()


class LightwaveSide:
    """Ours: one process, the default settings but for passwords over clear LDAP, which slapd allows too, and for
    imported hashes, which stay as they came."""

    configuration = "lightwave serve, synchronous commits, its own default indexes"

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.version = f"lightwave {importlib.metadata.version('lightwave')}"
        shutil.rmtree(folder.parent / f"{folder.name}.keyring", ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        self._node = Node.promote(folder)
        self.administrator = (self._node.administrator, self._node.password)
        self._node.start()
        try:
            self._node.allow_passwords_in_the_clear()
            self._keep_hashes()
        finally:
            self._node.stop()

    def _keep_hashes(self) -> None:
        """slapd's stay as they are, too; upgrades would be a case of their own."""
        policy = f"cn=password and lockout policy,{people.SUFFIX}"
        change = [(wire.REPLACE, "lwPasswordUpgradeHashes", [b"FALSE"])]
        with self._node.local_administrator() as administrator:
            answer = administrator.ask(wire.modify(policy, change))
            if answer.code:
                raise RuntimeError(f"the policy can't be changed: {answer.code} {answer.diagnostic}")

    @property
    def port(self) -> int:
        return self._node.port

    @property
    def pid(self) -> int:
        return self._node.pid

    def load(self, ldif: Path) -> float:
        began = time.monotonic()
        run_lightwave(["import", ldif, "--data", self._node.folder], timeout=3600)
        return time.monotonic() - began

    def start(self, cpus: set[int]) -> float:
        began = time.monotonic()
        self._node.start(cpus=cpus)
        wait_for_answer(self.port)
        return time.monotonic() - began

    def stop(self) -> None:
        self._node.stop()


def wait_for_answer(port: int) -> None:
    """Returns once the server has answered a search of the root DSE."""
    with wire.Connection("127.0.0.1", port) as connection:
        answer = connection.ask(wire.search("", wire.BASE))
        if answer.code:
            raise RuntimeError(f"the root DSE answered {answer.code}: {answer.diagnostic}")


def make_side(kind: str, folder: Path, name: str) -> Side:
    """A new, empty server of this kind."""
    if kind == "slapd":
        return SlapdSide(folder, name)
    if kind == "lightwave":
        return LightwaveSide(folder, name)
    raise ValueError(f"{kind} is neither slapd nor lightwave")


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_memory(pid: int) -> dict[str, int]:
    """Bytes resident: `private` (no other process maps them; pages of the store's file that were touched are
    among them) and `anonymous` (not backed by any file)."""
    found = {"Private_Clean": 0, "Private_Dirty": 0, "Anonymous": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        key, _, rest = line.partition(":")
        if key in found:
            found[key] = int(rest.split()[0]) * 1024
    return {"private": found["Private_Clean"] + found["Private_Dirty"], "anonymous": found["Anonymous"]}
