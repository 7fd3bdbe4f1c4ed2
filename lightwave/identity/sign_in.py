"""How every protocol signs somebody in with what he knows: delay, proof, account, count; answered on the reactor.

    password -> delayed? -> verified inline or in a thread -> complete -> token
       proof -> delayed? -> complete -> token                               (SCRAM, SRP: the mechanism has verified)
    disproof -> delayed? -> counted                                         (SCRAM, SRP: it has found it wrong)

Each of them calls `done` once, perhaps before it returns. A failure is answered after the delay that it brings about;
an attempt within another's delay is answered as late, and never looked at. Nothing waits in a thread meanwhile.

Failures are noted in memory and written a moment later, all that came in that moment as one operation, so that a
flood of them is few commits. Until then this process counts them in; a success of an account whose failures are not
yet written waits for them, so that the one that locks it is never too late. Other processes hear of them at the
commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.ports import Commits, Threads
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.environment import Store
from lightwave.directory.store.failure_rows import account_failures
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.writing import WriteTransaction
from lightwave.identity.after_sign_in import Afterwards
from lightwave.identity.authentication import Authenticated, Authenticator, BindCandidate, VerifiedBind
from lightwave.identity.failures import (
    Attempt,
    FailureDigests,
    count_failure,
    delay_after,
    forget_failures,
    forgive_failure,
    recent,
)
from lightwave.identity.peers import peer_name
from lightwave.identity.refusals import AuthenticationFailed, Refusal

Done = Callable[[Authenticated | BaseException], None]

WRITTEN_AFTER = 0.1
"""seconds in which failures are gathered before they are written"""
MOST_WRITTEN = 512
"""names and peers whose failures are written in one operation"""
MOST_GATHERED = 8_192
"""names and peers whose failures wait to be written; beyond it nobody can fail, so nobody can try"""

_log = logging.getLogger("lightwave.identity")


class Source(NamedTuple):
    """Where an attempt comes from. peer: `Channel.address`. protocol: "ldap", "http", …"""

    peer: str
    protocol: str


@dataclass(slots=True, eq=False)
class _Try:
    """One attempt on its way."""

    attempt: Attempt
    candidate: BindCandidate
    source: Source
    done: Done
    noted: bool
    """the name has failures from this peer"""
    began: float = 0.0


@dataclass(slots=True, eq=False)
class _Gathered:
    """Failures of a name from a peer that are not written yet."""

    attempt: Attempt
    last: float
    times: int = 0
    wrong: int = 0


class _Delayed(Exception):
    """It became too early for this attempt while it waited for a thread."""


class SignIns:
    """One for a process; all methods run on the reactor thread."""

    def __init__(
        self,
        store: Store,
        schema_of: Callable[[ReadTransaction], Schema],
        authenticator: Authenticator,
        threads: Threads,
        commits: Commits,
        call_later: Callable[[float, Callable[[], None]], Any],
        now: Callable[[], float],
        monotonic: Callable[[], float],
        delay: Callable[[ReadTransaction], float],
    ) -> None:
        """now: seconds since the epoch. monotonic: seconds. delay: seconds of the first delay, 0 for none."""
        self._store = store
        self._schema_of = schema_of
        self._authenticator = authenticator
        self._threads = threads
        self._commits = commits
        self._call_later = call_later
        self._now = now
        self._monotonic = monotonic
        self._delay = delay
        self._afterwards = Afterwards(store, schema_of, authenticator, threads, commits, now)
        self._digests = FailureDigests()
        self._gathered: dict[bytes, _Gathered] = {}
        self._accounts: dict[tuple[int, int], int] = {}
        """account -> its failures that are gathered or being written"""
        self._writing: dict[bytes, _Gathered] = {}
        self._scheduled = False
        self._waiting: list[Callable[[], None]] = []
        self._cost = 0.0
        """seconds that a wrong password takes"""
        self.refused = 0
        """attempts that failed"""
        self.delayed = 0
        """attempts that came too early"""

    # --- what protocols call

    def password(
        self, txn: ReadTransaction, candidate: BindCandidate, password: bytes, source: Source, done: Done
    ) -> None:
        """Sign in with a password; `done` gets who it is, an AuthenticationFailed, or busy."""
        trying = self._begin(txn, candidate, source, done)
        if trying is None:
            return
        verified = self._authenticator.verify_inline(candidate, password, source.protocol)
        if verified is not None:
            self._complete(txn, trying, verified, cheap=True, password=password)
            return
        trying.began = self._monotonic()
        self._threads.run(
            lambda: self._authenticator.verify(candidate, password),
            lambda result: self._verified(trying, result, password),
            source.peer,
            lambda: self._admit(trying),
        )

    def proof(
        self,
        txn: ReadTransaction,
        candidate: BindCandidate,
        authorization_id: str | None,
        source: Source,
        done: Done,
    ) -> None:
        """Sign in who has proven to know a password."""
        trying = self._begin(txn, candidate, source, done)
        if trying is not None:
            try:
                verified = self._authenticator.proven(candidate, authorization_id)
            except AuthenticationFailed as error:
                self._fail(trying, error, wrong=True)
            else:
                self._complete(txn, trying, verified, cheap=False)

    def disproof(
        self, txn: ReadTransaction, candidate: BindCandidate, source: Source, detail: str, done: Done
    ) -> None:
        """Refuse who has proven that he does not know it.

        An account that has no keys of this kind is not locked by it: nothing can be guessed so, and clients that
        prefer the mechanism would lock everybody whose password came hashed.
        """
        trying = self._begin(txn, candidate, source, done)
        if trying is not None:
            error = AuthenticationFailed(Refusal.INVALID_CREDENTIALS, detail)
            self._fail(trying, error, wrong=candidate.has_keys)

    # --- what changes of passwords call (`operations.ports.Guesses`)

    def is_early(self, txn: ReadTransaction, account: tuple[int, int], peer: str) -> bool:
        """Whether an old password is not looked at yet."""
        count, last = self._known(txn, self._digests.attempt(txn, *account, b"", peer_name(peer)))
        return count > 0 and self._now() < last + delay_after(count, self._delay(txn))

    def guessed(
        self, account: tuple[int, int], peer: str, then: Callable[[], None], *, was_checked: bool
    ) -> None:
        """Count a wrong old password like one that somebody signs in with."""
        with self._store.read() as txn:
            attempt = self._digests.attempt(txn, *account, b"", peer_name(peer))
            count, _ = self._known(txn, attempt)
            delay = delay_after(count, self._delay(txn))
        candidate = BindCandidate(*account, None)
        trying = _Try(attempt, candidate, Source(peer, ""), lambda result: then(), count > 0)
        if was_checked:
            self._fail(trying, AuthenticationFailed(Refusal.INVALID_CREDENTIALS), wrong=True)
        else:
            self._answer_early(trying, delay)

    # --- the way of one attempt

    def _begin(
        self, txn: ReadTransaction, candidate: BindCandidate, source: Source, done: Done
    ) -> _Try | None:
        attempt = self._digests.attempt(
            txn, candidate.tenant, candidate.entry_id, candidate.spelling, peer_name(source.peer)
        )
        if len(self._gathered) >= MOST_GATHERED:
            done(DirectoryError(ResultCode.BUSY, "too many sign-ins fail at the moment; try again"))
            return None
        count, last = self._known(txn, attempt)
        trying = _Try(attempt, candidate, source, done, count > 0)
        if count:
            delay = delay_after(count, self._delay(txn))
            if self._now() < last + delay:
                self._answer_early(trying, delay)
                return None
        return trying

    def _known(self, txn: ReadTransaction, attempt: Attempt) -> tuple[int, float]:
        """(failures of a name from a peer, when the last was), those that are not written included."""
        stored = recent(txn, attempt, self._now())
        count, last = (0, 0.0) if stored is None else stored
        for waiting in (self._gathered, self._writing):
            one = waiting.get(attempt.digest) if waiting else None
            if one is not None:
                count, last = count + one.times, max(last, one.last)
        return count, last

    def _admit(self, trying: _Try) -> None:
        """When its turn for a thread comes: others may have failed in its place meanwhile; raises _Delayed."""
        with self._store.read() as txn:
            count, last = self._known(txn, trying.attempt)
            if count and self._now() < last + delay_after(count, self._delay(txn)):
                raise _Delayed

    def _answer_early(self, trying: _Try, delay: float) -> None:
        self.delayed += 1
        error = AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "too early after failures from this peer")
        self._call_later(delay + self._cost, partial(trying.done, error))

    def _verified(self, trying: _Try, result: VerifiedBind | BaseException, password: bytes) -> None:
        if isinstance(result, _Delayed):
            with self._store.read() as txn:
                count, _ = self._known(txn, trying.attempt)
                delay = delay_after(count, self._delay(txn))
            self._answer_early(trying, delay)
        elif isinstance(result, AuthenticationFailed):
            took = self._monotonic() - trying.began
            self._cost = took if not self._cost else 0.9 * self._cost + 0.1 * took
            self._fail(trying, result, wrong=True)
            credentials = trying.candidate.credentials
            if credentials is not None and credentials.history:
                self._ask_former(trying, password)
        elif isinstance(result, BaseException):
            trying.done(result)
        else:
            self._authenticator.remember(result, password)
            self._complete_later(trying, result, password=password)

    def _complete_later(
        self, trying: _Try, verified: VerifiedBind, *, password: bytes = b"", waited: bool = False
    ) -> None:
        try:
            with self._store.read() as txn:
                self._complete(txn, trying, verified, cheap=False, password=password, waited=waited)
        except Exception as error:  # noqa: BLE001  who waits turns it into an answer
            trying.done(error)

    def _complete(
        self,
        txn: ReadTransaction,
        trying: _Try,
        verified: VerifiedBind,
        *,
        cheap: bool,
        password: bytes = b"",
        waited: bool = False,
    ) -> None:
        """cheap: no hash was computed. password: where there is one. waited: for the failures before it."""
        try:
            who = self._authenticator.complete(txn, verified, self._now(), trying.source.protocol)
        except AuthenticationFailed as error:
            if error.refusal is not Refusal.INVALID_CREDENTIALS:
                trying.done(error)
            elif cheap:  # a wrong password would not be known so soon
                refused = error.without_frames()
                self._threads.run(
                    self._authenticator.spend,
                    lambda _: self._fail(trying, refused, wrong=False),
                    trying.source.peer,
                )
            else:
                self._fail(trying, error, wrong=False)
            return
        account = (verified.tenant, verified.entry_id)
        if not waited and self._accounts and account in self._accounts:
            self._waiting.append(
                partial(self._complete_later, trying, verified, password=password, waited=True)
            )
            return
        if trying.noted or account_failures(txn, *account) is not None:
            self._forget(trying.attempt, account)
        if who.age.grace_left is not None:
            self._afterwards.use_grace(verified, partial(trying.done, who), trying.done)
            return
        trying.done(who)
        if password:
            self._afterwards.signed_in(txn, verified, password)

    # --- counting

    def _fail(self, trying: _Try, failed: AuthenticationFailed, *, wrong: bool) -> None:
        """Count and answer. wrong: the proof was; else the account may not act."""
        self.refused += 1
        error = failed.without_frames()
        attempt, now = trying.attempt, self._now()
        gathered = self._gathered.get(attempt.digest)
        if gathered is None:
            gathered = self._gathered[attempt.digest] = _Gathered(attempt, now)
        gathered.last = now
        gathered.times += 1
        if wrong:
            gathered.wrong += 1
            if attempt.entry_id is not None:
                account = (attempt.tenant, attempt.entry_id)
                self._accounts[account] = self._accounts.get(account, 0) + 1
        self._schedule()
        with self._store.read() as txn:
            count, _ = self._known(txn, attempt)
            delay = delay_after(count, self._delay(txn))
        if delay:
            self._call_later(delay, partial(trying.done, error))
        else:
            trying.done(error)

    def _ask_former(self, trying: _Try, password: bytes) -> None:
        """A former password counts for nothing. Asked after the answer: it must not take longer where there are any."""

        def asked(result: bool | BaseException) -> None:
            if result is True:
                self._forgive(trying.attempt)

        self._threads.run(
            lambda: self._authenticator.was_password(trying.candidate, password), asked, trying.source.peer
        )

    def _forgive(self, attempt: Attempt) -> None:
        gathered = self._gathered.get(attempt.digest)
        if gathered is not None and gathered.wrong:
            gathered.times -= 1
            gathered.wrong -= 1
            self._uncount(attempt, 1)
            if not gathered.times:
                del self._gathered[attempt.digest]
            return

        def done(result: BaseException | None) -> None:
            if isinstance(result, BaseException):
                _log.error("a former password can't be forgiven", exc_info=result)

        # What is being written is committed before this.
        self._commits.submit(lambda txn: forgive_failure(txn, self._schema_of(txn), attempt), done)

    def _uncount(self, attempt: Attempt, failures: int) -> None:
        if attempt.entry_id is None or not failures:
            return
        account = (attempt.tenant, attempt.entry_id)
        left = self._accounts[account] - failures
        if left:
            self._accounts[account] = left
        else:
            del self._accounts[account]

    def _schedule(self) -> None:
        if not self._scheduled and self._gathered and not self._writing:
            self._scheduled = True
            self._call_later(WRITTEN_AFTER, self.write)

    def write(self, then: Callable[[], None] = lambda: None) -> None:
        """Write the failures that were gathered, and call `then`."""
        self._scheduled = False
        if self._writing or not self._gathered:
            if not self._writing:
                self._release()  # what they wait for was taken back
            then()
            return
        digests = list(self._gathered)[:MOST_WRITTEN]
        batch = self._writing = {digest: self._gathered.pop(digest) for digest in digests}

        def apply(txn: WriteTransaction) -> None:
            schema = self._schema_of(txn)
            for one in batch.values():
                count_failure(txn, schema, one.attempt, one.last, one.times, wrong=one.wrong)

        def written(result: BaseException | None) -> None:
            if isinstance(result, BaseException):
                _log.error("failed sign-ins can't be counted", exc_info=result)
            self._written(batch)
            then()

        self._commits.submit(apply, written)

    def _written(self, batch: dict[bytes, _Gathered]) -> None:
        self._writing = {}
        for one in batch.values():
            self._uncount(one.attempt, one.wrong)
        self._release()
        self._schedule()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for complete in waiting:
            complete()

    def _forget(self, attempt: Attempt, account: tuple[int, int]) -> None:
        def apply(txn: WriteTransaction) -> None:
            forget_failures(txn, self._schema_of(txn), *account, attempt)

        def done(result: BaseException | None) -> None:
            if isinstance(result, BaseException):
                _log.error("failed sign-ins can't be forgotten", exc_info=result)

        self._commits.submit(apply, done)
