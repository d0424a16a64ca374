"""`smsgw lanes list` and `set`."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.options import Json
from gateway.cli.output import format_duration, json_line, table
from gateway.cli.session import actor, fail, with_database
from gateway.operations import NotPossible
from gateway.operations.lane_attributes import LANE_ATTRIBUTES, Kind, LaneAttribute

group = typer.Typer(help="List and change lanes. A change takes effect with the next claim.", no_args_is_help=True)


@group.command("list")
def list_(as_json: Json = False) -> None:
    """List lanes, urgent ones first."""
    from gateway.operations.lanes import list_lanes

    found = with_database(list_lanes)
    if as_json:
        for lane in found:
            json_line(asdict(lane))
        return
    table(
        ("LANE", *(one.name.upper().replace("_", " ") for one in LANE_ATTRIBUTES)),
        ((lane.name, *(_format(one, getattr(lane, one.name)) for one in LANE_ATTRIBUTES)) for lane in found),
    )


def _format(attribute: LaneAttribute, value: Any) -> object:
    match attribute.kind:
        case Kind.FLAG:
            return "yes" if value else "no"
        case Kind.DURATION:
            return format_duration(value)
        case _:
            return value


def attribute_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take the attributes of a lane as options. It gets those that are set as `values`."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        values = {}
        for one in LANE_ATTRIBUTES:
            value = given.pop(one.name)
            if value is not None:
                values[one.name] = _read(one, value)
        command(values=values, **given)

    own = inspect.signature(command)
    parameters = [one for one in own.parameters.values() if one.name != "values"]
    # The help lists options in this order: the name of the lane, the attributes, then the reason.
    parameters[1:1] = [_parameter(one) for one in LANE_ATTRIBUTES]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    return run


def _parameter(attribute: LaneAttribute) -> inspect.Parameter:
    name = attribute.options or f"--{attribute.name.replace('_', '-')}"
    types: dict[Kind, Any] = {Kind.INTEGER: int, Kind.FLAG: bool}
    low, high = (attribute.minimum, attribute.maximum) if attribute.kind is Kind.INTEGER else (None, None)
    option = typer.Option(name, help=attribute.help, min=low, max=high)
    annotation: Any = types.get(attribute.kind, str) | None
    return inspect.Parameter(
        attribute.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation, option]
    )


def _read(attribute: LaneAttribute, value: Any) -> Any:
    try:
        return attribute.read(value) if isinstance(value, str) else value
    except NotPossible:
        fail(f"--{attribute.name.replace('_', '-')} must be {attribute.expected}", 2)


@group.command("set")
@attribute_options
def set_(
    *,
    name: Annotated[str, typer.Argument(help="The lane. It is created if it does not exist.")],
    values: dict[str, Any],
    because: Annotated[str | None, typer.Option(help="The reason, for the operator log.")] = None,
) -> None:
    """Change a lane or create it. Settings that are not given stay as they are."""
    from gateway.operations import lanes

    made = with_database(lambda connection: lanes.change(connection, name, values, actor=actor(), because=because))
    typer.echo(f"lane {name} {'created' if made else 'changed'}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="lanes")
