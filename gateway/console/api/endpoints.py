"""A call of the API: declared once, and from that declaration served, checked and described."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from gateway.console.auth import Identity
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.inputs import BadInput, identifier
from gateway.domain.lanes import LANE_NAME

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What a call was asked."""

    deps: ConsoleDeps
    who: Identity
    path: dict[str, str]
    given: Any
    """The body or the query, as the type that the call declares."""

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
    answer: Any
    """The type of what comes back."""
    handler: Callable[[ApiRequest], Awaitable[Any]]
    takes: Any = None
    """The type of the body, or of the query where the method is GET."""
    changes: bool = False
    """Whether it needs the role operator."""
    fails: tuple[int, ...] = ()
    """Statuses beside those that every call can answer."""

    @cached_property
    def input(self) -> "TypeAdapter[Any] | None":
        """What checks the input."""
        return None if self.takes is None else TypeAdapter(self.takes)

    @cached_property
    def output(self) -> "TypeAdapter[Any]":
        """What writes the answer."""
        return TypeAdapter(self.answer)

    def route(self, deps: ConsoleDeps) -> web.RouteDef:
        """Return the route that serves the call."""

        async def serve(request: web.Request) -> web.Response:
            given = None if self.input is None else await self._read(request, self.input)
            asked = ApiRequest(deps, identity(request), dict(request.match_info), given)
            value = await self.handler(asked)
            return web.Response(body=self.output.dump_json(value), content_type=JSON)

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
            raise BadInput(sentence(error)) from None


def sentence(error: ValidationError) -> str:
    """Return what is wrong first, without the value: it may be a number or a text."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def routes(deps: ConsoleDeps, calls: Iterable[Endpoint]) -> list[web.RouteDef]:
    """Return the routes of calls."""
    return [call.route(deps) for call in calls]
