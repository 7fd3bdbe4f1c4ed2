"""A web listener with a mounted Flask in real threads, run as a program by test_flask_mount.py: prints its port."""

from __future__ import annotations

import threading
from typing import Any

import flask
from twisted.internet import reactor as installed
from twisted.python.threadpool import ThreadPool

from lightwave.web.listeners import WebFactory
from lightwave.web.routing import Access, Router
from lightwave.web.service import WebService
from web_memory import NamedCallers, echo, route


def application() -> flask.Flask:
    pages = flask.Flask("pages")
    both = threading.Barrier(2, timeout=10)

    @pages.route("/together")
    def together() -> str:
        both.wait()  # two requests have to be here at the same time
        return threading.current_thread().name

    @pages.route("/large", methods=["POST"])
    def large() -> bytes:
        return flask.request.get_data() * 10

    @pages.route("/broken")
    def broken() -> str:
        raise RuntimeError("a detail that is nobody's business")

    return pages


def main() -> None:
    reactor: Any = installed
    threads = ThreadPool(0, 4, "pages")
    router = Router()
    router.add(route(echo, "/plain"))
    router.mount_flask("/pages", application(), Access.ANYBODY)
    callers: Any = NamedCallers()
    service = WebService(router, callers, reactor.seconds, reactor, threads)
    threads.start()
    reactor.addSystemEventTrigger("after", "shutdown", threads.stop)
    port = reactor.listenTCP(0, WebFactory(service), interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()


main()
