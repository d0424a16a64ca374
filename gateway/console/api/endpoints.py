"""An endpoint of the API: declared once, then served, validated and described from that declaration."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from gateway.console.auth import Identity
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.inputs import InvalidInput, identifier
from gateway.domain.lanes import LANE_NAME

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A validated request."""

    deps: ConsoleDeps
    identity: Identity
    path: dict[str, str]
    input: Any
    """The body or the query, of the endpoint's input type."""

    @property
    def id(self) -> int:
        """The id in the path; raises 404 for one that no row can have."""
        return identifier(self.path["id"])


@dataclass(frozen=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    name: str
    summary: str
    output_type: Any
    handler: Callable[[ApiRequest], Awaitable[Any]]
    input_type: Any = None
    """The type of the body, or of the query if the method is GET."""
    needs_operator: bool = False
    errors: tuple[int, ...] = ()
    """Statuses besides those of every endpoint."""

    @cached_property
    def input_adapter(self) -> "TypeAdapter[Any] | None":
        """Validates the input."""
        return None if self.input_type is None else TypeAdapter(self.input_type)

    @cached_property
    def output_adapter(self) -> "TypeAdapter[Any]":
        """Writes the output."""
        return TypeAdapter(self.output_type)

    def route(self, deps: ConsoleDeps) -> web.RouteDef:
        """Return the route that serves the endpoint."""

        async def serve(request: web.Request) -> web.Response:
            value = None if self.input_adapter is None else await self._read(request, self.input_adapter)
            output = await self.handler(ApiRequest(deps, identity(request), dict(request.match_info), value))
            return web.Response(body=self.output_adapter.dump_json(output), content_type=JSON)

        path = self.path.replace("{id}", "{id:[0-9]{1,19}}").replace("{name}", f"{{name:{LANE_NAME}}}")
        return web.route(self.method, path, serve)

    async def _read(self, request: web.Request, adapter: "TypeAdapter[Any]") -> Any:
        try:
            if self.method == "GET":
                return adapter.validate_strings(dict(request.query))
            if request.content_type != JSON:
                raise web.HTTPUnsupportedMediaType(text="Send application/json.")
            return adapter.validate_json(await request.read(), strict=True)
        except ValidationError as error:
            raise InvalidInput(first_error(error)) from None


def first_error(error: ValidationError) -> str:
    """Return the first error without the value, which may be a number or a text."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def routes(deps: ConsoleDeps, endpoints: Iterable[Endpoint]) -> list[web.RouteDef]:
    """Return the routes of endpoints."""
    return [endpoint.route(deps) for endpoint in endpoints]
