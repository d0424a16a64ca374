"""`smsgw bench`: measure, plan on paper, and write the page."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.options import seconds
from gateway.cli.output import json_line, table
from gateway.cli.session import fail, run_async

RESULTS = Path(".smsgw") / "bench.json"
DOCS = Path("docs")

app = typer.Typer(
    help="Measure the gateway against lower bounds and other queues; plan capacity.", no_args_is_help=True
)


@app.command("list")
def list_() -> None:
    """List the benchmarks."""
    from gateway.bench.registry import BENCHMARKS

    table(("name", "short set", "what"), [(one.name, "yes" if one.short else "no", one.about) for one in BENCHMARKS])


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks to run; default: those of the scale.")] = None,
    scale: Annotated[str, typer.Option(help="tiny, short or full: how much is sent, and how often.")] = "short",
    concurrency: Annotated[int, typer.Option(help="Requests in flight.", min=4)] = 64,
    delay: Annotated[str, typer.Option(help="Time that the counting server takes to answer; 0ms for none.")] = "10ms",
    history: Annotated[int | None, typer.Option(help="Finished rows, instead of the scale's.", min=1)] = None,
    backlog: Annotated[int | None, typer.Option(help="Waiting rows, instead of the scale's.", min=1)] = None,
    out: Annotated[Path, typer.Option(help="File for the results; a table is always printed.")] = RESULTS,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep results in that file that this run does not replace.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a measure.")] = False,
) -> None:
    """Measure on a Postgres of its own. The machine should do nothing else during the run."""
    from dataclasses import replace

    from gateway.bench import registry
    from gateway.bench.context import SCALES
    from gateway.bench.processes import BenchError
    from gateway.bench.results import Report, merged, read
    from gateway.embedded import EmbeddedError

    if scale not in SCALES:
        fail(f"--scale takes {', '.join(SCALES)}", 2)
    sizes = SCALES[scale]
    sizes = replace(sizes, history=history or sizes.history, backlog=backlog or sizes.backlog)
    # Without --out, which does not change the figures.
    given = {"scale": scale, "concurrency": concurrency, "delay": delay, "history": history, "backlog": backlog}
    options = (f"--{name} {value}" for name, value in given.items() if value is not None)
    command = " ".join(["smsgw bench run", *(names or []), *options])
    try:
        benchmarks = registry.chosen(names or [], sizes)
        older = read(out) if keep and out.exists() else None

        def tell(report: Report) -> None:
            _tell(report.results[-1])
            (report if older is None else merged(older, report)).write(out)

        working = registry.run(
            benchmarks, sizes, concurrency=concurrency, delay=seconds("--delay", delay), command=command, tell=tell
        )
        report = run_async(working)
    except (BenchError, EmbeddedError) as error:
        fail(str(error))
    _show(report, as_json=as_json)
    typer.echo(f"results: {out}", err=True)
    broken = [result.benchmark for result in report.results if result.failed]
    if broken:
        fail(f"not measured: {', '.join(broken)}")


@app.command()
def page(
    source: Annotated[Path, typer.Option("--from", help="Results of a run.")] = DOCS / "performance.json",
    docs: Annotated[Path, typer.Option(help="The folder of performance.md.")] = DOCS,
) -> None:
    """Write docs/performance.md and its plots from the results of a run."""
    from gateway.bench.page import write_page
    from gateway.bench.results import read

    try:
        report = read(source)
        write_page(report, docs)
    except ImportError:
        fail("the plots need matplotlib; install sms-outbox-gateway[bench]")
    except (OSError, ValueError, KeyError) as error:
        fail(f"{source} contains no results: {type(error).__name__}")
    if source.resolve() != (docs / "performance.json").resolve():
        report.write(docs / "performance.json")
    typer.echo(f"{docs / 'performance.md'} is written")


@app.command("plan")
def plan_(
    per_day: Annotated[list[int] | None, typer.Option(help="Messages a day; repeatable.", min=1)] = None,
    hours: Annotated[float, typer.Option(help="Hours of a day in which they are sent.", min=0.1, max=24.0)] = 12.0,
    peak: Annotated[float, typer.Option(help="The busiest minute, as a multiple of the average.", min=1.0)] = 3.0,
    parts: Annotated[float, typer.Option(help="Parts of a text, on average.", min=1.0)] = 1.0,
    retention_days: Annotated[float, typer.Option(help="Days for which finished messages are kept.", min=0.0)] = 90.0,
    alone: Annotated[bool, typer.Option("--alone", help="Each message has its own request.")] = False,
    source: Annotated[Path | None, typer.Option("--from", help="Results of a run on your machine.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object a plan.")] = False,
) -> None:
    """Print the route, the number of replicas and the size of Postgres that a load needs. Measures nothing."""
    from gateway.bench.page import plan_rows
    from gateway.bench.plan import EXAMPLES, MEASURED, Load, costs_of, plan
    from gateway.bench.results import read

    try:
        costs = MEASURED if source is None else costs_of(read(source), MEASURED)
    except (OSError, ValueError, KeyError) as error:
        fail(f"{source} contains no results: {type(error).__name__}")
    loads = [
        Load(count, hours, peak, parts, coalesces=not alone, retention_days=retention_days)
        for count in per_day or EXAMPLES
    ]
    plans = [plan(load, costs) for load in loads]
    if as_json:
        for one in plans:
            json_line(asdict(one))
        return
    table(("", *(f"{one.load.per_day:,} a day" for one in plans)), plan_rows(plans))
    for one in plans:
        for change in one.changes:
            typer.echo(f"\nat {one.load.per_day:,} a day: {change}")


def _tell(result: Any) -> None:
    words = f"failed: {result.failed}" if result.failed else f"{result.seconds:.0f} s"
    typer.echo(f"{result.benchmark}: {words}", err=True)


def _show(report: Any, *, as_json: bool) -> None:
    from gateway.bench.results import target_rows

    if as_json:
        for measure in report.measures():
            json_line(asdict(measure) | {"ratio": measure.ratio, "reached": measure.reached})
        return
    table(("measure", "target", "measured", "ratio", "verdict"), target_rows(report.measures()))
    for result in report.results:
        for one in result.lines:
            words = one.failed or "  ".join(f"{name}={_short(value)}" for name, value in one.values.items())
            typer.echo(f"{result.benchmark}: {one.name}: {words}")


def _short(value: object) -> str:
    return (
        f"{value:.4g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )


def register_group(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="bench")
