"""`smsgw lanes list` and `set`."""

from dataclasses import asdict
from typing import Annotated

import typer

from gateway.cli.options import Json, seconds
from gateway.cli.output import format_duration, json_line, table
from gateway.cli.session import actor, fail, with_database

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
        ("LANE", "URGENT", "WEIGHT", "TTL", "SHARED REQUESTS", "IF UNCERTAIN", "MAX ATTEMPTS", "CAP"),
        (
            (
                lane.name,
                "yes" if lane.urgent else "",
                lane.weight,
                format_duration(lane.ttl),
                "yes" if lane.coalesce else "no",
                lane.on_uncertain,
                lane.max_attempts,
                f"{lane.cap_percent} %",
            )
            for lane in found
        ),
    )


@group.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="The lane. It is created if it does not exist.")],
    urgent: Annotated[
        bool | None, typer.Option("--urgent/--not-urgent", help="Served before all lanes that are not urgent.")
    ] = None,
    weight: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Share among the lanes that are not urgent.")
    ] = None,
    ttl: Annotated[str | None, typer.Option(help="Time to live of messages without expires_at: 5m, 24h, 3d.")] = None,
    coalesce: Annotated[
        bool | None, typer.Option("--coalesce/--alone", help="Whether messages may share a request.")
    ] = None,
    on_uncertain: Annotated[
        str | None, typer.Option(help="hold: an operator decides; resend: send a second copy.")
    ] = None,
    max_attempts: Annotated[int | None, typer.Option(min=1, max=1000, help="Most attempts of each kind.")] = None,
    cap_percent: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Share of the request limit that an urgent lane may use, in percent."),
    ] = None,
    because: Annotated[str | None, typer.Option(help="The reason, for the operator log.")] = None,
) -> None:
    """Change a lane or create it. Settings that are not given stay as they are."""
    from gateway.operations import lanes

    if on_uncertain not in (None, "hold", "resend"):
        fail("--on-uncertain must be hold or resend", 2)
    named = {
        "urgent": urgent, "weight": weight, "ttl": None if ttl is None else seconds("--ttl", ttl), "coalesce": coalesce,
        "on_uncertain": on_uncertain, "max_attempts": max_attempts, "cap_percent": cap_percent,
    }  # fmt: skip
    changed = {column: value for column, value in named.items() if value is not None}

    made = with_database(lambda connection: lanes.change(connection, name, changed, actor=actor(), because=because))
    typer.echo(f"lane {name} {'created' if made else 'changed'}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="lanes")
