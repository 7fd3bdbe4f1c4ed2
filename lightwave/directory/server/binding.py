"""Bind (RFC 4511 §4.2, RFC 4513): simple, and SASL with the mechanisms that the channel allows.

A bind begins when the writes before it are answered; searches before it are abandoned. The connection is
anonymous from the moment the bind begins (RFC 4513 §4): a bind that fails leaves no earlier right. No hashing
holds the reactor: what takes long runs in a thread, and the account is looked at again afterwards. The
password is read only after it is known that the connection may carry one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.messages import LDAPMessage
from lightwave.directory.ldap.password_policy import (
    PASSWORD_POLICY,
    PasswordFault,
    PasswordPolicyResponse,
    encode_password_policy,
    password_expired,
    password_expiring,
)
from lightwave.directory.ldap.requests import BindRequest, SaslCredentials, SimpleCredentials
from lightwave.directory.ldap.responses import TAG_BIND_RESPONSE, encode_bind_result
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.outcome import log_failure, outcome_of
from lightwave.directory.operations.request_controls import check_controls
from lightwave.directory.server.service import log
from lightwave.directory.server.transactions import forget as forget_transaction
from lightwave.identity.audit_notices import Claimed, Way
from lightwave.identity.authentication import Authenticated, BindCandidate, is_anonymous_bind
from lightwave.identity.ldap_results import result_code
from lightwave.identity.password_age import FINE, PasswordAge
from lightwave.identity.refusals import AuthenticationFailed
from lightwave.identity.sign_in import Source
from lightwave.sasl.mechanism import (
    Acceptor,
    ExternalClaim,
    Failure,
    KeysWanted,
    PasswordClaim,
    ProvenClaim,
    SaslChallenge,
    SaslFailure,
    SaslStep,
    SaslWork,
)
from lightwave.sasl.registry import maybe_acceptor
from lightwave.sasl.scram import ScramAcceptor
from lightwave.sasl.srp import SrpAcceptor

if TYPE_CHECKING:
    from lightwave.directory.schema.schema import Schema
    from lightwave.directory.server.connection import LDAPConnection
    from lightwave.directory.store.reading import ReadTransaction

T = TypeVar("T")


def serve_bind(
    connection: LDAPConnection, txn: ReadTransaction, schema: Schema, message: LDAPMessage, out: list[bytes]
) -> None:
    """Begin a bind as soon as nothing is being written on this connection."""
    connection.searches.clear()
    if connection.transaction is not None:  # RFC 5805 §3.5
        forget_transaction(connection)
    if connection.writes:
        connection.when_written(lambda: _begin_later(connection, message))
    else:
        _begin(connection, txn, message)
    connection.update_reading()


def _begin_later(connection: LDAPConnection, message: LDAPMessage) -> None:
    with connection.service.store.read() as txn:
        _begin(connection, txn, message)


def _begin(connection: LDAPConnection, txn: ReadTransaction, message: LDAPMessage) -> None:
    request = message.request
    assert isinstance(request, BindRequest)
    connection.bind_began = connection.service.monotonic()
    connection.bind_method, connection.claimed = "simple", None
    connection.set_token(ANONYMOUS)
    try:
        asked = check_controls(BindRequest, message.controls)
        connection.bind_explains = PASSWORD_POLICY in asked.values
        if request.version != 3:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, "only LDAP version 3 is served")
        credentials = request.authentication
        connection.settings = connection.service.settings.current(
            txn, connection.service.schemas.current(txn)
        )
        if isinstance(credentials, SimpleCredentials):
            connection.acceptor = None
            _simple(connection, txn, message.message_id, request.name, credentials)
        elif isinstance(credentials, SaslCredentials):
            connection.bind_method = credentials.mechanism[:32]
            _sasl(connection, txn, message.message_id, credentials)
        else:
            raise DirectoryError(ResultCode.AUTH_METHOD_NOT_SUPPORTED, "simple and SASL are served")
    except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
        _fail(connection, message.message_id, error)


def _check_confidential(connection: LDAPConnection) -> None:
    if not connection.channel.is_confidential and not connection.settings.allow_insecure_authentication:
        raise DirectoryError(
            ResultCode.CONFIDENTIALITY_REQUIRED,
            "a password is taken over TLS or the local socket only: use StartTLS",
        )


def _simple(
    connection: LDAPConnection,
    txn: ReadTransaction,
    message_id: int,
    name: bytes,
    credentials: SimpleCredentials,
) -> None:
    if credentials.password:
        _check_confidential(connection)
    if is_anonymous_bind(name, credentials.password):
        _succeed(connection, message_id, ANONYMOUS)
        return
    candidate = connection.service.authenticator.lookup(txn, name)
    _claim(connection, candidate, name.decode("utf-8", "replace"))
    _verify(connection, txn, message_id, candidate, credentials.password)


def _claim(connection: LDAPConnection, candidate: BindCandidate, name: str) -> None:
    connection.claimed = Claimed(candidate.tenant, candidate.entry_id, name)


def _way(connection: LDAPConnection) -> Way:
    return Way("ldap", connection.channel.address, connection.correlation)


def _verify(
    connection: LDAPConnection,
    txn: ReadTransaction,
    message_id: int,
    candidate: BindCandidate,
    password: bytes,
) -> None:
    """Decided at once when that is cheap, later otherwise."""
    connection.service.sign_ins.password(
        txn, candidate, password, _source(connection), partial(_signed_in, connection, message_id)
    )


def _compute(
    connection: LDAPConnection,
    message_id: int,
    work: Callable[[], T],
    go_on: Callable[[ReadTransaction, T], None],
) -> None:
    """Run `work` in a thread, then `go_on` with what it gave."""

    def done(result: T | BaseException) -> None:
        if message_id not in connection.session.outstanding:
            return  # the connection has gone meanwhile
        if isinstance(result, BaseException):
            _fail(connection, message_id, result)
            return
        try:
            with connection.service.store.read() as later:
                go_on(later, result)
        except Exception as error:  # noqa: BLE001  the client gets a result, the log the rest
            _fail(connection, message_id, error)

    connection.service.threads.run(work, done, connection.channel.address)


def _source(connection: LDAPConnection) -> Source:
    return Source(connection.channel.address, "ldap")


def _signed_in(
    connection: LDAPConnection,
    message_id: int,
    result: Authenticated | BaseException,
    server_credentials: bytes | None = None,
) -> None:
    if message_id not in connection.session.outstanding:
        return  # the connection has gone meanwhile
    if isinstance(result, BaseException):
        _fail(connection, message_id, result)
    else:
        _succeed(connection, message_id, result.token, server_credentials, result.age)


def _sasl(
    connection: LDAPConnection, txn: ReadTransaction, message_id: int, credentials: SaslCredentials
) -> None:
    connection.refresh_channel()
    acceptor = connection.acceptor
    if acceptor is None or acceptor.mechanism != credentials.mechanism:
        # RFC 4513 §5.2.1: another mechanism, or an empty one, ends the exchange that was under way
        connection.acceptor = None
        connection.session.sasl_pending = False
        acceptor = maybe_acceptor(credentials.mechanism, connection.channel, connection.service.random_bytes)
        if acceptor is None:
            raise DirectoryError(
                ResultCode.AUTH_METHOD_NOT_SUPPORTED, "the mechanism is not offered on this connection"
            )
    _go_on(connection, txn, message_id, acceptor, acceptor.step(credentials.credentials))


def _provide(connection: LDAPConnection, txn: ReadTransaction, acceptor: Acceptor, name: str) -> SaslStep:
    """The acceptor's next step, with the keys of whom `name` calls."""
    authenticator = connection.service.authenticator
    if isinstance(acceptor, SrpAcceptor):
        kept = authenticator.lookup_srp(txn, acceptor.profile, name)
        _claim(connection, kept[-1], name)
        return acceptor.provide(*kept)
    assert isinstance(acceptor, ScramAcceptor)
    keys, found = authenticator.lookup_keys(txn, name)
    _claim(connection, found, name)
    return acceptor.provide(keys, found)


