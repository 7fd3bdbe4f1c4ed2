"""Samba's libraries, started once for the tests of a module: see samba_oracle.py."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from clients import lacks

_PYTHON = "/usr/bin/python3"
_ORACLE = Path(__file__).with_name("samba_oracle.py")


class Refused(Exception):
    """Samba gave an error."""


class Samba:
    """A process of the system's Python with python3-samba. Use as a context."""

    def __init__(self, domain: str) -> None:
        """`domain`: the SID of the domain whose aliases Samba knows."""
        if (
            not Path(_PYTHON).exists()
            or subprocess.run(
                [_PYTHON, "-I", "-c", "import samba.security, samba.dcerpc.security"],
                capture_output=True,
                check=False,
            ).returncode
        ):
            lacks("Debian's python3-samba")
        self._domain = domain

    def __enter__(self) -> Samba:
        self._process = subprocess.Popen(
            [_PYTHON, "-I", str(_ORACLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def _ask(self, what: str, **arguments: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        question = {"ask": what, "domain": self._domain, **arguments}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["answer"]

    def from_sddl(self, text: str) -> bytes:
        return bytes.fromhex(self._ask("from_sddl", sddl=text))

    def as_sddl(self, descriptor: bytes) -> str:
        return str(self._ask("as_sddl", descriptor=descriptor.hex()))

    def repack(self, descriptor: bytes) -> bytes:
        """Decoded and encoded again."""
        return bytes.fromhex(self._ask("repack", descriptor=descriptor.hex()))

    def simple_access(self, descriptor: bytes, sids: Sequence[str], wanted: int) -> bool:
        """Whether all `wanted` rights are granted, object entries aside."""
        return bool(self._ask("simple_access", descriptor=descriptor.hex(), sids=list(sids), wanted=wanted))

    def object_access(
        self,
        descriptor: bytes,
        sids: Sequence[str],
        wanted: int,
        types: Sequence[bytes],
        object_sid: str | None = None,
    ) -> bool:
        """Whether `wanted` is granted on the last of `types`, each of which lies below the one before."""
        return bool(
            self._ask(
                "object_access",
                descriptor=descriptor.hex(),
                sids=list(sids),
                wanted=wanted,
                types=[guid.hex() for guid in types],
                object_sid=object_sid,
            )
        )

    def inherit(self, parent: bytes, own: bytes, classes: Sequence[bytes]) -> bytes:
        """The descriptor in force for a child."""
        return bytes.fromhex(
            self._ask("inherit", parent=parent.hex(), own=own.hex(), classes=[guid.hex() for guid in classes])
        )
