"""What all connections of a node share: the directory's parts, the limits by identity, the open connections."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from lightwave.directory.access.token import Token
from lightwave.directory.operations.context import Limits
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.ports import Threads
from lightwave.directory.operations.root_dse import ServerFacts
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.search import Searches
from lightwave.directory.server.counting import OperationCounts
from lightwave.directory.server.operation_log import OperationLog
from lightwave.directory.server.persisting import Followers
from lightwave.directory.server.settings import (
    ADMINISTRATOR_LIMITS,
    Network,
    Settings,
    SettingsSource,
    own_limits,
)
from lightwave.directory.server.turn import Turn
from lightwave.directory.store.environment import Store
from lightwave.identity.audit_notices import AuditNotices
from lightwave.identity.authentication import Authenticator
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.sign_in import SignIns

if TYPE_CHECKING:
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.server.transactions import Transaction

log = logging.getLogger("lightwave.ldap")


@dataclass(slots=True)
class DirectoryService:
    """The parts, made by the composition root. now: seconds since the epoch. monotonic: seconds."""

    store: Store
    schemas: SchemaSource
    searches: Searches
    pipeline: WritePipeline
    authenticator: Authenticator
    sign_ins: SignIns
    liveness: TokenLiveness
    threads: Threads
    settings: SettingsSource
    facts: ServerFacts
    now: Callable[[], float]
    monotonic: Callable[[], float]
    call_later: Callable[[float, Callable[[], None]], Any]
    random_bytes: Callable[[int], bytes]
    audit: AuditNotices
    tls: object | None = None
    """context factory for StartTLS; None where the node has no certificate"""
    connections: set[LDAPConnection] = field(default_factory=set)
    followers: Followers = field(default_factory=Followers)
    transactions: set[Transaction] = field(default_factory=set)
    serial: int = 0
    stride: int = 1
    counts: OperationCounts = field(default_factory=OperationCounts)
    turn: Turn = field(init=False)
    operations: OperationLog = field(init=False)
    run: str = field(init=False)
    """begins the correlation ids of this run of the process, so that they mean one thing in the audit"""
    _proxies: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        self.turn = Turn(self.store, self.schemas)
        self.run = self.random_bytes(4).hex()
        self.operations = OperationLog(self.monotonic, lambda: self.schemas.latest)

    def observe_settings(self) -> None:
        """Have the settings that hold for open connections take effect; called now and then."""
        with self.store.read() as txn:
            settings = self.settings.current(txn, self.schemas.current(txn))
        self._proxies = settings.trusted_proxies
        self.operations.configure(settings.operation_log, settings.slow_operation / 1000, self.connections)

    def limits_of(self, token: Token, settings: Settings) -> Limits:
        """What the bearer of `token` may ask for."""
        if token.is_administrator:
            return ADMINISTRATOR_LIMITS
        if token.is_anonymous:
            return settings.anonymous
        own = token.limits
        return settings.signed_in if own is None else own_limits(settings.signed_in, own)

    def next_serial(self) -> int:
        """A number for a new connection, for logs."""
        self.serial += self.stride
        return self.serial

    def is_proxy(self, host: str) -> bool:
        """Whether an address is that of a proxy which is trusted to say who its client is."""
        if not self._proxies:
            return False
        address = ip_address(host.partition("%")[0])
        return any(address in network for network in self._proxies)

    def number_connections(self, first: int, stride: int) -> None:
        """Give connections the numbers after `first`, each `stride`th: others are those of other processes."""
        self.serial, self.stride = first, stride

    def drain(self) -> None:
        """Tell every client that the server goes (RFC 4511 §4.4.1) and close when what runs is answered."""
        for connection in tuple(self.connections):
            connection.drain()