def _go_on(
    connection: LDAPConnection, txn: ReadTransaction, message_id: int, acceptor: Acceptor, step: SaslStep
) -> None:
    """Do what a step of a mechanism asks for."""
    service = connection.service
    if isinstance(step, KeysWanted):
        step = _provide(connection, txn, acceptor, step.authentication_id)
    if isinstance(step, SaslWork):
        _compute(
            connection,
            message_id,
            step.run,
            lambda later, result: _go_on(connection, later, message_id, acceptor, result),
        )
        return
    if isinstance(step, SaslChallenge):
        connection.acceptor = acceptor
        connection.session.sasl_pending = True
        _answer(connection, message_id, ResultCode.SASL_BIND_IN_PROGRESS, server_credentials=step.data)
        return
    connection.acceptor = None
    connection.session.sasl_pending = False
    if isinstance(step, SaslFailure):
        account = acceptor.account if isinstance(acceptor, ScramAcceptor | SrpAcceptor) else None
        if step.reason is Failure.PROOF and isinstance(account, BindCandidate):
            detail = f"{acceptor.mechanism}: wrong proof"
            answer = partial(_signed_in, connection, message_id)
            service.sign_ins.disproof(txn, account, _source(connection), detail, answer)
            return
        raise DirectoryError(ResultCode.INVALID_CREDENTIALS, step.reason.value)
    if isinstance(step, ProvenClaim):
        assert isinstance(step.account, BindCandidate)
        final, layer = step.final, step.layer

        def proven(result: Authenticated | BaseException) -> None:
            _signed_in(connection, message_id, result, final)
            if layer is not None and isinstance(result, Authenticated) and not connection.lost:
                connection.protect(layer)

        service.sign_ins.proof(txn, step.account, step.authorization_id, _source(connection), proven)
        return
    if isinstance(step, ExternalClaim):
        token = service.authenticator.authenticate_external(txn, step, connection.channel, service.now())
        _succeed(connection, message_id, token)
        return
    assert isinstance(step, PasswordClaim)
    _check_confidential(connection)
    candidate = service.authenticator.lookup_identity(txn, step)
    _claim(connection, candidate, step.authentication_id)
    _verify(connection, txn, message_id, candidate, step.password)


