"""`smsgw webhook register`, `list` and `delete`."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from gateway.cli.connection import actor, fail, settings, with_database, with_provider
from gateway.cli.printing import line, table

group = typer.Typer(help="The registrations by which the provider tells us.", no_args_is_help=True)

EVENTS_PER_PART = 4
"""Calls that one part makes: handed over, sent, and its end, with room for a reply."""

UNPACED = 100_000
"""Calls a minute where no pace is set: more than a short code can cause."""

PATH = "/webhooks/mta"


@group.command()
def register(
    url: Annotated[
        str, typer.Option(help="Where this gateway's listener is reached, for example https://sms.example.org")
    ],
    alert_email: Annotated[str | None, typer.Option(help="Whom the provider tells when calls fail.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Most calls a minute; default by the pace.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Register one address for each event; what is registered already stays as it is."""
    from gateway.app.webhooks import desired_webhooks, plan
    from gateway.store import actions

    base = _base(url)
    found = settings()
    if not found.webhook_secret:
        fail("SMSGW_WEBHOOK_SECRET is not set; make one, for example: openssl rand -hex 64", 2)
    pace = found.parts_per_minute * EVENTS_PER_PART or UNPACED
    wanted = desired_webhooks(base, found.webhook_secret[0].get_secret_value(), alert_email, per_minute or pace)

    async def work(provider: Any) -> list[tuple[str, Any, int | None]]:
        steps = plan(wanted, await provider.webhooks())
        done: list[tuple[str, Any, int | None]] = []
        for step in steps:
            made = None
            if step.what == "register" and not dry_run:
                made = (await provider.register_webhook(step.spec)).id
            done.append((step.what, step, step.webhook_id if made is None else made))
        return done

    done = with_provider(found, work)
    made = [webhook_id for what, _, webhook_id in done if what == "register"]
    if made and not dry_run and found.database_url is not None:
        with_database(
            lambda connection: actions.record(
                connection, actor=actor(), action="webhook_register", detail={"url": base, "ids": made}
            )
        )
    for what, step, webhook_id in done:
        verb = {"register": "would register" if dry_run else "registered", "keep": "kept", "other": "OTHER"}[what]
        if as_json:
            line({"what": what, "event": step.event, "url": step.url, "id": webhook_id, "dry_run": dry_run})
        else:
            known_as = "" if webhook_id is None else f"  (id {webhook_id})"
            typer.echo(f"{verb:15}{step.event:18}{step.url}{known_as}")
    if any(what == "other" for what, _, _ in done) and not as_json:
        typer.echo(
            "OTHER: registered for the same event elsewhere, and called too; remove it by: smsgw webhook delete ID"
        )


@group.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List every registration of the account. Secrets cannot be read back."""
    rows = with_provider(settings(), lambda provider: provider.webhooks())
    if as_json:
        for row in rows:
            line(asdict(row))
        return
    table(("ID", "EVENT", "ADDRESS", "ALERTS"), ((row.id, row.event, row.url, row.alert_email) for row in rows))


@group.command()
def delete(webhook_id: Annotated[int, typer.Argument(metavar="ID", help="From smsgw webhook list.")]) -> None:
    """Take a registration away."""
    from gateway.store import actions

    found = settings()

    async def work(provider: Any) -> bool:
        if all(row.id != webhook_id for row in await provider.webhooks()):
            return False
        await provider.delete_webhook(webhook_id)
        return True

    if not with_provider(found, work):
        fail(f"there is no registration {webhook_id}")
    if found.database_url is not None:
        with_database(
            lambda connection: actions.record(
                connection, actor=actor(), action="webhook_delete", detail={"id": webhook_id}
            )
        )
    typer.echo(f"deleted {webhook_id}")


def _base(url: str) -> str:
    """Return the address below which each event has its own; the provider takes https only."""
    parts = urlsplit(url)
    loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in {"http", "https"} or (parts.scheme == "http" and not loopback):
        fail("--url: must be an https address that the provider can reach, for example https://sms.example.org", 2)
    if parts.query or parts.fragment:
        fail("--url: leave out ? and #; each event gets a path of its own", 2)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or PATH}"


def register_group(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="webhook")
