"""What a transport says of its peer: the user of a local socket, the certificate that TLS verified."""

from __future__ import annotations

import socket
import struct
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from lightwave.identity.tls_bindings import TLSBindings
from lightwave.sasl.channel import Channel


def peer_uid(transport: Any) -> int | None:
    """User id of the process at the other end of a local socket (SO_PEERCRED)."""
    credentials = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def tls_channel(transport: Any, channel: Channel) -> Channel:
    """The channel after TLS's handshake: with its bindings, and with the client's certificate that it verified."""
    handle = getattr(transport, "getPeerCertificate", None)
    if handle is None:
        return channel
    connection = transport.getHandle()
    certificate = handle()
    channel = replace(channel, is_confidential=True, bindings=TLSBindings(connection))
    if certificate is None:
        return channel
    chain = tuple(_der(one) for one in (connection.get_peer_cert_chain() or ())[1:])
    return replace(channel, certificate=_der(certificate), chain=chain)


def _der(certificate: Any) -> bytes:
    """DER of a certificate as pyOpenSSL gives it."""
    return bytes(certificate.to_cryptography().public_bytes(Encoding.DER))


def peer_name(address: str) -> str:
    """What stands for a peer where failures are counted: its address without the port, of IPv6 the network.

    address: `host:port` as `Channel.address` has it, or a word. Whoever has one address of IPv6 has the 2^64 of its
    network (RFC 4291 §2.5.1), so these are one peer.
    """
    host, _, port = address.rpartition(":")
    return _of_host(host) if port.isdigit() else address


@lru_cache(maxsize=4_096)
def _of_host(host: str) -> str:
    try:
        found = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host
    if not isinstance(found, IPv6Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped is not None else str(IPv6Network((found, 64), strict=False).network_address)