def _succeed(
    connection: LDAPConnection,
    message_id: int,
    token: Token,
    server_credentials: bytes | None = None,
    age: PasswordAge = FINE,
) -> None:
    connection.set_token(token)
    connection.service.audit.signed_in(token, _way(connection), connection.bind_method)
    if not token.is_anonymous and log.isEnabledFor(logging.DEBUG):
        log.debug(
            "connection %d: %s signed in by %s from %s",
            connection.number,
            token.dn.decode("utf-8", "replace"),
            token.authenticated_by.value,
            connection.channel.address,
        )
    controls = _policy_controls(connection, age) if connection.bind_explains or age is not FINE else ()
    _answer(
        connection,
        message_id,
        ResultCode.SUCCESS,
        server_credentials=server_credentials,
        controls=controls,
    )


def _policy_controls(connection: LDAPConnection, age: PasswordAge) -> tuple[Control, ...]:
    """What the client is told of the password: in the control that it asked for, and in Netscape's."""
    found = []
    if connection.bind_explains:
        response = PasswordPolicyResponse(age.expires_in, age.grace_left, age.fault)
        found.append(encode_password_policy(response))
    if (
        age.fault is not None and age.fault is not PasswordFault.ACCOUNT_LOCKED
    ) or age.grace_left is not None:
        found.append(password_expired())
    elif age.expires_in is not None:
        found.append(password_expiring(age.expires_in))
    return tuple(found)


def _fail(connection: LDAPConnection, message_id: int, error: BaseException) -> None:
    service = connection.service
    connection.acceptor = None
    connection.session.sasl_pending = False
    if isinstance(error, AuthenticationFailed):
        log.info(
            "connection %d: bind from %s refused: %s",
            connection.number,
            connection.channel.address,
            error.detail or error,
        )
        code = result_code(error.refusal)
        service.audit.sign_in_refused(connection.claimed, _way(connection), code.label, error.detail)
        controls = _policy_controls(connection, PasswordAge(error.fault)) if error.fault is not None else ()
        expired = error.fault is PasswordFault.PASSWORD_EXPIRED
        words = "the password has expired" if expired else str(error)
        _answer(connection, message_id, code, words, controls=controls)
        return
    outcome = outcome_of(error, f"{connection.correlation}-{message_id}")
    if outcome.error is not None:
        log_failure(log, f"connection {connection.number}: a bind failed", outcome.error)
    else:
        service.audit.sign_in_refused(
            connection.claimed, _way(connection), outcome.code.label, outcome.detail
        )
    _answer(connection, message_id, outcome.code, outcome.message)


def _answer(
    connection: LDAPConnection,
    message_id: int,
    code: ResultCode,
    message: str = "",
    server_credentials: bytes | None = None,
    controls: tuple[Control, ...] = (),
) -> None:
    connection.send(
        encode_bind_result(
            message_id, code, message=message, controls=controls, server_credentials=server_credentials
        )
    )
    connection.session.finish(message_id)
    service = connection.service
    service.counts.results[TAG_BIND_RESPONSE << 16 | code] += 1
    service.counts.latencies[TAG_BIND_RESPONSE].observe(service.monotonic() - connection.bind_began)
    connection.update_reading()
    if connection.session.has_held and not connection.session.is_ended:
        connection.service.call_later(0, connection.process_held)
