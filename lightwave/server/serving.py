"""How a node is served: by one process, or by a parent and several."""

from __future__ import annotations

import logging
import time

from lightwave.server.configuration import NodeConfiguration
from lightwave.server.logs import start_logging
from lightwave.server.node import serve
from lightwave.server.supervisor import Supervisor
from lightwave.server.systemd import notifier_of_environment
from lightwave.server.whereabouts import settle
from lightwave.server.worker import Worker


def serve_node(configuration: NodeConfiguration, log_level: str, log_format: str) -> None:
    """Serve until SIGTERM or SIGINT, logging to standard error; returns when everything has drained.

    Raises ConfigurationError when the node can't be served.
    """
    notifier = notifier_of_environment(time.monotonic)
    moved = settle(configuration)
    if configuration.workers == 1:
        handler = start_logging(log_level, log_format)
        try:
            _say_moved(moved)
            serve(configuration, _say_ready, notifier)
        finally:
            handler.close()
        return

    def serve_one(worker: Worker) -> None:
        handler = start_logging(log_level, log_format, worker=worker.number)
        try:
            serve(configuration, lambda: None, worker=worker)
        finally:
            handler.close()

    start_logging(log_level, log_format, buffered=False)  # a parent that forks has no threads
    _say_moved(moved)
    Supervisor(configuration, configuration.workers, serve_one, notifier).run(_say_ready)


def _say_moved(moved: bool) -> None:
    if moved:
        logging.getLogger("lightwave.server").warning(
            "the store was copied or moved: its changes are those of a new originating server from now on"
        )


def _say_ready() -> None:
    logging.getLogger("lightwave.server").info("ready")
