"""Tenants in a fresh directory, made as a server makes them."""

from __future__ import annotations

import uuid
from dataclasses import replace

from fresh_directory import Directory
from lightwave.directory.access.token import AuthenticatedBy, Token
from lightwave.directory.operations.context import Context
from lightwave.identity import tenants
from lightwave.identity.authentication import Authenticator, SimpleClaim
from lightwave.identity.credentials import prepare_password
from lightwave.identity.hashing import MINIMUM, HashingCost
from lightwave.sasl.channel import Channel

SECRET = b"correct horse battery"
HASHING: HashingCost = MINIMUM
TLS = Channel(is_confidential=True)


def new_guid() -> bytes:
    return uuid.uuid4().bytes


def manager(directory: Directory) -> Context:
    """The owner of the machine, who is administrator of the system."""
    token = replace(directory.token, authenticated_by=AuthenticatedBy.LOCAL_SOCKET)
    return replace(directory.context(), token=token)


def prepare(directory: Directory, domain: str) -> tenants.NewTenant:
    """All that comes before the transaction."""
    guid = new_guid()
    assert directory.store.keyring is not None
    directory.store.keyring.prepare_tenant(guid)
    return tenants.NewTenant(domain, guid, prepare_password(SECRET, HASHING))


def make(directory: Directory, domain: str) -> int:
    """A tenant whose Administrator has the password SECRET; its number."""
    new = prepare(directory, domain)
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        number = tenants.create_tenant(txn, schema, manager(directory), new, new_guid)
    assert directory.store.keyring is not None
    directory.store.keyring.keep_tenant(new.guid)
    return number


def sign_in(directory: Directory, name: str | bytes, password: bytes = SECRET) -> Token:
    """The token of a simple bind; raises AuthenticationFailed."""
    using = Authenticator(directory.schemas.current, HASHING)
    claim = SimpleClaim(name.encode() if isinstance(name, str) else name, password)
    with directory.store.read() as txn:
        return using.authenticate(txn, claim, TLS, directory.time)
