"""What operations need from the layers above them, as narrow protocols; the composition root passes the objects.

A write passes three stages. `Prepare.plan` reads a snapshot and says what has to be computed; `Preparation.run` is
pure computation (hashing, key derivation, signing) and runs in any thread; the resulting `Effect` is verified and
applied inside the write transaction, where there is no heavy work and no IO.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from lightwave.directory.access.token import Token
from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyDNRequest, ModifyRequest
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import (
    DraftDelete,
    DraftEntry,
    DraftModify,
    DraftRename,
    PasswordModifyRequest,
    RefreshRequest,
)
from lightwave.directory.operations.outcome import Outcome
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import Change, WriteTransaction

T = TypeVar("T")

WriteRequest = (
    AddRequest | ModifyRequest | DeleteRequest | ModifyDNRequest | RefreshRequest | PasswordModifyRequest
)


class Target(NamedTuple):
    """The entry that an effect is about."""

    tenant: int
    entry_id: int
    guid: bytes


class Effect(Protocol):
    """What was prepared: values and the preconditions under which they hold."""

    def verify(self, txn: WriteTransaction, target: Target) -> None:
        """Raises `PreconditionBroken` when the entry is no longer as it was when this was prepared."""

    def apply(self, txn: WriteTransaction, target: Target, change: Change) -> None:
        """Writes what was prepared; no hashing, no IO."""


class Preparation(Protocol):
    """Work to be done outside the transaction."""

    @property
    def heavy(self) -> bool:
        """True when it would hold the reactor for longer than a millisecond: it then runs in a thread."""

    def run(self) -> Effect:
        """Pure computation; raises DirectoryError when the result is that the write is refused."""


class Prepare(Protocol):
    """Handles some of the attributes that never stand in a record (userPassword, unicodePwd)."""

    def plan(
        self,
        txn: ReadTransaction,
        schema: Schema,
        context: Context,
        request: WriteRequest,
        target: Target | None,
    ) -> Preparation | None:
        """Reads what is needed on a snapshot; None when the request does not concern this port.

        `target` is None for an add. Access to an entry that is changed is already granted; access to where one is
        added is decided before what is planned runs, if that is heavy, else in the transaction. Raises
        DirectoryError to refuse.
        """

    def handles(self, attribute_oid: str) -> bool:
        """Whether writes of this secret attribute are this port's; those of nobody's are refused."""


class Plugin(Protocol):
    """A rule about writes. Called inside the transaction after access and schema, before anything is written.

    Each method raises DirectoryError to refuse; a draft may be amended (operational attributes).
    """

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None: ...

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None: ...

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None: ...

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None: ...


class Liveness(Protocol):
    """Whether an identity may still act: enabled, not locked, not expired, credentials newer than its cut-off."""

    def check_live(self, txn: ReadTransaction, context: Context) -> None:
        """Raises DirectoryError when the requester may no longer act."""

    def current(self, txn: ReadTransaction, token: Token) -> Token:
        """The requester's token with the groups that he has now: the same where they have not changed."""

    def renewed(self, txn: WriteTransaction, token: Token) -> Token:
        """The requester's token after a write that set secrets: another where they are his own, else the same.

        `check_live` has passed in this transaction, so what makes the old token invalid is this very write.
        """


class Recorder(Protocol):
    """Hears for the audit of what plug-ins don't hear of."""

    def refused(self, context: Context, request: object, outcome: Outcome) -> None:
        """A write was refused. Called once for each, when it is known that nothing of it is stored."""

    def changed(self, txn: WriteTransaction, context: Context, request: object) -> None:
        """A change of the schema, or a refresh, is done in this transaction."""


class Threads(Protocol):
    """A pool of threads for computation."""

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T | BaseException], None],
        peer: str = "",
        admit: Callable[[], None] | None = None,
    ) -> None:
        """Runs `work` in a thread and calls `done` on the reactor thread with its result or its exception.

        peer: the address for which it is; peers take turns. admit: called on the reactor thread when its turn has
        come; what it raises is the result, and `work` does not run.
        """


class Guesses(Protocol):
    """Counts wrong passwords, over all protocols."""

    def is_early(self, txn: ReadTransaction, account: tuple[int, int], peer: str) -> bool:
        """Whether so many failed before, from the address `peer`, that another is not looked at yet."""

    def guessed(
        self, account: tuple[int, int], peer: str, then: Callable[[], None], *, was_checked: bool
    ) -> None:
        """Count a wrong one, and call `then` when it is to be answered."""


class Commits(Protocol):
    """The committer's side that operations use."""

    def submit(
        self, apply: Callable[[WriteTransaction], T], done: Callable[[T | BaseException], None]
    ) -> None: ...

    def submit_flat(
        self, run_slice: Callable[[WriteTransaction], bool], done: Callable[[BaseException | None], None]
    ) -> None: ...


Preparers = Sequence[Prepare]
Plugins = Sequence[Plugin]
