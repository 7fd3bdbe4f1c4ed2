"""What opens a node: `lightwave.toml` in the data folder, read once and immutable.

Only what is needed before the store can be read stands here; every other setting is an entry of the
directory (`cn=<hostname>,cn=nodes,cn=config`), where it is access-controlled, audited and replicated.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

FILE_NAME = "lightwave.toml"
FORMAT = 1
MOST_WORKERS = 64
LONGEST_SOCKET_PATH = 107
"""bytes: unix(7) has 108 with the terminating zero"""


class ConfigurationError(Exception):
    """The data folder or its configuration can't be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class NodeConfiguration:
    """A checked configuration.

    data: the data folder. keyring: the folder of the master key, beside and never in the data folder.
    domain: the DNS domain that the first naming context is made of. hostname: this node's name.
    bind: addresses to listen on, IPv4 or IPv6. port_offset: added to each standard port.
    workers: processes that serve together.
    """

    data: Path
    keyring: Path
    domain: str
    hostname: str
    bind: tuple[str, ...]
    port_offset: int
    workers: int = 1

    @property
    def store_path(self) -> Path:
        return self.data / "store"

    @property
    def ldap_port(self) -> int:
        return 389 + self.port_offset

    @property
    def ldaps_port(self) -> int:
        return 636 + self.port_offset

    @property
    def http_port(self) -> int:
        return 80 + self.port_offset

    @property
    def https_port(self) -> int:
        return 443 + self.port_offset

    @property
    def ldapi_path(self) -> Path:
        return self.data / "ldapi"

    @property
    def http_path(self) -> Path:
        return self.data / "http"

    @property
    def ca_path(self) -> Path:
        return self.data / "ca.pem"

    @property
    def certificate_path(self) -> Path:
        return self.data / "node.pem"

    @property
    def key_path(self) -> Path:
        return self.data / "node.key"


def check_port_offset(offset: int) -> None:
    """Raise ConfigurationError unless every standard port plus `offset` is a port number."""
    if not 0 <= offset <= 65535 - 636:
        raise ConfigurationError(f"--port-offset {offset} is out of range: use 0 to {65535 - 636}")


def check_addresses(addresses: Iterable[str]) -> None:
    """Raise ConfigurationError for what is no IPv4 or IPv6 address: names would be looked up at each start."""
    for address in addresses:
        try:
            ip_address(address)
        except ValueError:
            raise ConfigurationError(
                f"--bind {address} is no IP address: use one of this machine, 127.0.0.1, or 0.0.0.0 and :: for all"
            ) from None


def check_workers(count: int) -> None:
    """Raise ConfigurationError for a number of processes that makes no sense."""
    if not 1 <= count <= MOST_WORKERS:
        raise ConfigurationError(f"workers = {count} is out of range: use 1 to {MOST_WORKERS}")


def check_local_path(configuration: NodeConfiguration) -> None:
    """Raise ConfigurationError when the local socket's path is longer than a socket's address takes."""
    if len(os.fsencode(configuration.ldapi_path)) > LONGEST_SOCKET_PATH:
        raise ConfigurationError(
            f"the path of the data folder is too long: {configuration.ldapi_path} may have at most "
            f"{LONGEST_SOCKET_PATH} bytes, for a local socket stands there"
        )


def load_configuration(data: Path) -> NodeConfiguration:
    """Read and check `data`/lightwave.toml."""
    path = data / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{data} holds no node: run `lightwave promote --domain DOMAIN --data {data}` first, "
            "or name another folder with --data"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None
    return _checked(path, data, raw)


def _checked(path: Path, data: Path, raw: dict[str, Any]) -> NodeConfiguration:
    if raw.get("format") != FORMAT:
        raise ConfigurationError(
            f"{path}: format {raw.get('format')!r} is not one that this version reads ({FORMAT})"
        )
    known = {"format", "domain", "hostname", "bind", "port_offset", "keyring", "workers"}
    unknown = sorted(set(raw) - known)
    if unknown:
        raise ConfigurationError(
            f"{path}: unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    bind = raw.get("bind")
    offset = raw.get("port_offset")
    if not isinstance(bind, list) or not bind or not all(isinstance(address, str) for address in bind):
        raise ConfigurationError(f"{path}: bind must be a list of addresses")
    if not isinstance(offset, int) or isinstance(offset, bool):
        raise ConfigurationError(f"{path}: port_offset must be a whole number")
    check_port_offset(offset)
    for name in ("domain", "hostname", "keyring"):
        if not isinstance(raw.get(name), str) or not raw[name]:
            raise ConfigurationError(f"{path}: {name} must be a text")
    workers = raw.get("workers", 1)
    if not isinstance(workers, int) or isinstance(workers, bool):
        raise ConfigurationError(f"{path}: workers must be a whole number")
    check_workers(workers)
    keyring = Path(raw["keyring"])
    return NodeConfiguration(
        data=data,
        keyring=keyring if keyring.is_absolute() else (data / keyring),
        domain=raw["domain"],
        hostname=raw["hostname"],
        bind=tuple(bind),
        port_offset=offset,
        workers=workers,
    )


def format_configuration(configuration: NodeConfiguration) -> str:
    """The text of lightwave.toml; a keyring beside the data folder is written relative to it."""
    keyring = configuration.keyring
    workers = f"workers = {configuration.workers}\n" if configuration.workers != 1 else ""
    beside = keyring.parent == configuration.data.parent
    shown = f"../{keyring.name}" if beside else str(keyring)
    addresses = ", ".join(_quoted(address) for address in configuration.bind)
    return (
        "# What opens this node. Everything else is an entry of the directory.\n"
        f"format = {FORMAT}\n"
        f"domain = {_quoted(configuration.domain)}\n"
        f"hostname = {_quoted(configuration.hostname)}\n"
        f"bind = [{addresses}]\n"
        f"port_offset = {configuration.port_offset}\n"
        f"keyring = {_quoted(shown)}\n"
        f"{workers}"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
