"""A node's settings: attributes of its entry `cn=<hostname>,cn=nodes,cn=config`, read when they are needed.

They are entries so that they are access-controlled, audited and replicated like everything else. A change
holds for the next bind or connection. Defaults stand here; they suit a listener on the open internet.

No value locks the administrator out: numbers are taken as at least one, an own PDU limit as at least that of
anonymous clients, and the local socket is open whatever `lwMaxConnections` says.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from lightwave.directory.access.token import OwnLimits
from lightwave.directory.ldap.limits import MAX_PDU_SIGNED_IN
from lightwave.directory.operations.context import Limits
from lightwave.directory.schema.normalisation import NormalisedDN
from lightwave.directory.schema.schema import Schema
from lightwave.directory.server.operation_log import Mode
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.identity.failures import DELAY, MOST_DELAY

Network = IPv4Network | IPv6Network
UNLIMITED = 1 << 60
MAX_PDU_ANONYMOUS = 256 * 1024
"""bytes of a request of somebody who has not signed in"""

ANONYMOUS_LIMITS = Limits(
    size=500, time=10.0, look_through=5_000, page_size=500, sort=5_000, idle=120.0, outstanding=20
)
SIGNED_IN_LIMITS = Limits(
    size=5_000, time=60.0, look_through=100_000, page_size=2_000, sort=20_000, idle=900.0, outstanding=100
)
ADMINISTRATOR_LIMITS = Limits(
    size=UNLIMITED,
    time=3_600.0,
    look_through=UNLIMITED,
    page_size=10_000,
    sort=200_000,
    idle=3_600.0,
    outstanding=1_000,
)


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator may set for a node. max_pdu: bytes, for signed-in identities."""

    allow_insecure_authentication: bool = False
    signed_in: Limits = SIGNED_IN_LIMITS
    anonymous: Limits = ANONYMOUS_LIMITS
    max_pdu: int = MAX_PDU_SIGNED_IN
    max_connections: int = 10_000
    operation_log: Mode = Mode.OFF
    slow_operation: int = 1_000
    """milliseconds from which an operation is slow"""
    trusted_proxies: tuple[Network, ...] = ()
    failure_delay: float = DELAY
    """seconds of the first delay after failed sign-ins, 0 for none"""


DEFAULTS = Settings()


def own_limits(limits: Limits, own: OwnLimits) -> Limits:
    """Limits of all who sign in, as far as the identity has none of its own."""
    return replace(
        limits,
        size=limits.size if own.size is None else own.size,
        time=limits.time if own.time is None else float(own.time),
        look_through=limits.look_through if own.look_through is None else own.look_through,
        idle=limits.idle if own.idle is None else float(own.idle),
    )


class SettingsSource:
    """Reads the node's entry, again only when it has changed."""

    def __init__(self, node: NormalisedDN, processes: int = 1) -> None:
        """processes: that share what the node may have of connections."""
        self._node = node
        self._processes = processes
        self._usn = -1
        self._snapshot = -1
        self._settings = DEFAULTS

    def current(self, txn: ReadTransaction, schema: Schema) -> Settings:
        """The settings that hold in `txn`; the defaults when the node has no entry."""
        if (
            txn.id == self._snapshot and txn.id >= 0
        ):  # asked by each bind, and most see the snapshot of the last
            return self._settings
        try:
            record = txn.record(*txn.find(self._node))
        except NoSuchEntry:
            return DEFAULTS
        if record.usn_changed != self._usn:
            read = _read(txn, schema, record)
            self._settings = replace(read, max_connections=max(1, read.max_connections // self._processes))
            self._usn = record.usn_changed
        self._snapshot = txn.id
        return self._settings


def _read(txn: ReadTransaction, schema: Schema, record: Record) -> Settings:
    def number(name: str, otherwise: int) -> int:
        values = _values(txn, schema, record, name)
        return _bounded(values[0]) if values else otherwise

    def numbers(limits: Limits, prefix: str) -> Limits:
        return replace(
            limits,
            size=number(f"lw{prefix}SizeLimit", limits.size),
            time=float(number(f"lw{prefix}TimeLimit", int(limits.time))),
            look_through=number(f"lw{prefix}LookThroughLimit", limits.look_through),
            idle=float(number(f"lw{prefix}IdleTimeout", int(limits.idle))),
            outstanding=number(f"lw{prefix}MaxOutstanding", limits.outstanding),
        )

    insecure = _values(txn, schema, record, "lwAllowInsecureAuthentication")
    return Settings(
        allow_insecure_authentication=bool(insecure) and insecure[0].upper() == b"TRUE",
        signed_in=numbers(SIGNED_IN_LIMITS, ""),
        anonymous=numbers(ANONYMOUS_LIMITS, "Anonymous"),
        max_pdu=min(max(number("lwMaxPDU", DEFAULTS.max_pdu), MAX_PDU_ANONYMOUS), MAX_PDU_SIGNED_IN),
        max_connections=number("lwMaxConnections", DEFAULTS.max_connections),
        operation_log=_mode(_values(txn, schema, record, "lwOperationLog")),
        slow_operation=number("lwSlowOperationMilliseconds", DEFAULTS.slow_operation),
        trusted_proxies=_networks(_values(txn, schema, record, "lwTrustedProxy")),
        failure_delay=_milliseconds(_values(txn, schema, record, "lwFailureDelayMilliseconds")),
    )


def _bounded(value: bytes) -> int:
    """A setting's number within what the server can work with; an Integer has no bound (RFC 4517 §3.3.16)."""
    if value.startswith(b"-"):
        return 1
    return UNLIMITED if len(value) > len(str(UNLIMITED)) else min(max(1, int(value)), UNLIMITED)


def _milliseconds(values: list[bytes]) -> float:
    """As seconds; 0 stands for itself."""
    if not values:
        return DEFAULTS.failure_delay
    return 0.0 if values[0].strip() == b"0" else min(_bounded(values[0]) / 1000, MOST_DELAY)


def _networks(values: list[bytes]) -> tuple[Network, ...]:
    """Addresses and networks; what is neither trusts nobody, and is said in the log."""
    found = []
    for value in values:
        text = value.decode("ascii", "replace").strip()
        try:
            found.append(ip_network(text))
        except ValueError:
            _log.warning("lwTrustedProxy: '%s' is no address and no network; it is passed over", text)
    return tuple(found)


def _mode(values: list[bytes]) -> Mode:
    """What is no mode is none."""
    text = values[0].decode("ascii", "replace").strip().lower() if values else ""
    return next((mode for mode in Mode if mode.value == text), DEFAULTS.operation_log)


def _values(txn: ReadTransaction, schema: Schema, record: Record, name: str) -> list[bytes]:
    attribute = schema.attribute(name)
    if attribute is None:
        return []
    found = txn.attribute_number(attribute.oid)
    return [] if found is None else record.values(found)
