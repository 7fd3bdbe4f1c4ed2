"""Whether an account may act: enabled, not locked, not expired, credentials newer than its cut-off.

Every path that grants anything asks this. Within an unchanged snapshot the verdict of a token is
remembered, so asking at each operation costs a dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Callable

from lightwave.directory.access.token import Token
from lightwave.directory.operations.context import Context
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction


def check_live(
    txn: ReadTransaction, schema: Schema, tenant: int, entry_id: int, at: float, token: Token | None = None
) -> float:
    """Returns until when the verdict holds in this snapshot (seconds since the epoch); raises NotLive.

    `token`: additionally, whether it was made with the present credentials and after lwValidFrom.
    """


class TokenLiveness:
    """`operations.ports.Liveness`, and the same question for who has a token and no context."""

    def __init__(self, schema_of: Callable[[ReadTransaction], Schema]) -> None: ...

    def check_live(self, txn: ReadTransaction, context: Context) -> None:
        """Raises DirectoryError (invalidCredentials) when the requester may no longer act."""

    def check_token(self, txn: ReadTransaction, token: Token, now: float) -> None:
        """Raises NotLive when the token's bearer may no longer act; anonymous is always live."""
