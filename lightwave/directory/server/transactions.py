"""Transactions of updates on a connection (RFC 5805): collected here, carried out as one at their end.

    start -> specify ... specify -> end: commit -> [prepare] -> one operation of one commit -> answer
                                \\-> end: abort; bind, unbind, the end of the connection, or time: gone

Until its end a transaction is a list in this process and holds nothing in the store, so its end is the only moment at
which it can meet others. Bounded in number, size and time; a connection has one at a time (§3.5: they don't nest). A
bind, an unbind and the loss of the connection abort it without notice; whatever else ends it does so with the notice of
§2.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lightwave.directory.ldap.extended import ABORTED_TRANSACTION
from lightwave.directory.ldap.messages import AddRequest, ModifyDNRequest, ModifyRequest
from lightwave.directory.ldap.responses import encode_extended_result
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.update_controls import IDENTIFIER_SIZE, encode_transaction_end
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import PasswordModifyRequest
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.operations.write_groups import GroupOutcome

if TYPE_CHECKING:
    from lightwave.directory.server.connection import LDAPConnection

MOST_UPDATES = 500
"""updates of one transaction: they are applied in one turn of the reactor"""
MOST_OCTETS = 4 * 1024 * 1024
"""of values, names and controls in one transaction"""
MOST_SECONDS = 60.0
"""from start to end"""
MOST_OPEN = 64
"""transactions of all connections of a process"""
MOST_OF_TENANT = 32
MOST_OF_IDENTITY = 16
"""of one tenant's, and of one identity's: nobody takes all of them"""
_REQUEST = 128
"""octets that a request counts for besides its values"""


@dataclass(slots=True, eq=False)
class Transaction:
    """What a client has started and not ended."""

    identifier: bytes
    tenant: int
    owner: bytes
    """tenant and GUID of who started it"""
    timer: Any
    updates: list[tuple[Context, WriteRequest]] = field(default_factory=list)
    message_ids: list[int] = field(default_factory=list)
    size: int = 0


def start(connection: LDAPConnection) -> bytes:
    """§3.2: the identifier of a new transaction; raises DirectoryError."""
    service = connection.service
    if connection.token.is_anonymous:
        raise DirectoryError(ResultCode.STRONGER_AUTH_REQUIRED, "modifications require authentication")
    if connection.transaction is not None:
        raise DirectoryError(ResultCode.BUSY, "this connection has a transaction already")
    if len(service.transactions) >= MOST_OPEN:
        raise DirectoryError(ResultCode.BUSY, "too many transactions are open")
    tenant, owner = connection.token.tenant, connection.token.guid
    if sum(one.tenant == tenant for one in service.transactions) >= MOST_OF_TENANT:
        raise DirectoryError(ResultCode.BUSY, "too many transactions are open")
    if sum(one.owner == owner for one in service.transactions) >= MOST_OF_IDENTITY:
        raise DirectoryError(ResultCode.BUSY, f"you have {MOST_OF_IDENTITY} transactions open already")
    timer = service.call_later(MOST_SECONDS, lambda: _expire(connection))
    transaction = Transaction(service.random_bytes(IDENTIFIER_SIZE), tenant, owner, timer)
    connection.transaction = transaction
    service.transactions.add(transaction)
    return transaction.identifier


def specify(
    connection: LDAPConnection, message_id: int, context: Context, request: WriteRequest, identifier: bytes
) -> None:
    """§3.3: makes an update part of a transaction; raises DirectoryError, and then it is none."""
    transaction = _find(connection, identifier)
    if message_id in transaction.message_ids:
        raise DirectoryError(ResultCode.PROTOCOL_ERROR, "updates of a transaction need different message ids")
    transaction.size += _size(request) + _size_of_controls(context)
    if len(transaction.updates) >= MOST_UPDATES or transaction.size > MOST_OCTETS:
        # The client may not look at this answer before it commits: without this update the rest must not be done.
        message = f"a transaction has at most {MOST_UPDATES} updates of {MOST_OCTETS} octets"
        connection.service.call_later(0, lambda: _abort(connection, transaction, message))
        raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, message)
    transaction.updates.append((context, request))
    transaction.message_ids.append(message_id)


def end(connection: LDAPConnection, identifier: bytes, *, commit: bool, answer: Any) -> None:
    """§3.4: settles a transaction; `answer` is called with the outcome. Raises DirectoryError for an unknown one."""
    transaction = _find(connection, identifier)
    forget(connection)
    if not commit or not transaction.updates:
        answer(Outcome(ResultCode.SUCCESS))
        return

    def done(group: GroupOutcome) -> None:
        outcome = group.outcome
        failed = None if group.failed is None else transaction.message_ids[group.failed]
        controls = [
            (number, one.controls)
            for number, one in zip(transaction.message_ids, group.outcomes, strict=False)
            if one.controls
        ]
        value = encode_transaction_end(failed, controls)
        token = next((one.token for one in reversed(group.outcomes) if one.token is not None), None)
        answer(replace(outcome, value=value, token=token))
        connection.finish_write()

    connection.writes += 1
    connection.service.pipeline.groups.submit(transaction.updates, done)


def forget(connection: LDAPConnection) -> None:
    """Ends the connection's transaction without notice, if it has one (§3.5)."""
    transaction, connection.transaction = connection.transaction, None
    if transaction is not None:
        connection.service.transactions.discard(transaction)
        if transaction.timer.active():
            transaction.timer.cancel()


def _find(connection: LDAPConnection, identifier: bytes) -> Transaction:
    transaction = connection.transaction
    if transaction is None or transaction.identifier != identifier:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "there is no such transaction")
    return transaction


def _expire(connection: LDAPConnection) -> None:
    if connection.transaction is not None:
        message = f"a transaction lasts at most {MOST_SECONDS:.0f} seconds"
        _abort(connection, connection.transaction, message, ResultCode.TIME_LIMIT_EXCEEDED)


def _abort(
    connection: LDAPConnection,
    transaction: Transaction,
    message: str,
    code: ResultCode = ResultCode.ADMIN_LIMIT_EXCEEDED,
) -> None:
    """Ends a transaction with the notice of §2.4."""
    if connection.transaction is not transaction:
        return
    forget(connection)
    connection.send(
        encode_extended_result(
            0, code, message=message, oid=ABORTED_TRANSACTION, value=transaction.identifier
        )
    )


def _size(request: WriteRequest) -> int:
    """About the octets that a request keeps in memory."""
    size = _REQUEST + len(request.dn)
    if isinstance(request, AddRequest):
        size += sum(len(name) + 16 + sum(map(len, values)) for name, values in request.attributes)
    elif isinstance(request, ModifyRequest):
        size += sum(len(one.attribute) + 16 + sum(map(len, one.values)) for one in request.changes)
    elif isinstance(request, ModifyDNRequest):
        size += len(request.new_rdn) + len(request.new_superior or b"")
    elif isinstance(request, PasswordModifyRequest):
        size += len(request.old or b"") + len(request.new)
    return size


def _size_of_controls(context: Context) -> int:
    """The same for its controls, which wait with it: those that nobody knows, too."""
    return sum(_REQUEST + len(one.oid) + len(one.value or b"") for one in context.controls)
