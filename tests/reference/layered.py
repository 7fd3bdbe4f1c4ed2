"""A connection of `wire` under a SASL security layer: its socket is exchanged for one that wraps."""

from __future__ import annotations

import os
import socket
from typing import Literal, cast

from lightwave.sasl.layers import SecurityLayer
from lightwave.sasl.srp_client import SrpClient
from lightwave.sasl.srp_math import SRP_SHA_256, Profile
from reference import wire

IN_PROGRESS = 14


class LayeredSocket:
    """What `wire.Connection` uses of a socket. Nothing is asked of the layer for what is sent through `plain`."""

    def __init__(self, plain: socket.socket, layer: SecurityLayer) -> None:
        self.plain = plain
        self.layer = layer

    def sendall(self, data: bytes) -> None:
        self.plain.sendall(self.layer.wrap(data))

    def recv(self, size: int) -> bytes:
        while True:
            received = self.plain.recv(size)
            content = self.layer.receive(received)
            if content or not received:
                return content

    def close(self) -> None:
        self.plain.close()


def srp_sign_in(
    connection: wire.Connection,
    name: str,
    password: str,
    wanted: Literal["none", "integrity", "confidentiality"] = "none",
    profile: Profile = SRP_SHA_256,
) -> wire.Answer:
    """Binds by SRP; the connection goes on under the layer. The answer to the last step."""
    client = SrpClient(profile, name, password, os.urandom, wanted=wanted)
    answer = connection.ask(wire.sasl_bind(profile.mechanism, client.first()))
    if answer.code != IN_PROGRESS:
        return answer
    answer = connection.ask(
        wire.sasl_bind(profile.mechanism, client.answer(answer.server_credentials or b""))
    )
    if answer.code == 0:
        layer = client.finish(answer.server_credentials or b"")
        if layer is not None:
            plain = connection.socket
            while isinstance(plain, LayeredSocket):
                plain = plain.plain
            connection.socket = cast("socket.socket", LayeredSocket(plain, layer))
    return answer
