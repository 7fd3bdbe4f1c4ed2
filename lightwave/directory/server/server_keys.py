"""lwPrivateKey in add and modify: the key of a certificate becomes a sealed secret of its entry.

One PEM key without a passphrase, checked before it is kept. It is written and replaced, and never read by anybody but
the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lightwave.directory.ldap.messages import AddRequest, ModifyKind, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.ports import Effect, Preparation, Target, WriteRequest
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction

ATTRIBUTE = "lwPrivateKey"
KIND = b"server-key"
MOST = 16 * 1024
"""bytes of a key"""


class ServerKeyPrepare:
    """`operations.ports.Prepare` for lwPrivateKey."""

    def __init__(self, schema: Schema) -> None:
        attribute = schema.attribute(ATTRIBUTE)
        assert attribute is not None  # it is built in
        self._oid = attribute.oid

    def handles(self, attribute_oid: str) -> bool:
        """Whether this is lwPrivateKey."""
        return attribute_oid == self._oid

    def plan(
        self,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        request: WriteRequest,
        target: Target | None,
    ) -> Preparation | None:
        """See `operations.ports.Prepare`."""
        values = self._last_change(schema, request)
        if values is None:
            return None
        if not context.secure:
            raise DirectoryError(ResultCode.CONFIDENTIALITY_REQUIRED, f"{ATTRIBUTE} is taken over TLS only")
        if len(values) > 1:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"{ATTRIBUTE} has one value")
        return _KeyPreparation(values[0] if values else None)

    def _last_change(self, schema: Schema, request: WriteRequest) -> tuple[bytes, ...] | None:
        """The values after the request; None where it does not concern them."""
        result: tuple[bytes, ...] | None = None
        if isinstance(request, AddRequest):
            for name, values in request.attributes:
                if self._is_meant(schema, name):
                    result = values
        elif isinstance(request, ModifyRequest):
            for change in request.changes:
                if not self._is_meant(schema, change.attribute):
                    continue
                if change.kind is not ModifyKind.REPLACE:
                    raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, f"{ATTRIBUTE} can only be replaced")
                result = change.values
        return result

    def _is_meant(self, schema: Schema, name: str) -> bool:
        description = schema.describe(name)
        return description is not None and description.type.oid == self._oid


@dataclass(frozen=True, slots=True)
class _KeyPreparation:
    value: bytes | None = field(repr=False)

    @property
    def heavy(self) -> bool:
        """Reading a key checks it, which takes milliseconds for RSA."""
        return self.value is not None

    def run(self) -> Effect:
        """The key, if it is one."""
        if self.value is not None:
            if len(self.value) > MOST:
                raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"a key has at most {MOST} bytes")
            try:
                load_pem_private_key(self.value, None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                raise DirectoryError(
                    ResultCode.CONSTRAINT_VIOLATION, f"{ATTRIBUTE} is no PEM key without a passphrase"
                ) from None
        return _KeyEffect(self.value)


@dataclass(frozen=True, slots=True)
class _KeyEffect:
    value: bytes | None = field(repr=False)

    def verify(self, txn: WriteTransaction, target: Target) -> None:
        """Nothing that it was made of can have changed."""

    def apply(self, txn: WriteTransaction, target: Target, change: Change) -> None:
        """Stores the key, or removes it."""
        if self.value is None:
            txn.delete_secret(target.tenant, target.entry_id, KIND, change)
        else:
            txn.put_secret(target.tenant, target.entry_id, KIND, self.value, change)
