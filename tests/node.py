"""A whole node for tests and benchmarks: promoted once, copied, served by the real command."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reference import wire

ADMINISTRATOR_PASSWORD = "Made-up 4 tests"
LIGHTWAVE = Path(sys.executable).parent / "lightwave"


class NodeError(Exception):
    """The command did not do what it was asked; the text is what it printed."""


def run_lightwave(arguments: Sequence[str | Path], timeout: float = 600) -> str:
    """Runs one `lightwave` command to its end; what it printed."""
    done = subprocess.run(
        [str(LIGHTWAVE), *map(str, arguments)], capture_output=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise NodeError(f"lightwave {arguments[0]} ended with {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def free_offset() -> int:
    """A number that, added to the standard ports of LDAP and HTTP, gives ports that nothing listens on.

    None of those that the kernel gives to clients (from 32,768 on): one of them may be a client's by the next moment.
    """
    while True:
        offset = random.randrange(12_000, 32_000)
        try:
            for port in (389, 636, 80, 443):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return offset


@dataclass(slots=True)
class Node:
    """One node over one data folder."""

    folder: Path
    domain: str
    password: str
    port_offset: int
    process: subprocess.Popen[bytes] | None = None
    was_ready: bool = False

    @classmethod
    def promote(
        cls, folder: Path, domain: str = "example.com", password: str = ADMINISTRATOR_PASSWORD
    ) -> Node:
        """Makes a node in `folder` (which must not exist), with hashing at its minimum cost."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        secret = folder.parent / "password"
        secret.write_text(password + "\n")
        secret.chmod(0o600)
        offset = free_offset()
        place = ["--data", str(folder), "--bind", "127.0.0.1", "--port-offset", str(offset)]
        quick = ["--password-file", str(secret), "--hashing-cost", "minimum"]
        run_lightwave(["promote", "--domain", domain, *place, *quick])
        secret.unlink()
        return cls(folder, domain, password, offset)

    def copy(self, folder: Path) -> Node:
        """The same node in another folder and on other ports; this one must not be running."""
        assert self.process is None
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder, folder, copy_function=_copy_sparse)
        shutil.copytree(self.keyring, Path(f"{folder}.keyring"))
        settings = folder / "lightwave.toml"
        text = settings.read_text().replace(str(self.folder), str(folder))
        settings.write_text(text.replace(f"../{self.keyring.name}", f"../{folder.name}.keyring"))
        node = Node(folder, self.domain, self.password, 0)
        node._choose_ports()
        return node

    @property
    def suffix(self) -> str:
        return ",".join(f"dc={label}" for label in self.domain.split("."))

    @property
    def administrator(self) -> str:
        return f"cn=Administrator,cn=Users,{self.suffix}"

    @property
    def keyring(self) -> Path:
        return Path(f"{self.folder}.keyring")

    @property
    def port(self) -> int:
        return 389 + self.port_offset

    @property
    def tls_port(self) -> int:
        return 636 + self.port_offset

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{80 + self.port_offset}"

    @property
    def https_url(self) -> str:
        return f"https://localhost:{443 + self.port_offset}"

    @property
    def http_socket(self) -> Path:
        return self.folder / "http"

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def local_url(self) -> str:
        return "ldapi://" + str(self.folder / "ldapi").replace("/", "%2F")

    @property
    def certificate_authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def log(self) -> Path:
        """What the running server wrote to standard error."""
        return self.folder.parent / f"{self.folder.name}.log"

    @property
    def pid(self) -> int:
        if self.process is None:
            raise NodeError("the node is not running")
        return self.process.pid

    def start(
        self, *options: str, cpus: set[int] | None = None, timeout: float = 60, **environment: str
    ) -> float:
        """Serves, on the processors `cpus` alone when given; seconds until it said that it is ready.

        options: of the command. environment: variables beside those of this process. A port that was taken by somebody
        since it was chosen is no failure: a node that nobody has seen yet gets others.
        """
        for _ in range(5):
            try:
                return self._start(options, cpus, timeout, environment)
            except NodeError as error:
                if self.was_ready or "in use" not in str(error):
                    raise
            self._choose_ports()
        return self._start(options, cpus, timeout, environment)

    def _choose_ports(self) -> None:
        self.port_offset = free_offset()
        settings = self.folder / "lightwave.toml"
        text, found = re.subn(
            r"(?m)^(\s*port[-_]offset\s*=\s*)\d+", rf"\g<1>{self.port_offset}", settings.read_text()
        )
        if found != 1:
            raise NodeError("lightwave.toml does not state the port offset")
        settings.write_text(text)

    def _start(
        self, options: Sequence[str], cpus: set[int] | None, timeout: float, environment: Mapping[str, str]
    ) -> float:
        began = time.monotonic()
        seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(LIGHTWAVE), "serve", "--data", str(self.folder), *options],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: _begin(cpus),
            )
        while time.monotonic() < began + timeout:
            if re.search(rb"\bready\b", self.log.read_bytes()[seen:]):
                self.was_ready = True
                return time.monotonic() - began
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        text = self.log.read_bytes()[seen:].decode(errors="replace")
        self.stop()
        raise NodeError(f"the node did not get ready: {text}")

    def stop(self, timeout: float = 30) -> int:
        """Asks the server to drain and waits until it is gone; its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process = None
        return code

    def kill(self) -> None:
        """Ends the server between two instructions, as a power cut would end it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def local_administrator(self) -> wire.Connection:
        """A connection over the local socket, whose owner is administrator (SASL EXTERNAL)."""
        connection = wire.Connection.local(self.folder / "ldapi")
        answer = connection.ask(wire.sasl_bind("EXTERNAL", b""))
        if answer.code:
            raise NodeError(f"EXTERNAL over the local socket: {answer.code} {answer.diagnostic}")
        return connection

    def allow_passwords_in_the_clear(self) -> None:
        """Turns this node's lwAllowInsecureAuthentication on, as an administrator would."""
        with self.local_administrator() as connection:
            found = connection.ask(
                wire.search("cn=config", filter=("equal", "objectClass", b"lwNode"), attributes=["1.1"])
            )
            for name, _ in found.entries:
                change = (wire.REPLACE, "lwAllowInsecureAuthentication", [b"TRUE"])
                answer = connection.ask(wire.modify(name, [change]))
                if answer.code:
                    raise NodeError(f"lwAllowInsecureAuthentication: {answer.code} {answer.diagnostic}")
            if len(found.entries) != 1:
                raise NodeError(f"{len(found.entries)} entries of class lwNode")


def _begin(cpus: set[int] | None) -> None:
    """In the server's process. Tests that a shell runs in the background inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if cpus is not None:
        os.sched_setaffinity(0, cpus)


def _copy_sparse(source: str, target: str) -> None:
    """Copies a file's data and not its holes: LMDB's files may be much longer than what they hold."""
    size = os.stat(source).st_size
    with open(source, "rb") as reader, open(target, "wb") as writer:
        writer.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(reader.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                break
            end = os.lseek(reader.fileno(), at, os.SEEK_HOLE)
            reader.seek(at)
            writer.seek(at)
            while at < end and (data := reader.read(min(1 << 20, end - at))):
                writer.write(data)
                at += len(data)
    shutil.copymode(source, target)
