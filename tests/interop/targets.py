"""What the interop tests aim at: a server with its four transports.

Ours is the target; with `--reference` it is slapd, which shows whether a test is right before ours is blamed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients import Outcome, require_client, run_client
from node import Node
from reference.slapd import Slapd, SlapdConfiguration

TRANSPORTS = ("ldap", "starttls", "ldaps", "ldapi")


@dataclass(frozen=True, slots=True)
class Target:
    """A running server, its administrator, and the CA that vouches for its certificate."""

    name: str
    suffix: str
    administrator: str
    password: str
    certificate_authority: Path
    url: str
    tls_url: str
    local_url: str

    def url_of(self, transport: str) -> str:
        return {"ldaps": self.tls_url, "ldapi": self.local_url}.get(transport, self.url)


def target_of_node(node: Node) -> Target:
    return Target(
        "lightwave",
        node.suffix,
        node.administrator,
        node.password,
        node.certificate_authority,
        node.url,
        node.tls_url,
        node.local_url,
    )


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A CA and a server's certificate for localhost, made by openssl: files of CA, certificate and key."""
    openssl = require_client("openssl")
    ca, ca_key, leaf, key = (folder / name for name in ("ca.pem", "ca.key", "leaf.pem", "leaf.key"))
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    common = [openssl, "req", "-x509", *new_key, "-days", "2"]
    extensions = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    subprocess.run(
        [*common, "-subj", "/CN=Test CA", *extensions, "-keyout", str(ca_key), "-out", str(ca)],
        check=True,
        capture_output=True,
    )
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    issuer = ["-CA", str(ca), "-CAkey", str(ca_key), "-addext", names, "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(
        [*common, "-subj", "/CN=localhost", *issuer, "-keyout", str(key), "-out", str(leaf)],
        check=True,
        capture_output=True,
    )
    return ca, leaf, key


@contextmanager
def slapd_target(folder: Path) -> Iterator[Target]:
    require_client("slapd")
    ca, leaf, key = make_certificates(folder)
    root = "cn=admin,dc=example,dc=com"
    mapped = f'authz-regexp "gidNumber=.*[+]uidNumber=.*,cn=peercred,cn=external,cn=auth" "{root}"'
    settings = SlapdConfiguration(
        tls=(ca, leaf, key),
        root_dn=root,
        global_lines=[mapped],
        modules=("back_mdb", "sssvlv"),
        overlays=("sssvlv",),
    )
    server = Slapd(folder, settings)
    server.load(b"dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n\n")
    with server:
        local = "ldapi://" + str(server.ldapi).replace("/", "%2F")
        tls_url = f"ldaps://127.0.0.1:{server.tls_port}"
        password = settings.root_password
        yield Target("slapd", settings.suffix, root, password, ca, server.url, tls_url, local)


@dataclass(frozen=True, slots=True)
class Tools:
    """OpenLDAP's tools aimed at one target over one transport, signed in as its administrator."""

    target: Target
    transport: str
    configuration: Path
    """An ldap.conf that trusts the target's CA and nothing else, and insists."""

    def __call__(self, program: str, *arguments: str, stdin: str = "", sign_in: bool = True) -> Outcome:
        options = ["-H", self.target.url_of(self.transport)]
        if self.transport == "starttls":
            options.append("-ZZ")
        if not sign_in:
            options.append("-x")
        elif self.transport == "ldapi":
            options += ["-Q", "-Y", "EXTERNAL"]
        else:
            options += ["-x", "-D", self.target.administrator, "-w", self.target.password]
        environment = {"LDAPCONF": str(self.configuration)}
        return run_client([program, *options, *arguments], stdin=stdin, environment=environment)

    def ok(self, program: str, *arguments: str, stdin: str = "") -> str:
        """Runs a tool that has to succeed; what it printed."""
        done = self(program, *arguments, stdin=stdin)
        if done.code:
            pytest.fail(f"{program} {' '.join(arguments)}: {done.code} {done.err} {done.out}")
        return done.out


def make_tools(target: Target, transport: str, folder: Path) -> Tools:
    configuration = folder / f"ldap-{transport}.conf"
    configuration.write_text(f"TLS_CACERT {target.certificate_authority}\nTLS_REQCERT demand\n")
    return Tools(target, transport, configuration)
