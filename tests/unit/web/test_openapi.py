"""The OpenAPI document says what the routes check."""

from __future__ import annotations

import json

from pydantic import BaseModel, Field

from lightwave.web.openapi import openapi_document
from lightwave.web.routing import Access, Answer, Router
from web_memory import echo, route


class Query(BaseModel, extra="forbid"):
    name: str = Field(max_length=9, description="whose")
    page: int | None = None


class Inner(BaseModel):
    value: int


class Content(BaseModel, extra="forbid"):
    inner: list[Inner]


def document() -> dict[str, object]:
    router = Router()
    router.add(
        route(echo, "/free"),
        route(
            echo,
            "/people/{name}",
            "PUT",
            Access.SIGNED_IN,
            query=Query,
            body=Content,
            headers={"If-Match": "a tag"},
            answers={200: Answer("done", Content, headers={"ETag": "a tag"}), 404: Answer("nobody")},
        ),
    )
    made: dict[str, object] = json.loads(json.dumps(openapi_document(router, "1.2.3")))
    return made


def test_document() -> None:
    made: dict = document()  # type: ignore[type-arg]  # JSON
    assert made["openapi"] == "3.1.0"
    assert made["info"]["version"] == "1.2.3"
    operation = made["paths"]["/people/{name}"]["put"]
    assert [(one["name"], one["in"], one["required"]) for one in operation["parameters"]] == [
        ("name", "path", True),
        ("name", "query", True),
        ("page", "query", False),
        ("If-Match", "header", False),
    ]
    assert operation["parameters"][1]["schema"] == {"type": "string", "maxLength": 9}
    assert operation["parameters"][1]["description"] == "whose"
    assert operation["parameters"][2]["schema"]["type"] == "integer"
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Content")
    assert operation["responses"]["200"]["headers"]["ETag"]["description"] == "a tag"
    for status in ("400", "401", "403", "404", "415", "500"):
        content = operation["responses"][status]["content"]
        assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert operation["security"] == [{"basic": []}, {"certificate": []}]
    assert "security" not in made["paths"]["/free"]["get"]
    assert set(made["components"]["schemas"]) == {"Content", "Inner", "Problem"}
