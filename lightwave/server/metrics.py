"""/metrics: what the node does and holds, in Prometheus' text format.

Everything is read when it is asked for: from counters that the parts keep anyway, from LMDB and from the system.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from lightwave.directory.ldap.responses import (
    TAG_ADD_RESPONSE,
    TAG_BIND_RESPONSE,
    TAG_COMPARE_RESPONSE,
    TAG_DELETE_RESPONSE,
    TAG_EXTENDED_RESPONSE,
    TAG_MODIFY_DN_RESPONSE,
    TAG_MODIFY_RESPONSE,
    TAG_SEARCH_DONE,
)
from lightwave.directory.ldap.result import ResultCode
from lightwave.directory.server.counting import BUCKETS
from lightwave.directory.server.service import DirectoryService
from lightwave.directory.store.commit import Committer
from lightwave.server.threads import ComputationThreads
from lightwave.web.messages import Request, Response
from lightwave.web.routing import Access, Answer, Route
from lightwave.web.service import WebService

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_KINDS = {
    TAG_BIND_RESPONSE: "bind",
    TAG_SEARCH_DONE: "search",
    TAG_MODIFY_RESPONSE: "modify",
    TAG_ADD_RESPONSE: "add",
    TAG_DELETE_RESPONSE: "delete",
    TAG_MODIFY_DN_RESPONSE: "modifyDN",
    TAG_COMPARE_RESPONSE: "compare",
    TAG_EXTENDED_RESPONSE: "extended",
}
_SHOWN_BUCKETS = range(4, BUCKETS - 4, 2)
"""of the powers of two, those that are shown: 16 µs to 67 s, each four times the one before"""


class NodeCollector(Collector):
    """Reads the node's counters."""

    def __init__(
        self,
        directory: DirectoryService,
        committer: Committer,
        threads: ComputationThreads,
        web: WebService,
    ) -> None:
        self._directory = directory
        self._committer = committer
        self._threads = threads
        self._web = web

    def collect(self) -> Iterator[Metric]:
        """All metrics of the node itself."""
        yield from self._of_ldap()
        yield from self._of_http()
        yield from self._of_commits()
        yield from self._of_store()
        yield _gauge(
            "lightwave_computations_waiting",
            "Computations (password hashes) that run or wait for a thread",
            self._threads.under_way,
        )
        yield _counter(
            "lightwave_computations_refused",
            "Computations that found too many waiting",
            self._threads.refused,
        )
        signing = self._directory.sign_ins
        yield _counter("lightwave_sign_ins_failed", "Sign-ins that failed", signing.refused)
        yield _counter("lightwave_sign_ins_delayed", "Sign-ins refused within a delay", signing.delayed)
        version = GaugeMetricFamily("lightwave_info", "The version that serves", labels=["version"])
        version.add_metric([self._directory.facts.version], 1)
        yield version

    def _of_ldap(self) -> Iterator[Metric]:
        directory = self._directory
        yield _gauge("lightwave_ldap_connections", "Open LDAP connections", len(directory.connections))
        yield _counter("lightwave_ldap_connections_accepted", "LDAP connections taken", directory.serial)
        counts = directory.counts
        answers = CounterMetricFamily(
            "lightwave_ldap_operations", "Operations answered, by result", labels=["operation", "result"]
        )
        results = dict(counts.results)
        search = TAG_SEARCH_DONE << 16
        results[search] = results.get(search, 0) + counts.searches
        for key, count in sorted(results.items()):
            answers.add_metric([_KINDS.get(key >> 16, "other"), _result_name(key & 0xFFFF)], count)
        yield answers
        latency = HistogramMetricFamily(
            "lightwave_ldap_operation_seconds",
            "Seconds from decoding to the answer; of short searches one of sixteen is timed",
            labels=["operation"],
        )
        for tag, measured in sorted(counts.latencies.items()):
            buckets = _cumulated(measured.buckets)
            latency.add_metric([_KINDS.get(tag, "other")], buckets, measured.seconds)
        yield latency

    def _of_http(self) -> Iterator[Metric]:
        web = self._web
        yield _gauge("lightwave_http_connections", "Open HTTP connections", len(web.connections))
        yield _counter("lightwave_http_connections_accepted", "HTTP connections taken", web.accepted)
        answers = CounterMetricFamily("lightwave_http_requests", "Requests answered", labels=["status"])
        for status, count in sorted(web.answered.items()):
            answers.add_metric([str(status)], count)
        yield answers

    def _of_commits(self) -> Iterator[Metric]:
        done = self._committer.statistics
        yield _counter("lightwave_commits", "Write transactions committed", done.batches)
        yield _counter(
            "lightwave_committed_operations",
            "Operations in them: by commits, the size of a batch",
            done.operations,
        )
        yield _gauge("lightwave_last_commit_seconds", "Seconds that the last commit took", done.last_commit)

    def _of_store(self) -> Iterator[Metric]:
        store = self._directory.store
        environment = store.environment
        information, statistics = environment.info(), environment.stat()
        used = (int(information["last_pgno"]) + 1) * int(statistics["psize"])
        yield _gauge("lightwave_store_bytes", "Bytes of the store's file up to its last page", used)
        yield _gauge("lightwave_store_map_bytes", "Bytes reserved for it", int(information["map_size"]))
        yield _gauge(
            "lightwave_store_readers", "Reader slots in use or once used", int(information["num_readers"])
        )
        yield _gauge("lightwave_store_reader_slots", "Reader slots", int(information["max_readers"]))
        with store.read() as txn:
            yield _gauge("lightwave_entries", "Entries, deleted ones included", txn.entry_count())
            yield _counter("lightwave_usn", "The last change number", txn.last_usn())
        cached = GaugeMetricFamily("lightwave_cache_items", "Items that are remembered", labels=["cache"])
        for name, count in store.caches.sizes().items():
            cached.add_metric([name], count)
        yield cached


class _OfProcess:
    """The metrics of a registry under the number of the process, so that those of several are not taken for one."""

    def __init__(self, registry: CollectorRegistry, number: int) -> None:
        self._registry = registry
        self._number = str(number)

    def collect(self) -> Iterator[Metric]:
        """All metrics, labelled."""
        for metric in self._registry.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, "process": self._number})
                for sample in metric.samples
            ]
            yield metric


def metrics_route(collector: NodeCollector, process: int = 0) -> Route:
    """The route; process metrics come with it. process: its number where several serve together."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    shown: Any = _OfProcess(registry, process) if process else registry

    def metrics(request: Request) -> Response:
        return Response(200, generate_latest(shown), TEXT)

    return Route(
        method="GET",
        path="/metrics",
        access=Access.LOCAL,
        handle=metrics,
        name="metrics",
        summary="Metrics in Prometheus' text format",
        answers={200: Answer("the metrics", media_type=TEXT)},
    )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)


def _result_name(code: int) -> str:
    try:
        return ResultCode(code).label
    except ValueError:
        return str(code)


def _cumulated(buckets: list[int]) -> list[Any]:
    """(upper bound in seconds, observations up to it), as Prometheus wants them."""
    shown: list[Any] = [(repr(2**power / 1e6), sum(buckets[: power + 1])) for power in _SHOWN_BUCKETS]
    shown.append(("+Inf", sum(buckets)))
    return shown
