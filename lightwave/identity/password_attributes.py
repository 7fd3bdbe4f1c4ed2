"""userPassword and unicodePwd in add and modify: they become credentials, in a thread, outside the
transaction.
"""

from __future__ import annotations

from lightwave.directory.operations.context import Context
from lightwave.directory.operations.ports import Preparation, Target, WriteRequest
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.hashing import HashingCost

USER_PASSWORD = "2.5.4.35"  # noqa: S105  RFC 4519 §2.41
UNICODE_PWD = "1.2.840.113556.1.4.90"  # MS-ADA3 §2.332


class PasswordPrepare:
    """`operations.ports.Prepare` for the attributes that hold passwords."""

    def __init__(self, hashing: HashingCost) -> None: ...

    def handles(self, attribute_oid: str) -> bool:
        """Whether this is userPassword or unicodePwd."""

    def plan(
        self,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        request: WriteRequest,
        target: Target | None,
    ) -> Preparation | None:
        """See `operations.ports.Prepare`."""
