"""Requests and responses as values (RFC 9110 §6), free of any framework: what handlers take and give."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from lightwave.directory.access.token import ANONYMOUS, Token
from lightwave.sasl.channel import Channel

JSON = "application/json"


class Headers:
    """Header fields of a message, asked for without regard to case (RFC 9110 §5.1)."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """`fields`: name in lower case -> its values, one for each line."""
        self._fields = dict(fields or {})

    def get(self, name: str) -> str | None:
        """The field's value; several lines are one list (RFC 9110 §5.2). None without the field."""
        values = self._fields.get(name)
        return None if values is None else ", ".join(values)

    def all(self, name: str) -> tuple[str, ...]:
        """The value of each line."""
        return self._fields.get(name, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, complete and within its limits.

    segments: of the path, percent-decoded one by one. query: decoded names and values in their order.
    channel: what the transport knows of the client. caller: who asks, once authenticated. parameters: of the
    route's path. arguments, content: query and body as the route's models, None where it has none. now:
    seconds since the epoch. correlation: names this request in logs. is_gone: whether nobody waits for the answer
    any more.
    """

    method: str
    segments: tuple[str, ...]
    channel: Channel
    query: tuple[tuple[str, str], ...] = ()
    headers: Headers = field(default_factory=Headers, repr=False)
    body: bytes = field(default=b"", repr=False)
    caller: Token = ANONYMOUS
    parameters: Mapping[str, str] = field(default_factory=dict)
    arguments: Any = None
    content: Any = field(default=None, repr=False)
    now: float = 0.0
    correlation: str = ""
    is_gone: Callable[[], bool] = field(default=lambda: False, repr=False)

    @property
    def path(self) -> str:
        """The path for eyes and logs."""
        return "/" + "/".join(self.segments)

    def with_(self, **changes: Any) -> Request:
        """The same request with some of its fields known."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Response:
    """What the client is answered. headers: beside Content-Type and Content-Length."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_response(
    value: BaseModel | Mapping[str, Any], status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    """A response whose content is `value` as JSON; fields of a model that are None are left out."""
    if isinstance(value, BaseModel):
        body = value.model_dump_json(by_alias=True, exclude_none=True).encode()
    else:
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body + b"\n", JSON, headers)
