"""Promote: an empty folder becomes the first node of a domain.

The order is chosen so that a promote that dies half-way leaves nothing that looks like a node:
`lightwave.toml` is written last, and the next promote refuses a folder that is not empty with a word on how
to go on.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.tree import Domain, Tree, create_tree
from lightwave.directory.schema.schema import Schema
from lightwave.directory.server.settings import ADMINISTRATOR_LIMITS
from lightwave.directory.store.environment import Store
from lightwave.directory.store.keyring import Keyring
from lightwave.identity.administrator import record_administrator
from lightwave.identity.audit import Action, Subject, event_of, record
from lightwave.identity.credentials import KeysKept, prepare_password, set_password
from lightwave.identity.domain_names import domain_dn, is_dns_name
from lightwave.identity.generated_passwords import generate_password
from lightwave.identity.hashing import HashingCost
from lightwave.identity.password_rules import PasswordOwner, PasswordRefused, check_quality
from lightwave.identity.passwords import UnusablePassword, prepare
from lightwave.identity.policies import DEFAULT
from lightwave.pki.authority import create_issuing, create_node, create_root, pem_chain, serial_number
from lightwave.server.authority_entries import store_authorities
from lightwave.server.configuration import (
    FILE_NAME,
    ConfigurationError,
    NodeConfiguration,
    format_configuration,
)
from lightwave.server.hashing_settings import hashing_attributes
from lightwave.server.identifiers import new_guid
from lightwave.server.whereabouts import note_whereabouts


@dataclass(frozen=True, slots=True)
class Promoted:
    """What the administrator is told once. `password` is None when he gave it himself."""

    configuration: NodeConfiguration
    administrator_dn: str
    password: str | None = field(repr=False)
    recovery_key: str = field(repr=False)


def check_domain(domain: str) -> str:
    """The domain in lower case; raises ConfigurationError for what is no DNS domain of at least one label."""
    domain = domain.rstrip(".").lower()
    if not is_dns_name(domain):
        raise ConfigurationError(f"{domain!r} is not a DNS domain name such as example.com")
    return domain


def check_hostname(hostname: str) -> str:
    """The name as it was given; raises ConfigurationError for what is no DNS name (RFC 1123 §2.1)."""
    name = hostname.rstrip(".")
    if not is_dns_name(name):
        raise ConfigurationError(
            f"{hostname!r} is not a host name such as ldap1.example.com: name one with --hostname"
        )
    return name


def promote(
    configuration: NodeConfiguration,
    password: str | None,
    hashing: HashingCost,
    progress: Callable[[str], None],
) -> Promoted:
    """Make the node. `password`: of the administrator, None for a generated one. Raises ConfigurationError."""
    data, keyring_path = configuration.data, configuration.keyring
    _check_empty(data, "--data")
    _check_empty(keyring_path, "--keyring")
    if keyring_path.resolve().is_relative_to(data.resolve()):
        raise ConfigurationError(
            "the keyring must stand outside the data folder: a backup of one must not hold the other"
        )
    generated = None if password is not None else generate_password(os.urandom).decode()
    if password is not None:
        _check_password(password)
    made_data, made_keyring = not data.exists(), not keyring_path.exists()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        recovery_key = _make(configuration, password or generated or "", hashing, progress)
        _write(data / FILE_NAME, format_configuration(configuration).encode(), 0o600)
    except BaseException:
        _clear(data, made_data)
        _clear(keyring_path, made_keyring)
        raise
    administrator = f"cn=Administrator,cn=Users,{domain_dn(configuration.domain).decode()}"
    return Promoted(configuration, administrator, generated, recovery_key)


def _check_password(password: str) -> None:
    """The policy that the new domain will have holds for its first password too."""
    try:
        check_quality(prepare(password.encode()), DEFAULT, PasswordOwner(("Administrator",)))
    except (PasswordRefused, UnusablePassword) as error:
        raise ConfigurationError(f"{error}; name another file with --password-file") from None


def _make(
    configuration: NodeConfiguration, password: str, hashing: HashingCost, progress: Callable[[str], None]
) -> str:
    progress("making keys and certificates")
    now = datetime.fromtimestamp(time.time(), UTC)
    root = create_root(configuration.domain, serial=serial_number(os.urandom(16)), now=now)
    issuing = create_issuing(root, configuration.domain, serial=serial_number(os.urandom(16)), now=now)
    names = tuple(address for address in configuration.bind if address not in ("0.0.0.0", "::"))  # noqa: S104
    node = create_node(
        issuing,
        configuration.hostname,
        serial=serial_number(os.urandom(16)),
        now=now,
        extra_names=names,
    )
    progress("making the keyring")
    keyring, recovery_key = Keyring.create(configuration.keyring)
    progress("making the directory")
    names = ("Administrator", f"Administrator@{configuration.domain}")
    blob = prepare_password(password.encode(), hashing, kept=KeysKept(srp=True, names=names))
    schema = Schema.load_builtin()
    with Store.create(configuration.store_path, keyring, server=os.urandom(16), now=time.time) as store:
        domain = Domain(domain_dn(configuration.domain), configuration.hostname, hashing_attributes(hashing))
        authorities = {f"{configuration.domain} Root CA": root, f"{configuration.domain} CA": issuing}
        with store.write() as txn:
            tree = create_tree(txn, schema, domain)
            guid = txn.record(tree.tenant, tree.administrator).guid
            record_administrator(txn, tree.tenant, guid)
            set_password(txn, tree.tenant, tree.administrator, blob, txn.begin_change())
            context = _administrators_context(tree, guid)
            store_authorities(txn, schema, context, domain.dn, authorities, new_guid)
            made = Subject(b"", domain.dn)
            record(txn, event_of(context, tree.tenant, Action.TENANT_CREATE, made, "promote"))
        note_whereabouts(store, configuration.store_path)
    progress("writing certificates")
    _write(configuration.ca_path, root.certificate_pem, 0o644)
    _write(configuration.certificate_path, pem_chain(node.certificate, issuing.certificate), 0o644)
    _write(configuration.key_path, node.key_pem, 0o600)
    return recovery_key


def _administrators_context(tree: Tree, guid: bytes) -> Context:
    token = Token(
        tenant=tree.tenant,
        entry_id=tree.administrator,
        guid=guid,
        dn=tree.administrator_dn,
        is_administrator=True,
        is_anonymous=False,
        authenticated_by=AuthenticatedBy.LOCAL_SOCKET,
        bypass=True,
    )
    return Context(token, ADMINISTRATOR_LIMITS, (), time.time, protocol="local", secure=True)


def _check_empty(folder: Path, option: str) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            f"{folder} is not an empty folder: name another one with {option}, or empty it first"
        )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a new file and have it on disk before going on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _clear(folder: Path, made: bool) -> None:
    """Take back what a failed promote left, and the folder itself where promote made it."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if made:
        folder.rmdir()
