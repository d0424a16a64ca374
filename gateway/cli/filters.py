"""Adds an option for each filter of messages to a command."""

import functools
import inspect
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gateway.cli.session import fail
from gateway.operations.filters import FilterInput, InvalidFilter, filter_inputs, read_filters


def filter_options(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take the filters as options, some left out by their names.

    The command has a keyword parameter `filters` instead, a `gateway.store.filters.Filters`. A text that cannot be read
    ends the command with exit code 2 and an error that names the option.
    """
    offered = filter_inputs(without=without)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            texts = {one.name: _texts(given.pop(one.parameter)) for one in offered}
            try:
                filters = read_filters(texts, now=datetime.now(UTC))
            except InvalidFilter as error:
                fail(f"--{error}", 2)
            command(filters=filters, **given)

        own = inspect.signature(command)
        # The help lists options in this order: the filters, then the command's own.
        others = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own.parameters.values() if one.name != "filters"
        ]
        parameters = [*(_parameter(one) for one in offered), *others]
        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
        return run

    return decorate


def _texts(value: str | list[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value


def _parameter(one: FilterInput) -> inspect.Parameter:
    option = typer.Option(f"--{one.name}", help=one.help, autocompletion=_completion(one))
    annotation: Any = list[str] | None if one.repeatable else str | None
    return inspect.Parameter(
        one.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation, option]
    )


def _completion(one: FilterInput) -> Callable[[str], list[str]] | None:
    """Return what the shell may complete the value to, where the values are known."""
    if not one.choices:
        return None
    return lambda incomplete: [choice for choice in one.choices if choice.startswith(incomplete)]
