"""`smsgw simulate`: the local provider, and its ledger."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import typer


def simulate(
    host: Annotated[str, typer.Option(help="Address to listen on; keep it on loopback.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one and prints it.")] = 8025,
    api_key: Annotated[str | None, typer.Option(help="The only key it accepts.")] = None,
    config: Annotated[Path | None, typer.Option(help="JSON file with settings of /admin/config.")] = None,
    knob: Annotated[list[str] | None, typer.Option(help="One setting as NAME=JSON; repeatable.")] = None,
    faults: Annotated[Path | None, typer.Option(help="Fault plan: a TOML or JSON file, see docs/simulator.md.")] = None,
    ledger_file: Annotated[Path | None, typer.Option(help="Keep the ledger here across restarts.")] = None,
    webhook_url: Annotated[str | None, typer.Option(help="Base address at which every event is registered.")] = None,
    webhook_secret: Annotated[
        str,
        typer.Option(
            envvar="SMSGW_WEBHOOK_SECRET",
            show_envvar=False,
            help="Secret of those registrations. SMSGW_WEBHOOK_SECRET keeps it out of the process list.",
        ),
    ] = "",
    ledger: Annotated[bool, typer.Option("--ledger", help="Print the ledger of a running simulator instead.")] = False,
    url: Annotated[str, typer.Option(help="Address of the running simulator, for --ledger.")] = "http://127.0.0.1:8025",
    as_json: Annotated[bool, typer.Option("--json", help="Print the ledger as JSON, one object a line.")] = False,
) -> None:
    """Run a local simulator of the provider, or print its ledger."""
    if ledger:
        _print_ledger(url, as_json=as_json)
        return
    from gateway.simulator.config import ConfigError, SimulatorConfig
    from gateway.simulator.plan import read_file
    from gateway.simulator.server import serve

    try:
        knobs: dict[str, Any] = json.loads(config.read_text(encoding="utf-8")) if config is not None else {}
        for one in knob or []:
            name, _, value = one.partition("=")
            knobs[name] = json.loads(value)
        if api_key is not None:
            knobs["api_key"] = api_key
        settings = SimulatorConfig().changed(knobs)
        secret = webhook_secret.partition(",")[0].strip()
        if webhook_url is not None and not secret:
            raise ConfigError("--webhook-url needs a secret: set SMSGW_WEBHOOK_SECRET to the one of the gateway")
        plan = read_file(faults) if faults is not None else None
    except (OSError, ValueError, ConfigError) as error:
        typer.echo(f"smsgw simulate: {error}", err=True)
        raise typer.Exit(2) from None
    serving = serve(
        settings,
        host=host,
        port=port,
        ledger_file=ledger_file,
        plan=plan,
        webhook_url=webhook_url,
        webhook_secret=secret,
    )
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


def _print_ledger(url: str, *, as_json: bool) -> None:
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/admin/ledger", timeout=10) as response:  # noqa: S310
            entries = json.load(response)["entries"]
    except (OSError, ValueError):
        typer.echo(f"smsgw simulate: no simulator answers at {url}; give its address with --url", err=True)
        raise typer.Exit(1) from None
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(entry))
        return
    from gateway.cli.output import table

    names = ("external_id", "number", "text", "count")
    table(("external id", "number", "text", "sent"), ([entry[name] for name in names] for entry in entries))
    doubled = sum(1 for entry in entries if entry["count"] > 1)
    typer.echo(f"{len(entries)} texts, {doubled} sent more than once")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)
