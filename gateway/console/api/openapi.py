"""The OpenAPI 3.1 description of the API, from the types that validate the input and write the output."""

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
from gateway.console.rendering import json_response
from gateway.domain.lanes import LANE_NAME

ENDPOINTS: tuple[Endpoint, ...] = (*queries.ENDPOINTS, *messages.ENDPOINTS, *controls.ENDPOINTS)
PATH = "/api/openapi.json"

ERROR_DESCRIPTIONS = {
    400: "Invalid request; `error` describes the expected format.",
    401: "The token is missing or wrong.",
    403: "The role is reader, or the CSRF token is missing or wrong.",
    404: "Not found.",
    409: "Not possible in the present state; `error` gives the reason.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    503: "The database does not respond.",
}
ID = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
NAME = {"type": "string", "pattern": f"^{LANE_NAME}$"}


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes of the API and of its description."""

    async def serve(_: web.Request) -> web.Response:
        return json_response(describe(ENDPOINTS))

    return [*routes_of(deps, ENDPOINTS), web.get(PATH, serve)]


@cache
def describe(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the description of endpoints."""
    inputs: list[tuple[Endpoint, Any, TypeAdapter[Any]]] = [
        (endpoint, "validation", endpoint.input_adapter) for endpoint in endpoints if endpoint.input_adapter is not None
    ]
    outputs: list[tuple[Endpoint, Any, TypeAdapter[Any]]] = [
        (endpoint, "serialization", endpoint.output_adapter) for endpoint in endpoints
    ]
    refs, schema = TypeAdapter.json_schemas([*inputs, *outputs], ref_template="#/components/schemas/{model}")
    schemas = schema.get("$defs", {})
    schemas["Error"] = {
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
    }
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, refs, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SMS outbox gateway: operator API",
            "version": gateway.__version__,
            "description": "Everything that the console does, for programs. Numbers are masked unless revealed.",
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


def _operation(endpoint: Endpoint, refs: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": _path_parameters(endpoint),
        "responses": {"200": _content("Success.", refs[endpoint, "serialization"])},
    }
    if endpoint.needs_operator:
        operation["description"] = "Requires the role operator. Recorded in the operator log."
    input_ref = refs.get((endpoint, "validation"))
    statuses = {401, 403, 503, *endpoint.errors}
    if input_ref is not None:
        statuses.add(400)
        if endpoint.method == "GET":
            operation["parameters"] += _query_parameters(input_ref, schemas)
        else:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": input_ref}}}
            statuses |= {413, 415}
    error = {"$ref": "#/components/schemas/Error"}
    operation["responses"] |= {str(status): _content(ERROR_DESCRIPTIONS[status], error) for status in sorted(statuses)}
    return operation


def _content(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    known = {"id": ID, "name": NAME}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in known.items()
        if "{" + name + "}" in endpoint.path
    ]


def _query_parameters(input_ref: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a query as parameters. A parameter can be absent, but never null."""
    shape = schemas[input_ref["$ref"].rpartition("/")[2]]
    parameters = []
    for name, field in shape["properties"].items():
        schema = next((option for option in field.get("anyOf", ()) if option.get("type") != "null"), field)
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema})
    return parameters
