"""The description of the API, OpenAPI 3.1, from the types that check what comes in and write what goes out."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

import gateway
from gateway.console.api import controls, messages, queries
from gateway.console.api.endpoints import JSON, Endpoint
from gateway.console.api.endpoints import routes as routes_of
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import json_answer
from gateway.domain.lanes import LANE_NAME

ENDPOINTS: tuple[Endpoint, ...] = (*queries.ENDPOINTS, *messages.ENDPOINTS, *controls.ENDPOINTS)
PATH = "/api/openapi.json"

DESCRIPTIONS = {
    400: "The input cannot be; the sentence says what it should look like.",
    401: "No token, or not the right one.",
    403: "The role is reader, or the CSRF token is missing.",
    404: "There is no such thing.",
    409: "It cannot be done as things stand; the sentence says why.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    503: "The database does not answer.",
}
ID = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
NAME = {"type": "string", "pattern": f"^{LANE_NAME}$"}


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes of the whole API."""

    async def serve(_: web.Request) -> web.Response:
        return json_answer(describe(ENDPOINTS))

    return [*routes_of(deps, ENDPOINTS), web.get(PATH, serve)]


@cache
def describe(calls: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the description of calls."""
    inputs: list[tuple[Endpoint, Any, TypeAdapter[Any]]] = [
        (call, "validation", call.input) for call in calls if call.input is not None
    ]
    outputs: list[tuple[Endpoint, Any, TypeAdapter[Any]]] = [(call, "serialization", call.output) for call in calls]
    refs, schema = TypeAdapter.json_schemas([*inputs, *outputs], ref_template="#/components/schemas/{model}")
    schemas = schema.get("$defs", {})
    schemas["Problem"] = {
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
    }
    paths: dict[str, Any] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, refs, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SMS outbox gateway: operators' API",
            "version": gateway.__version__,
            "description": "What the console's pages do, for programs. Numbers are masked unless revealed.",
        },
        "security": [{"token": []}, {"session": [], "csrf": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "smsgw_session"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def _operation(call: Endpoint, refs: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "parameters": _path_parameters(call),
        "responses": {"200": _content("It is done, or found.", refs[call, "serialization"])},
    }
    if call.changes:
        operation["description"] = "Needs the role operator; recorded in the operator log."
    given = refs.get((call, "validation"))
    statuses = {401, 403, 503, *call.fails}
    if given is not None:
        statuses.add(400)
        if call.method == "GET":
            operation["parameters"] += _query_parameters(given, schemas)
        else:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": given}}}
            statuses |= {413, 415}
    problem = {"$ref": "#/components/schemas/Problem"}
    operation["responses"] |= {str(status): _content(DESCRIPTIONS[status], problem) for status in sorted(statuses)}
    return operation


def _content(words: str, schema: Any) -> dict[str, Any]:
    return {"description": words, "content": {JSON: {"schema": schema}}}


def _path_parameters(call: Endpoint) -> list[dict[str, Any]]:
    known = {"id": ID, "name": NAME}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in known.items()
        if "{" + name + "}" in call.path
    ]


def _query_parameters(given: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a query's fields as parameters: in an address there is no null, only absence."""
    shape = schemas[given["$ref"].rpartition("/")[2]]
    parameters = []
    for name, field in shape["properties"].items():
        schema = next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema})
    return parameters
