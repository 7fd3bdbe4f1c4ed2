"""The OpenAPI 3.1 document of all routes, made from the models that they check with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from lightwave.web.messages import JSON
from lightwave.web.problems import PROBLEM_JSON
from lightwave.web.routing import Access, Answer, Route, Router

_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "ldapCode": {"type": "integer", "description": "The result code of the directory (RFC 4511)"},
        "ldapName": {"type": "string"},
        "matchedDN": {"type": "string"},
        "referrals": {"type": "array", "items": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {"type": "object"},
            "description": "What does not fit, and where",
        },
    },
}
_ALWAYS = {
    400: "the request is malformed, or does not fit",
    406: "the client does not accept what this gives",
    408: "the request took too long to arrive",
    413: "the content is too long",
    414: "the request line is too long",
    417: "the expectation can't be met",
    431: "the header section is too long",
    500: "an internal error; the log has the reference",
    503: "busy, full or shutting down: try again",
}
_OF_CALLERS = {401: "sign in", 403: "not for this caller, or not on this channel"}
_SCHEMES = {
    "basic": {"type": "http", "scheme": "basic", "description": "A DN or a user's name; over HTTPS only"},
    "certificate": {"type": "mutualTLS", "description": "A certificate of the node's authority"},
}


def openapi_document(router: Router, version: str) -> dict[str, Any]:
    """The document, as JSON's values. `version`: of the program."""
    routes = list(router)
    models = {model for route in routes for model in _models(route)}
    ordered = sorted(models, key=lambda model: model.__name__)
    names, schemas = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    references = {model: names[(model, "validation")] for model in ordered}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lightwave",
            "version": version,
            "description": "The directory and the node that serves it.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Problem": _PROBLEM},
            "securitySchemes": _SCHEMES,
        },
    }


def _models(route: Route) -> list[type[BaseModel]]:
    answers = [answer.model for answer in route.answers.values() if answer.model is not None]
    return answers if route.body is None else [*answers, route.body]


def _operation(route: Route, references: dict[type[BaseModel], Any]) -> dict[str, Any]:
    answers = {code: _answer(code, answer, references) for code, answer in route.answers.items()}
    described = dict(_ALWAYS)
    if route.access is not Access.ANYBODY:
        described |= _OF_CALLERS
    if route.body is not None:
        described[415] = "the content is not JSON, or has a coding"
    for code, words in described.items():
        answers.setdefault(code, _answer(code, Answer(words), references))
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"For {route.access.value}.",
        "parameters": _parameters(route),
        "responses": {str(code): answers[code] for code in sorted(answers)},
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": references[route.body]}}}
    if route.access is not Access.ANYBODY:
        operation["security"] = [{"basic": []}, {"certificate": []}]
        if route.access is Access.LOCAL:
            operation["security"].append({})
    return operation


def _answer(code: int, answer: Answer, references: dict[type[BaseModel], Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        made["headers"] = {
            name: {"description": words, "schema": {"type": "string"}}
            for name, words in answer.headers.items()
        }
    if code >= 400:
        made["content"] = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    elif answer.model is not None:
        made["content"] = {answer.media_type: {"schema": references[answer.model]}}
    elif answer.media_type != JSON:
        made["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    for media_type in answer.also:
        made["content"][media_type] = {"schema": {"type": "string"}}
    return made


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": segment[1:-1], "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for segment in route.path.split("/")
        if segment.startswith("{")
    ]
    if route.query is not None:
        schema = route.query.model_json_schema()
        required = schema.get("required", [])
        for name, property_ in schema["properties"].items():
            parameters.append(_query_parameter(name, property_, name in required))
    parameters.extend(
        {"name": name, "in": "header", "required": False, "description": words, "schema": {"type": "string"}}
        for name, words in route.headers.items()
    )
    return parameters


def _query_parameter(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    schema = dict(schema)
    schema.pop("title", None)
    description = schema.pop("description", None)
    choices = schema.pop("anyOf", None)
    if choices is not None:  # `| None`: a query parameter that is absent, never null
        schema = next(one for one in choices if one.get("type") != "null")
    parameter: dict[str, Any] = {"name": name, "in": "query", "required": required, "schema": schema}
    if description:
        parameter["description"] = description
    return parameter
