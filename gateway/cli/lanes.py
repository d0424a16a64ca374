"""`smsgw lanes list` and `set`."""

from dataclasses import asdict
from typing import Annotated

import typer

from gateway.cli.connection import actor, fail, seconds, with_database
from gateway.cli.printing import line, span, table

group = typer.Typer(help="See and tune lanes; a change holds from the next claim on.", no_args_is_help=True)


@group.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List lanes, urgent ones first."""
    from gateway.operations.lanes import listed

    found = with_database(listed)
    if as_json:
        for lane in found:
            line(asdict(lane))
        return
    table(
        ("LANE", "URGENT", "WEIGHT", "TTL", "SHARES REQUESTS", "WHEN UNCERTAIN", "ATTEMPTS", "CAP"),
        (
            (
                lane.name,
                "yes" if lane.urgent else "",
                lane.weight,
                span(lane.ttl),
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
    name: Annotated[str, typer.Argument(help="The lane; one that does not exist is made.")],
    urgent: Annotated[bool | None, typer.Option("--urgent/--not-urgent", help="Strictly before all others.")] = None,
    weight: Annotated[int | None, typer.Option(min=1, max=1000, help="Share among lanes that are not urgent.")] = None,
    ttl: Annotated[str | None, typer.Option(help="Time to live of messages that name none: 5m, 24h, 3d.")] = None,
    coalesce: Annotated[bool | None, typer.Option("--coalesce/--alone", help="May messages share a request?")] = None,
    on_uncertain: Annotated[str | None, typer.Option(help="hold: a person decides; resend: a copy is cheap.")] = None,
    max_attempts: Annotated[int | None, typer.Option(min=1, max=1000, help="Budget of each class of attempts.")] = None,
    cap_percent: Annotated[
        int | None, typer.Option(min=1, max=100, help="Of the request limit, what an urgent lane may use.")
    ] = None,
    because: Annotated[str | None, typer.Option(help="Why, for the operator log.")] = None,
) -> None:
    """Change a lane, or make it. What is not named stays as it is."""
    from gateway.operations import lanes

    if on_uncertain not in (None, "hold", "resend"):
        fail("--on-uncertain is hold or resend", 2)
    named = {
        "urgent": urgent, "weight": weight, "ttl": None if ttl is None else seconds("--ttl", ttl), "coalesce": coalesce,
        "on_uncertain": on_uncertain, "max_attempts": max_attempts, "cap_percent": cap_percent,
    }  # fmt: skip
    changed = {column: value for column, value in named.items() if value is not None}

    made = with_database(lambda connection: lanes.change(connection, name, changed, actor=actor(), because=because))
    typer.echo(f"lane {name} {'made' if made else 'changed'}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="lanes")
