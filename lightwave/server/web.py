"""The web listener of a node: its routes, its listeners and what they need, put together."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.threadpool import ThreadPool

from lightwave.directory.access.token import Token
from lightwave.directory.operations.context import Limits
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.server.service import DirectoryService
from lightwave.directory.store.commit import Committer
from lightwave.directory.store.reading import ReadTransaction
from lightwave.identity.password_setting import BreachListPath
from lightwave.identity.refusals import AuthenticationFailed, NotLive, Refusal
from lightwave.rest.access import AccessFace
from lightwave.rest.account_routes import AccountFace
from lightwave.rest.accounts import COMPUTERS, SERVICES, USERS
from lightwave.rest.app_passwords import AppPasswordFace
from lightwave.rest.audit import AuditFace
from lightwave.rest.directory import DirectoryFace
from lightwave.rest.directory_port import Contexts, DirectoryPort
from lightwave.rest.group_routes import GroupFace
from lightwave.rest.pages import Pages
from lightwave.rest.policies import PolicyFace
from lightwave.rest.resources import Face
from lightwave.rest.running import SearchRunner
from lightwave.rest.searching import SearchFace
from lightwave.rest.tenant_port import Making, TenantPort
from lightwave.rest.tenant_routes import TenantFace
from lightwave.server.audit_signing import known_keys
from lightwave.server.configuration import NodeConfiguration
from lightwave.server.hashing_settings import breach_list_of
from lightwave.server.health import health_routes, openapi_route
from lightwave.server.identifiers import new_guid
from lightwave.server.metrics import NodeCollector, metrics_route
from lightwave.server.node_status import NodeStatus, node_status, status_route
from lightwave.server.threads import ComputationThreads
from lightwave.server.worker import Worker
from lightwave.web.callers import Callers
from lightwave.web.limits import DEFAULT_LIMITS
from lightwave.web.listeners import WebFactory, https_factory, listen_local
from lightwave.web.routing import Router
from lightwave.web.service import WebService
from lightwave.web.sockets import Sockets

log = logging.getLogger("lightwave.server")

PAGE_THREADS = 4


class Web:
    """The HTTP side of a node: made with it, started and drained with it."""

    def __init__(
        self,
        configuration: NodeConfiguration,
        directory: DirectoryService,
        committer: Committer,
        threads: ComputationThreads,
        reactor: Any,
        worker: Worker,
    ) -> None:
        self._configuration = configuration
        self._board = worker.board
        self._tls = directory.tls
        self._threads = ThreadPool(minthreads=0, maxthreads=PAGE_THREADS, name="pages")
        callers = Callers(
            directory.store,
            directory.authenticator,
            directory.liveness,
            directory.sign_ins,
            time.time,
            os.urandom(32),
            directory.audit,
        )
        router = Router()
        most = max(1, DEFAULT_LIMITS.connections // worker.count)
        limits = replace(DEFAULT_LIMITS, connections=most)
        self.service = WebService(router, callers, time.time, reactor, self._threads, limits, directory.run)
        router.add(
            *health_routes(directory, self.service),
            metrics_route(NodeCollector(directory, committer, threads, self.service), worker.number),
            status_route(lambda: self._status(directory)),
            openapi_route(self.service, directory.facts.version),
            *(route for face in _faces(directory, reactor) for route in face.routes()),
        )

    def _status(self, directory: DirectoryService) -> NodeStatus:
        with directory.store.read() as txn:
            return node_status(
                self._configuration,
                directory.facts.version,
                txn,
                ldap_connections=len(directory.connections),
                http_connections=len(self.service.connections),
                ready=not self.service.draining,
                board=self._board,
            )

    def start(self, sockets: Sockets) -> list[Any]:
        """Listen; the ports. Raises CannotListenError or OSError."""
        configuration = self._configuration
        ports: list[Any] = []
        self._threads.start()
        try:
            ports += sockets.listen(configuration.http_port, WebFactory(self.service), configuration.bind)
            secure = https_factory(self.service, self._tls)
            ports += sockets.listen(configuration.https_port, secure, configuration.bind)
            ports.append(listen_local(sockets, self.service, configuration.http_path))
        except Exception:
            for port in ports:
                port.stopListening()
            raise
        for address in configuration.bind:
            log.info(
                "HTTP on %s port %d, HTTPS on port %d",
                address,
                configuration.http_port,
                configuration.https_port,
            )
        return ports

    def stop(self) -> None:
        """End the threads; connections have been drained."""
        for connection in tuple(self.service.connections):
            connection.transport.abortConnection()
        if self._threads.started:
            self._threads.stop()


def _faces(directory: DirectoryService, reactor: Any) -> tuple[Face, ...]:
    """The faces of the directory's operations; each noun adds one."""

    def limits_of(token: Token) -> Limits:
        with directory.store.read() as txn:
            settings = directory.settings.current(txn, directory.schemas.current(txn))
        return directory.limits_of(token, settings)

    store, schemas, pipeline = directory.store, directory.schemas, directory.pipeline
    runner = SearchRunner(store, schemas, directory.searches, directory.liveness, reactor.callLater)
    pages = Pages(directory.random_bytes, directory.monotonic)
    contexts = Contexts(limits_of, directory.now)
    port = DirectoryPort(store, schemas, runner, pages, pipeline, contexts)
    making = Making(directory.authenticator.hashing, new_guid, directory.random_bytes)
    tenants = TenantPort(store, schemas, pipeline, directory.threads, contexts, making)
    return (
        DirectoryFace(SearchFace(store, schemas, runner, pages), pipeline, contexts),
        *(AccountFace(port, kind, directory.random_bytes) for kind in (USERS, SERVICES, COMPUTERS)),
        GroupFace(port),
        AccessFace(port, store, schemas, contexts),
        _audit_face(directory, reactor, port),
        TenantFace(port, tenants),
        AppPasswordFace(store, schemas, pipeline, port, contexts, directory.random_bytes),
        PolicyFace(port, store, schemas, directory.threads, _breach_list(directory)),
    )


def _breach_list(directory: DirectoryService) -> BreachListPath:
    def read(txn: ReadTransaction, schema: Schema) -> str | None:
        return breach_list_of(normalise_dn_text(schema, directory.facts.server_name))(txn, schema)

    return read


def _audit_face(directory: DirectoryService, reactor: Any, port: DirectoryPort) -> AuditFace:
    def later(seconds: float) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        reactor.callLater(seconds, waiting.callback, None)
        return waiting

    def keys(txn: ReadTransaction) -> frozenset[bytes]:
        schema = directory.schemas.current(txn)
        return known_keys(txn, normalise_dn_text(schema, directory.facts.server_name))

    def current(txn: ReadTransaction, token: Token) -> Token:
        try:
            directory.liveness.check_token(txn, token, directory.now())
        except NotLive as error:
            raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, error.reason) from None
        return directory.liveness.current(txn, token)

    return AuditFace(port, directory.store, directory.schemas, later, keys, current)
