"""`smsgw webhook register`, `list` and `delete`."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from gateway.cli.options import Json
from gateway.cli.output import json_line, table
from gateway.cli.session import actor, fail, settings, with_database, with_provider

group = typer.Typer(help="Webhook registrations at the provider.", no_args_is_help=True)

EVENTS_PER_PART = 4
"""Webhook calls for one part: accepted, sent, and its result, with room for a reply."""

UNLIMITED = 100_000
"""Calls a minute if parts are not limited: more than a short code can cause."""


@group.command()
def register(
    url: Annotated[
        str, typer.Option(help="Public address of the webhook listener, for example https://sms.example.org")
    ],
    alert_email: Annotated[str | None, typer.Option(help="Where the provider sends a mail when calls fail.")] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Most calls a minute. Default: from SMSGW_PARTS_PER_MINUTE.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be registered and change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Register one address for each event. Existing registrations stay as they are."""
    from gateway.operations.webhooks import desired_webhooks
    from gateway.provider.registry import DEFAULT
    from gateway.store import actions

    base = _base(url)
    found = settings()
    if not found.webhook_secret:
        fail("SMSGW_WEBHOOK_SECRET is not set; to create one: openssl rand -hex 64", 2)
    pace = found.parts_per_minute * EVENTS_PER_PART or UNLIMITED
    secret = found.webhook_secret[0].get_secret_value()
    wanted = desired_webhooks(DEFAULT.webhooks, base, secret, alert_email, per_minute or pace)

    done = with_provider(found, lambda provider: _apply(provider, wanted, dry_run=dry_run))
    created = [webhook_id for step, webhook_id in done if step.what == "register"]
    if created and not dry_run and found.database_url is not None:
        detail = {"url": base, "ids": created}
        with_database(
            lambda connection: actions.record(connection, actor=actor(), action="webhook_register", detail=detail)
        )
    _print_steps(done, dry_run=dry_run, as_json=as_json)


async def _apply(provider: Any, wanted: Any, *, dry_run: bool) -> list[tuple[Any, int | None]]:
    """Register what is missing; return every step of the plan with the id of its registration."""
    from gateway.operations.webhooks import plan

    done: list[tuple[Any, int | None]] = []
    for step in plan(wanted, await provider.webhooks()):
        webhook_id = step.webhook_id
        if step.what == "register" and not dry_run:
            webhook_id = (await provider.register_webhook(step.spec)).id
        done.append((step, webhook_id))
    return done


def _print_steps(done: list[tuple[Any, int | None]], *, dry_run: bool, as_json: bool) -> None:
    verbs = {"register": "would register" if dry_run else "registered", "keep": "kept", "other": "OTHER"}
    for step, webhook_id in done:
        if as_json:
            json_line({"what": step.what, "event": step.event, "url": step.url, "id": webhook_id, "dry_run": dry_run})
        else:
            id_note = "" if webhook_id is None else f"  (id {webhook_id})"
            typer.echo(f"{verbs[step.what]:15}{step.event:18}{step.url}{id_note}")
    other = [webhook_id for step, webhook_id in done if step.what == "other"]
    if other and not as_json:
        typer.echo(
            "OTHER: another address is registered for the same event and is called too. "
            f"To delete it: smsgw webhook delete {other[0]}"
        )


@group.command("list")
def list_(as_json: Json = False) -> None:
    """List every registration of the account. Secrets cannot be read back."""
    rows = with_provider(settings(), lambda provider: provider.webhooks())
    if as_json:
        for row in rows:
            json_line(asdict(row))
        return
    table(("ID", "EVENT", "ADDRESS", "ALERT EMAIL"), ((row.id, row.event, row.url, row.alert_email) for row in rows))


@group.command()
def delete(webhook_id: Annotated[int, typer.Argument(metavar="ID", help="From smsgw webhook list.")]) -> None:
    """Delete a registration."""
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
    """Return the base of the events' addresses. The provider accepts only https."""
    from gateway.provider.registry import DEFAULT

    parts = urlsplit(url)
    loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in {"http", "https"} or (parts.scheme == "http" and not loopback):
        fail("--url must be an https address that the provider can reach, for example https://sms.example.org", 2)
    if parts.query or parts.fragment:
        fail("--url must not contain ? or #; each event gets its own path", 2)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or DEFAULT.webhooks.path}"


def register_group(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="webhook")
