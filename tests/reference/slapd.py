"""Debian's slapd as a reference: the same requests go to it and to ours.

It runs with back-mdb in a folder of the caller's, on a free port of the loopback, in a session of its own,
and is stopped by its own process id. Commits are durable, as slapd does by default, unless a caller asks
otherwise.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

SCHEMAS = ("core", "cosine", "inetorgperson", "nis")
SCHEMA_FOLDER = Path("/etc/ldap/schema")
MODULE_FOLDER = Path("/usr/lib/ldap")
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


class SlapdError(Exception):
    """slapd or one of its tools did not do what it was asked; the text is what it printed."""


@dataclass(frozen=True, slots=True)
class SlapdConfiguration:
    """What differs between two reference servers. Every field has slapd's own default where it has one."""

    suffix: str = "dc=example,dc=com"
    root_dn: str = "cn=admin,dc=example,dc=com"
    root_password: str = "secret"
    schemas: Sequence[str] = SCHEMAS
    schema_files: Sequence[Path] = ()
    """More schema files in slapd.conf's form, after the named ones."""
    indices: Sequence[str] = ("objectClass eq", "cn,sn,uid,mail eq")
    max_size: int = 1 << 34
    """Bytes of the reserved map."""
    global_lines: Sequence[str] = ()
    database_lines: Sequence[str] = ()
    modules: Sequence[str] = ("back_mdb",)
    overlays: Sequence[str] = ()
    tls: tuple[Path, Path, Path] | None = None
    """Files of the CA's certificate, the server's certificate and its key: then it listens for LDAPS too."""

    def text(self, folder: Path) -> str:
        """The slapd.conf that says this, for a server whose files are in `folder`."""
        lines = [f"include {SCHEMA_FOLDER / name}.schema" for name in self.schemas]
        lines += [f"include {path}" for path in self.schema_files]
        lines += [f"modulepath {MODULE_FOLDER}", *(f"moduleload {name}" for name in self.modules)]
        lines += [f"pidfile {folder / 'slapd.pid'}", "loglevel none", *self.global_lines]
        if self.tls:
            names = ("TLSCACertificateFile", "TLSCertificateFile", "TLSCertificateKeyFile")
            lines += [f"{name} {path}" for name, path in zip(names, self.tls, strict=True)]
        lines += ["database mdb", f'suffix "{self.suffix}"', f'rootdn "{self.root_dn}"']
        lines += [f"rootpw {self.root_password}", f"directory {folder / 'db'}", f"maxsize {self.max_size}"]
        lines += [f"index {line}" for line in self.indices]
        lines += [*self.database_lines, *(f"overlay {name}" for name in self.overlays)]
        return "\n".join(lines) + "\n"


def find_slapd() -> str | None:
    """The path of slapd, or None where this machine lacks it."""
    return shutil.which("slapd", path=_SEARCH_PATH)


def free_port() -> int:
    """A port of the loopback that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Slapd:
    """One slapd over one folder. `with Slapd(folder) as server:` starts it and stops it."""

    def __init__(self, folder: Path, configuration: SlapdConfiguration | None = None) -> None:
        self.folder = folder
        self.configuration = configuration or SlapdConfiguration()
        self.port = 0
        self.tls_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "db").mkdir(parents=True, exist_ok=True)
        self._conf = folder / "slapd.conf"
        self._conf.write_text(self.configuration.text(folder))

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldapi(self) -> Path:
        """The path of the local socket."""
        return self.folder / "ldapi"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise SlapdError("slapd is not running")
        return self._process.pid

    def load(self, ldif: bytes | Path) -> float:
        """Loads entries with slapadd -q while the server is stopped; seconds that it took."""
        source = ldif if isinstance(ldif, Path) else self.folder / "load.ldif"
        if isinstance(ldif, bytes):
            source.write_bytes(ldif)
        slapadd = shutil.which("slapadd", path=_SEARCH_PATH) or "slapadd"
        began = time.monotonic()
        done = subprocess.run(
            [slapadd, "-q", "-f", str(self._conf), "-l", str(source)], capture_output=True, check=False
        )
        if done.returncode:
            raise SlapdError(done.stderr.decode(errors="replace"))
        return time.monotonic() - began

    def start(self, *, cpus: set[int] | None = None, timeout: float = 30) -> float:
        """Starts the server, on `cpus` alone when given; seconds until it accepted a connection."""
        program = find_slapd()
        if program is None:
            raise SlapdError("slapd is missing")
        began = time.monotonic()
        for _ in range(5):  # another program may take the port between the look and the use
            self.port, self.tls_port = free_port(), free_port()
            self._process = subprocess.Popen(
                [program, "-f", str(self._conf), "-h", self._listeners(), "-d", "0"],
                stdout=subprocess.DEVNULL,
                stderr=(self.folder / "slapd.log").open("ab"),
                start_new_session=True,
                preexec_fn=None if cpus is None else lambda: os.sched_setaffinity(0, cpus),
            )
            if self._wait_until_it_listens(began + timeout):
                return time.monotonic() - began
        raise SlapdError((self.folder / "slapd.log").read_text(errors="replace"))

    def _listeners(self) -> str:
        quoted = str(self.ldapi).replace("/", "%2F")
        # A path of a local socket has at most 107 bytes on Linux.
        local = f" ldapi://{quoted}" if len(str(self.ldapi)) < 100 else ""
        encrypted = f" ldaps://127.0.0.1:{self.tls_port}/" if self.configuration.tls else ""
        return f"{self.url}/{encrypted}{local}"

    def _wait_until_it_listens(self, deadline: float) -> bool:
        assert self._process is not None
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                return True
        self.stop()
        return False

    def stop(self) -> None:
        """Ends the server, and waits until it is gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Slapd:
        if self._process is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def slapd_version() -> str:
    """Such as "slapd 2.5.13"; empty where slapd is missing."""
    program = find_slapd()
    if program is None:
        return ""
    done = subprocess.run([program, "-VV"], capture_output=True, check=False)
    words = (done.stderr + done.stdout).decode(errors="replace").split()
    return f"slapd {words[words.index('slapd') + 1]}" if "slapd" in words else "slapd"
