"""The composition root: a configuration becomes a running node. The only module that knows everybody.

Clocks, randomness and the reactor enter here and are passed down as arguments.
"""

from __future__ import annotations

import gc
import importlib.metadata
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from cryptography import x509
from twisted.internet import defer
from twisted.python.log import PythonLoggingObserver

from lightwave.directory.operations.audit_retention import AuditRetention
from lightwave.directory.operations.completion import Completion
from lightwave.directory.operations.computed import provide
from lightwave.directory.operations.indexing import IndexBuilder
from lightwave.directory.operations.pipeline import WritePipeline
from lightwave.directory.operations.plugins import default_plugins
from lightwave.directory.operations.ports import Guesses, Recorder
from lightwave.directory.operations.purge import Purge
from lightwave.directory.operations.root_dse import ServerFacts
from lightwave.directory.operations.schema_source import SchemaSource
from lightwave.directory.operations.search import Searches
from lightwave.directory.operations.sweep import Sweep
from lightwave.directory.operations.unlinking import Unlinking
from lightwave.directory.schema.normalisation import NormalisedDN, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.server import extended
from lightwave.directory.server.listeners import listen_local, listen_tcp, tls_context
from lightwave.directory.server.server_keys import ServerKeyPrepare
from lightwave.directory.server.server_names import ServerCertificates
from lightwave.directory.server.service import DirectoryService
from lightwave.directory.server.settings import SettingsSource
from lightwave.directory.store.commit import Committer
from lightwave.directory.store.environment import Store
from lightwave.directory.store.keyring import Keyring
from lightwave.identity.administrator_rule import AdministratorRule
from lightwave.identity.audit_notices import AuditNotices
from lightwave.identity.audit_trail import AuditTrail
from lightwave.identity.authentication import Authenticator
from lightwave.identity.domain_names import domain_dn
from lightwave.identity.liveness import TokenLiveness
from lightwave.identity.lockout_rule import LockoutRule
from lightwave.identity.password_attributes import PasswordPrepare
from lightwave.identity.password_facts import PASSWORD_FACTS
from lightwave.identity.password_facts_rule import PasswordFactsRule
from lightwave.identity.policy_rule import PolicyRule
from lightwave.identity.sign_in import SignIns
from lightwave.identity.tenant_rule import TenantRule
from lightwave.identity.trust import ClientTrust
from lightwave.identity.verified_binds import VerifiedBinds
from lightwave.server.audit_output import KINDS, AuditOutput
from lightwave.server.audit_signing import AuditSigning
from lightwave.server.board import State
from lightwave.server.configuration import ConfigurationError, NodeConfiguration, check_local_path
from lightwave.server.hashing_settings import breach_list_of, read_hashing_cost
from lightwave.server.identifiers import new_guid
from lightwave.server.locks import ServingLock
from lightwave.server.reactor import announce_turns, install_reactor
from lightwave.server.systemd import Notifier
from lightwave.server.tenant_deletion import TenantDeletion
from lightwave.server.threads import ComputationThreads, SingleThread
from lightwave.server.worker import ALONE, Heart, Lifeline, UpkeepLock, Worker
from lightwave.web.sockets import Sockets

log = logging.getLogger("lightwave.server")

SWITCH_INTERVAL = 0.0005
"""seconds: the commit thread gives the interpreter back to the reactor sooner than by default"""
DRAIN_SECONDS = 10.0
UPKEEP_SECONDS = 1.0
SETTINGS_SECONDS = 0.25
WRITERS_PAUSE = 0.0002
"""seconds between two transactions of one of several processes, in which another gets the lock"""
COMPUTATION_THREADS = max(2, (os.cpu_count() or 2))


def open_store(configuration: NodeConfiguration, *, read_only: bool = False) -> Store:
    """Open the node's store with its keyring; for the server and for commands that work on the store itself."""
    provide(PASSWORD_FACTS)
    keyring = Keyring.open(configuration.keyring)
    return Store.open(configuration.store_path, keyring, now=time.time, read_only=read_only)


