"""What a node is and holds, for its administrator: /v1/node over HTTP, and `lightwave status`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from lightwave.directory.store.layout import SYSTEM_TENANT
from lightwave.directory.store.reading import ReadTransaction
from lightwave.server.board import Board
from lightwave.server.configuration import NodeConfiguration
from lightwave.web.messages import Request, Response, json_response
from lightwave.web.routing import Access, Answer, Route


class ProcessStatus(BaseModel):
    """One of several processes that serve together. since: when it was started. restarts: of its place."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    number: int
    pid: int
    state: str = Field(examples=["ready"])
    ldap_connections: int
    http_connections: int
    restarts: int
    since: datetime


class NodeStatus(BaseModel):
    """A node. `ready`: it takes clients. Counts of connections are absent where nothing serves.

    processes: empty where one process serves alone.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    version: str
    domain: str
    hostname: str
    serving: bool
    ready: bool
    ldap_port: int
    ldaps_port: int
    http_port: int
    https_port: int
    ldapi: str
    http: str
    ldap_connections: int | None = None
    http_connections: int | None = None
    naming_contexts: list[str]
    entries: int
    last_usn: int = Field(alias="lastUSN")
    bytes_on_disk: int
    indexes: dict[str, int]
    processes: list[ProcessStatus] = []


def node_status(
    configuration: NodeConfiguration,
    version: str,
    txn: ReadTransaction,
    *,
    ldap_connections: int | None = None,
    http_connections: int | None = None,
    ready: bool = False,
    board: Board | None = None,
) -> NodeStatus:
    """The status as a transaction shows it; it serves when its connections are counted.

    board: of the processes that serve together; connections are then those of all.
    """
    processes = board.all() if board is not None else []
    if processes:
        ldap_connections = sum(one.ldap_connections for one in processes)
        http_connections = sum(one.http_connections for one in processes)
    states: dict[str, int] = {}
    for definition in txn.definitions():
        name = definition.state.name.lower()
        states[name] = states.get(name, 0) + 1
    return NodeStatus(
        version=version,
        domain=configuration.domain,
        hostname=configuration.hostname,
        serving=ldap_connections is not None,
        ready=ready,
        ldap_port=configuration.ldap_port,
        ldaps_port=configuration.ldaps_port,
        http_port=configuration.http_port,
        https_port=configuration.https_port,
        ldapi=str(configuration.ldapi_path),
        http=str(configuration.http_path),
        ldap_connections=ldap_connections,
        http_connections=http_connections,
        naming_contexts=sorted(context.dn.decode() for _, context in txn.contexts(SYSTEM_TENANT)),
        entries=txn.entry_count(),
        lastUSN=txn.last_usn(),
        bytes_on_disk=(configuration.store_path / "data.mdb").stat().st_blocks * 512,
        indexes=states,
        processes=[
            ProcessStatus(
                number=one.number,
                pid=one.pid,
                state=one.state.name.lower(),
                ldap_connections=one.ldap_connections,
                http_connections=one.http_connections,
                restarts=one.restarts,
                since=datetime.fromtimestamp(one.since, UTC),
            )
            for one in processes
        ],
    )


def status_route(status: Callable[[], NodeStatus]) -> Route:
    """The route; `status` gives the present one."""

    def handle(request: Request) -> Response:
        return json_response(status())

    return Route(
        method="GET",
        path="/v1/node",
        access=Access.ADMINISTRATOR,
        handle=handle,
        name="nodeStatus",
        summary="What the node is and holds",
        answers={200: Answer("the status", NodeStatus)},
    )
