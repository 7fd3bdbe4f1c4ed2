"""The lock on a data folder."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from lightwave.server.configuration import ConfigurationError


class ServingLock:
    """Held while a server runs on a data folder; a second one is refused before it disturbs the first.

    Processes that inherit it hold it too: it is free when the last of them has ended.
    """

    def __init__(self, data: Path) -> None:
        self._file: IO[bytes] = (data / "serving.lock").open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise ConfigurationError(f"{data} is being served already; stop that server first") from None

    def release(self) -> None:
        """Let another server have the folder."""
        self._file.close()