def schema_source(store: Store) -> SchemaSource:
    """The schema of the store: what is built in, and what administrators added."""
    source = SchemaSource(Schema.load_builtin())
    with store.read() as txn:
        source.current(txn)
    return source


def node_dn(configuration: NodeConfiguration) -> bytes:
    """DN of the entry that holds the node's settings."""
    return f"cn={configuration.hostname},cn=nodes,cn=config".encode()


def write_pipeline(
    store: Store,
    schemas: SchemaSource,
    committer: Any,
    threads: Any,
    passwords: PasswordPrepare,
    liveness: TokenLiveness,
    recorder: Recorder,
    guesses: Guesses,
) -> WritePipeline:
    """The one way of writes, with identity's implementations of its ports."""
    return WritePipeline(
        store,
        committer,
        schemas,
        (passwords, ServerKeyPrepare(schemas.latest)),
        (
            *default_plugins(),
            AdministratorRule(),
            TenantRule(),
            LockoutRule(),
            PolicyRule(),
            PasswordFactsRule(),
            AuditTrail(),
        ),
        threads,
        new_guid=new_guid,
        liveness=liveness,
        recorder=recorder,
        guesses=guesses,
    )


class Node:
    """A node that can be started and drained."""

    def __init__(self, configuration: NodeConfiguration, reactor: Any, worker: Worker = ALONE) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._worker = worker
        self._lock = ServingLock(configuration.data) if worker.is_alone else None  # else the parent has it
        self._store = open_store(configuration)
        schemas = schema_source(self._store)
        with self._store.read() as txn:
            schema = schemas.current(txn)
            node = normalise_dn_text(schema, node_dn(configuration))
            hashing = read_hashing_cost(txn, schema, node)
        self._threads = ComputationThreads(reactor, COMPUTATION_THREADS)
        pause = 0.0 if worker.is_alone else WRITERS_PAUSE
        self._committer = Committer(self._store, reactor.callFromThread, time.monotonic, pause)
        chain = configuration.certificate_path.read_bytes()
        roots = configuration.ca_path.read_bytes()
        issuers = (*x509.load_pem_x509_certificates(roots), *x509.load_pem_x509_certificates(chain)[1:])
        # Shared, so that a write finds the verdict that the reading of its request came to.
        liveness = TokenLiveness(schemas.current)
        settings = SettingsSource(node, worker.count)
        authenticator = Authenticator(
            schemas.current,
            hashing,
            ClientTrust(issuers),
            owner_uid=configuration.data.stat().st_uid,
            verified_binds=VerifiedBinds(os.urandom(32), time.monotonic),
        )
        self._sign_ins = SignIns(
            self._store,
            schemas.current,
            authenticator,
            self._threads,
            self._committer,
            reactor.callLater,
            time.time,
            time.monotonic,
            lambda txn: settings.current(txn, schemas.current(txn)).failure_delay,
        )
        passwords = PasswordPrepare(hashing, breach_list=breach_list_of(node), guesses=self._sign_ins)
        self._audit = AuditNotices(self._store, self._committer, schemas, time.time, reactor.callLater)
        pipeline = write_pipeline(
            self._store,
            schemas,
            self._committer,
            self._threads,
            passwords,
            liveness,
            self._audit,
            self._sign_ins,
        )
        self._service = DirectoryService(
            store=self._store,
            schemas=schemas,
            searches=Searches(self._store, time.monotonic),
            pipeline=pipeline,
            authenticator=authenticator,
            sign_ins=self._sign_ins,
            liveness=liveness,
            threads=self._threads,
            settings=settings,
            facts=_facts(configuration, self._store),
            now=time.time,
            monotonic=time.monotonic,
            call_later=reactor.callLater,
            random_bytes=os.urandom,
            audit=self._audit,
            tls=self._tls(chain, roots, schemas, node),
        )
        self._service.number_connections(worker.first_serial, worker.count)
        announce_turns(reactor, self._service.turn)
        from lightwave.server.web import Web  # commands that only open the store start without it

        self._web = Web(configuration, self._service, self._committer, self._threads, reactor, worker)
        self._upkeep_lock = UpkeepLock(configuration.data, worker)
        self._heart = Heart(worker, self._count_connections, time.monotonic, reactor.callLater)
        self._committer.when_committed.append(self._service.followers.wake)
        self._output_threads = SingleThread(reactor)
        self._outputs = self._audit_outputs(schemas, node)
        self._upkeep = self._background_work(schemas, node, pipeline)
        self._ports: list[Any] = []

    def _tls(self, chain: bytes, roots: bytes, schemas: SchemaSource, node: NormalisedDN) -> Any:
        """The context of the node's own certificate, with those for other names that its entry holds."""
        trusted = roots + b"".join(_pem(one) for one in x509.load_pem_x509_certificates(chain)[1:])
        tls = tls_context(chain, self._configuration.key_path.read_bytes(), trusted)
        ServerCertificates(
            self._store, schemas, node, lambda chain, key: tls_context(chain, key, trusted).getContext()
        ).install(tls.getContext())
        return tls

    def _audit_outputs(self, schemas: SchemaSource, node: NormalisedDN) -> tuple[AuditOutput, ...]:
        """What sends the audit to where the node's entry says."""
        return tuple(
            AuditOutput(
                kind,
                self._store,
                self._committer,
                schemas,
                node,
                self._configuration.hostname,
                time.time,
                self._output_threads.run,
            )
            for kind in KINDS
        )

    def _background_work(
        self, schemas: SchemaSource, node: NormalisedDN, pipeline: WritePipeline
    ) -> tuple[Any, ...]:
        """What is done a slice at a time, in this order."""
        store, committer = self._store, self._committer
        return (
            Completion(store, schemas, committer, new_guid),
            IndexBuilder(store, schemas, committer),
            Sweep(store, schemas, committer, time.time),
            Purge(store, committer, time.time),
            Unlinking(store, committer),
            TenantDeletion(store, schemas, committer, self._threads, time.time),
            AuditRetention(store, schemas, committer, time.time),
            AuditSigning(store, committer, node, time.time, os.urandom),
            *self._outputs,
            pipeline.tree_deletions,
        )

    def start(self) -> None:
        """Listen; raises ConfigurationError when a port is taken."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        configuration = self._configuration
        check_local_path(configuration)
        self._threads.start()
        self._output_threads.start()
        self._observe_settings()
        sockets = Sockets(self._reactor, self._worker.sockets, self._heart, self._service.is_proxy)
        try:
            self._ports = listen_tcp(
                sockets,
                self._service,
                configuration.bind,
                configuration.ldap_port,
                configuration.ldaps_port,
            )
            self._ports.append(listen_local(sockets, self._service, configuration.ldapi_path))
            self._ports += self._web.start(sockets)
        except OSError as error:
            self._stop_parts()
            raise ConfigurationError(
                f"can't listen: {error}; choose another --port-offset or --bind"
            ) from None
        except Exception as error:
            self._stop_parts()
            raise ConfigurationError(
                f"can't listen: {error}; choose another --port-offset or --bind"
            ) from error
        self._reactor.callLater(0, self._keep_up)
        if self._worker.lifeline is not None:
            self._reactor.addReader(Lifeline(self._worker.lifeline, self._reactor.stop))
        self._heart.beat()
        for address in configuration.bind:
            log.info(
                "LDAP on %s port %d, LDAPS on port %d",
                address,
                configuration.ldap_port,
                configuration.ldaps_port,
            )
        log.info("LDAPI on %s", configuration.ldapi_path)

    def _observe_settings(self) -> None:
        """Settings that hold for what is open already."""
        try:
            self._service.observe_settings()
        except Exception:
            log.exception("the settings can't be read; they stay as they were")
        self._reactor.callLater(SETTINGS_SECONDS, self._observe_settings)

    def _count_connections(self) -> tuple[int, int]:
        return len(self._service.connections), len(self._web.service.connections)

    def serves(self) -> None:
        """The reactor runs, and clients are taken."""
        self._heart.tell(State.READY)

    def _keep_up(self) -> None:
        """Background work, a slice at a time: indexes that are being built, entries that have expired."""
        busy = False
        for work in self._upkeep if self._upkeep_lock.is_held() else ():
            try:
                busy = work.run_slice() or busy
            except Exception:
                log.exception("background work failed; it is tried again")
        self._reactor.callLater(0.01 if busy else UPKEEP_SECONDS, self._keep_up)

    @defer.inlineCallbacks
    def stop(self) -> Any:
        """Take no new clients, tell the present ones, finish what is being written, close the store."""
        self._heart.tell(State.DRAINING)
        for port in self._ports:
            yield _stopped(port)
        self._service.drain()
        self._web.service.drain()
        deadline = time.monotonic() + DRAIN_SECONDS
        while (self._service.connections or self._web.service.connections) and time.monotonic() < deadline:
            yield _after(self._reactor, 0.02)
        for connection in tuple(self._service.connections):
            connection.transport.abortConnection()
        counted: defer.Deferred[None] = defer.Deferred()
        self._sign_ins.write(lambda: counted.callback(None))
        yield counted
        self._audit.finish()
        while not self._audit.is_idle and time.monotonic() < deadline:
            yield _after(self._reactor, 0.01)
        self._stop_parts()

    def _stop_parts(self) -> None:
        """Whatever one part says, the others are stopped too: a thread left alone would keep the process."""
        parts = (
            self._web.stop,
            self._output_threads.stop,
            *(output.close for output in self._outputs),
            self._committer.close,
            self._threads.stop,
            self._store.close,
            self._upkeep_lock.release,
            *(() if self._lock is None else (self._lock.release,)),
        )
        for stop in parts:
            try:
                stop()
            except Exception:
                log.exception("a part did not stop cleanly")


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _facts(configuration: NodeConfiguration, store: Store) -> ServerFacts:
    return ServerFacts(
        version=importlib.metadata.version("lightwave"),
        host_name=configuration.hostname,
        domain_dn=domain_dn(configuration.domain),
        server_name=node_dn(configuration),
        extensions=tuple(extended.SERVED),
        invocation_id=store.server_guid,
    )


def _stopped(port: Any) -> defer.Deferred[Any]:
    return defer.maybeDeferred(port.stopListening)


def _after(reactor: Any, seconds: float) -> defer.Deferred[None]:
    waiting: defer.Deferred[None] = defer.Deferred()
    reactor.callLater(seconds, waiting.callback, None)
    return waiting


def raise_file_limit() -> None:
    """As many open files as the system allows: each connection is one, and the usual soft limit is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _expect_the_end() -> None:
    """Another SIGTERM changes nothing any more; another Ctrl-C ends the process at once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def serve(
    configuration: NodeConfiguration,
    ready: Callable[[], None],
    notifier: Notifier | None = None,
    worker: Worker = ALONE,
) -> None:
    """Run the node in the foreground until SIGTERM or SIGINT. Returns after it has drained.

    notifier: hears of it; None where a parent tells the service manager.
    """
    raise_file_limit()
    reactor = install_reactor()
    observer: Any = PythonLoggingObserver
    observer("lightwave.twisted").start()  # what Twisted catches belongs in our log
    node = Node(configuration, reactor, worker)
    node.start()
    reactor.addSystemEventTrigger("before", "shutdown", _expect_the_end)
    if notifier is not None:
        reactor.addSystemEventTrigger("before", "shutdown", notifier.stopping)
        reactor.callWhenRunning(notifier.ready)
        _live(reactor, notifier)
    reactor.addSystemEventTrigger("before", "shutdown", node.stop)
    reactor.callWhenRunning(node.serves)
    reactor.callWhenRunning(ready)
    _settle_memory()
    reactor.run()


def _live(reactor: Any, notifier: Notifier) -> None:
    """Signs of life come from the reactor: when it hangs, they stop."""
    if notifier.watchdog:
        notifier.alive()
        reactor.callLater(notifier.interval / 2, _live, reactor, notifier)


def _settle_memory() -> None:
    """What stands now stays: keep the cycle collector from walking it again and again.

    Serving makes many short-lived objects and next to no cycles; collecting every 700 objects, as Python does by
    default, takes a tenth of the time of a search.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
