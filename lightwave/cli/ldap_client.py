"""A blocking LDAP client for the command line: connect, sign in by SASL, ask; under the security layer that was agreed.

ldap://HOST:PORT (with StartTLS on request), ldaps://HOST:PORT, ldapi://PATH with the path percent-encoded.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from lightwave.cli.client import NotReachable
from lightwave.directory.ldap.client_messages import Result, encode_request
from lightwave.directory.ldap.extended import START_TLS, WHO_AM_I
from lightwave.directory.ldap.requests import BindRequest, ExtendedRequest, Request, SaslCredentials
from lightwave.directory.ldap.response_reader import ResponseReader
from lightwave.directory.ldap.result import ResultCode
from lightwave.sasl.clients import ClientMechanism
from lightwave.sasl.layers import LayerBroken, SecurityLayer
from lightwave.sasl.srp_client import ServerRefused
from lightwave.wire.ber import BerError

SECONDS: Final = 30.0
_PIECE: Final = 65_536
_MOST_STEPS: Final = 8


class Refused(Exception):
    """The server answered with something else than success; the text is for people."""


class LDAPClient:
    """One connection. protection: what protects it now, in words; "none" in the clear."""

    def __init__(self, connection: socket.socket, where: str, protection: str = "none") -> None:
        self._socket = connection
        self._where = where
        self._reader = ResponseReader()
        self._layer: SecurityLayer | None = None
        self._next = 1
        self.protection = protection

    @classmethod
    def connect(cls, url: str, context: ssl.SSLContext | None = None, timeout: float = SECONDS) -> LDAPClient:
        """Connect to a URL. context: of TLS, needed for ldaps. Raises ValueError for another URL, NotReachable."""
        parts = urlsplit(url)
        try:
            if parts.scheme == "ldapi" and parts.netloc:
                local = socket.socket(socket.AF_UNIX)
                local.settimeout(timeout)
                local.connect(unquote(parts.netloc))
                return cls(local, url, "the local socket")
            if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.path not in ("", "/"):
                raise ValueError(
                    f"{url} is not of the form ldap://HOST:PORT, ldaps://HOST:PORT or ldapi://PATH"
                )
            secure = parts.scheme == "ldaps"
            place = (parts.hostname, parts.port or (636 if secure else 389))
            client = cls(socket.create_connection(place, timeout), url)
            if secure:
                if context is None:
                    raise ValueError("ldaps needs the authority of the server's certificate")
                client._wrap(context, parts.hostname)
            return client
        except OSError as error:
            raise NotReachable(f"{url}: {error}") from None

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS (RFC 4511 section 4.14); raises Refused, NotReachable."""
        self.ask(ExtendedRequest(START_TLS))
        try:
            self._wrap(context, urlsplit(self._where).hostname or "")
        except OSError as error:
            raise NotReachable(f"{self._where}: {error}") from None

    def _wrap(self, context: ssl.SSLContext, host: str) -> None:
        wrapped = context.wrap_socket(self._socket, server_hostname=host)
        self._socket, self.protection = wrapped, wrapped.version() or "TLS"

    def sign_in(self, client: ClientMechanism) -> None:
        """Bind by a mechanism; raises Refused, for a server that can't prove itself too."""
        response = client.first()
        for _ in range(_MOST_STEPS):
            result = self._result(
                BindRequest(3, b"", SaslCredentials(client.mechanism, response)),
            )
            received = result.server_credentials or b""
            try:
                if result.code != ResultCode.SASL_BIND_IN_PROGRESS:
                    _check(result)
                    layer = client.finish(received)
                    break
                response = client.answer(received)
            except ServerRefused as error:
                raise Refused(f"{self._where}: {error}") from None
        else:
            raise Refused(f"{self._where}: the server does not come to an end")
        if layer is not None:
            self._layer, self.protection = layer, layer.name

    def who_am_i(self) -> str:
        """The authorization identity (RFC 4532), "" for anonymous; raises Refused."""
        return (self.ask(ExtendedRequest(WHO_AM_I)).value or b"").decode("utf-8", "replace")

    def ask(self, request: Request) -> Result:
        """The result of a request; raises Refused unless it is success."""
        result = self._result(request)
        _check(result)
        return result

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _result(self, request: Request) -> Result:
        number, self._next = self._next, self._next + 1
        data = encode_request(number, request)
        try:
            self._socket.sendall(data if self._layer is None else self._layer.wrap(data))
            while True:
                received = self._socket.recv(_PIECE)
                if not received:
                    raise NotReachable(f"{self._where}: the connection was closed")
                for message in self._reader.receive(
                    received if self._layer is None else self._layer.receive(received)
                ):
                    if isinstance(message.response, Result) and message.message_id in (0, number):
                        return message.response
        except OSError as error:
            raise NotReachable(f"{self._where}: {error}") from None
        except (BerError, LayerBroken) as error:
            raise NotReachable(f"{self._where}: what answers is not to be believed: {error}") from None


def tls_context(authority: Path | None) -> ssl.SSLContext:
    """TLS that believes an authority, the machine's own where None is named; raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _check(result: Result) -> None:
    if result.code != ResultCode.SUCCESS:
        label = result.code.label if isinstance(result.code, ResultCode) else f"result {result.code}"
        raise Refused(f"{result.message or 'refused'} ({label})")
