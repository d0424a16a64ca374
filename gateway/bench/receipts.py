"""Durable receipts a second, compared with a handler that only checks the signature.

In one run, with one generator and the same signed bodies: first a bare aiohttp handler that checks the HMAC and
answers, then `smsgw run --only webhook` on a Postgres that syncs, with the fold on. Every 200 of the second is a
committed receipt; the benchmark fails if the journal holds fewer.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from gateway.bench.context import Bench, median, middle
from gateway.bench.database import Database
from gateway.bench.posting import SECRET, Load
from gateway.bench.processes import START_TIMEOUT, BenchError, child
from gateway.bench.results import Better, Line, Measure, Result
from gateway.provider.mta.signature import sign

EVENTS = ("message-send", "delivery-status", "delivery-status")
STATUSES = (3, 3, 4)
MEMBERS = 500
"""Messages of one request, the gateway's default maximum."""

PATIENCE = 120.0
TARGET_RATIO, TARGET_P99 = 0.6, 25.0


@dataclass(frozen=True, slots=True)
class Durable:
    """What the gateway's listener did with all receipts of one run."""

    load: Load
    behind_at_end: int
    """Receipts that were journalled and not yet applied when the load ended."""
    caught_up_after: float
    """Seconds from the end of the load until every receipt was applied."""


async def receipts(bench: Bench) -> Result:
    """Three receipts for each message, through the bare handler and through the gateway."""
    result, count = Result("receipts"), max(MEMBERS // 5, bench.scale.coalesced // 5)
    members = min(MEMBERS, count)
    requests = [uuid4() for _ in range(count // members)]
    sent = bench.folder / "receipts"
    every = bodies(requests, members)
    sent.write_bytes(b"\0".join(every))
    async with _serving(["-m", "gateway.bench.posting", "serve", "nothing"], bench.folder) as port:
        ceiling = await _load(bench, port, sent)
    bare: list[Load] = []
    durable: list[Durable] = []
    for _ in range(bench.scale.repeat):
        async with _serving(["-m", "gateway.bench.posting", "serve", "bare"], bench.folder) as port:
            bare.append(await _load(bench, port, sent))
        async with bench.databases.fresh() as database:
            await _bind(database, requests, members)
            durable.append(await _through_the_gateway(bench, database, sent, len(requests) * members))
    best = middle(durable, lambda run: run.load.per_second)
    result.lines = [
        _line("a server that does nothing", ceiling),
        _line("bare handler: signature and 200", middle(bare, lambda one: one.per_second)),
        _line("smsgw: signature, commit, 200, fold", best.load),
    ]
    note = f"{best.behind_at_end:,} of {len(every):,} not applied at the end, all {best.caught_up_after:.1f} s later"
    ratio = median([one.load.per_second / other.per_second for one, other in zip(durable, bare, strict=True)])
    result.measures = [
        Measure("durable receipts ÷ bare handler", ratio, "", TARGET_RATIO, Better.HIGHER, note),
        Measure("durable receipts p99", best.load.p99_ms, "ms", TARGET_P99, Better.LOWER),
    ]
    return result


def _line(name: str, load: Load) -> Line:
    return Line(name, {"receipts_per_second": load.per_second, "p50_ms": load.p50_ms, "p99_ms": load.p99_ms})


def bodies(requests: Sequence[UUID], members: int) -> list[bytes]:
    """Return the signed HTTP requests of every message's three events, as they would interleave."""
    made = []
    for step, event in enumerate(EVENTS):
        for request in requests:
            for number in range(members):
                body = json.dumps(
                    {
                        "type": event, "messageId": str(request), "externalId": f"{request.hex}-0",
                        "status": STATUSES[step], "fromNumber": "+18005550199", "toNumber": f"+1202555{number:04}",
                        "timestamp": f"2026-05-01T18:43:1{step}.000Z", "tags": {"lane": "bulk"},
                    },
                    separators=(",", ":"),
                ).encode()  # fmt: skip
                made.append(
                    f"POST /webhooks/mta/{event} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    f"X-Signature: {sign(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
    # The three events of one message are some hundred receipts apart, as at full speed.
    third, window = len(made) // len(EVENTS), 200
    order = sorted(range(len(made)), key=lambda index: (index % third) + (index // third) * window)
    return [made[index] for index in order]


async def _bind(database: Database, requests: Sequence[UUID], members: int) -> None:
    for request in requests:
        made = await database.value("receipts_fill", request, members)
        await database.run("receipts_bind", request, made)
    await database.settle()


async def _through_the_gateway(bench: Bench, database: Database, sent: Path, messages: int) -> Durable:
    port = _free_port()
    environment = {
        "SMSGW_DATABASE_URL": database.dsn, "SMSGW_WEBHOOK_SECRET": SECRET, "SMSGW_LOG_LEVEL": "warning",
        "SMSGW_WEBHOOK_LISTEN": f"127.0.0.1:{port}",
    }  # fmt: skip
    arguments = ["-m", "gateway.cli", "run", "--only", "webhook"]
    async with _serving(arguments, bench.folder, port=port, environment=environment):
        load = await _load(bench, port, sent)
        ended = time.monotonic()
        state = await database.row("receipts_state")
        journalled, behind = state["journalled"], state["unapplied"]
        async with asyncio.timeout(PATIENCE):
            while state["unapplied"]:
                await asyncio.sleep(0.1)
                state = await database.row("receipts_state")
        caught_up = time.monotonic() - ended
    if load.refused or journalled != len(EVENTS) * messages or state["delivered"] != messages:
        raise BenchError(
            f"{load.refused} refused, {journalled:,} in the journal, {state['delivered']:,} of {messages:,} delivered"
        )
    return Durable(load, behind, caught_up)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _serving(
    arguments: Sequence[str], folder: Path, *, port: int | None = None, environment: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Run a server until the end of the context; gives its port, which is its last argument if none was given."""
    if port is None:
        port = _free_port()
        arguments = [*arguments, str(port)]
    async with child([sys.executable, *arguments], folder / "receipts.log", environment=environment) as process:
        async with asyncio.timeout(START_TIMEOUT):
            while not await _listens(port):
                if process.ended:
                    raise BenchError(f"the server ended during its start: {process.last_words()}")
                await asyncio.sleep(0.05)
        yield port


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _load(bench: Bench, port: int, sent: Path) -> Load:
    """Generate in a process of its own, so that it shares no interpreter with what it measures."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "gateway.bench.posting",
        "generate",
        sent,
        str(port),
        str(bench.concurrency),
    ]
    async with child(command, bench.folder / "receipts.log", output=True) as process:
        return Load(**await process.result(PATIENCE))
