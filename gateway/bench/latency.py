"""Latency from commit to send: idle, compared with a bare NOTIFY, and a login code during a campaign at the limit."""

import asyncio
import random
import time
from typing import Any
from uuid import uuid4

import aiohttp

from gateway.bench.context import Bench, percentile
from gateway.bench.database import Database, sql
from gateway.bench.floors import notify_wake
from gateway.bench.processes import BenchError, gateway
from gateway.bench.rawclient import body
from gateway.bench.results import Better, Line, Measure, Result
from gateway.provider.registry import ROUTES
from gateway.store import buckets
from gateway.store.buckets import requests_bucket
from gateway.store.pool import Connection, connect

TARGET_WAKE = 3.0
"""Times a bare NOTIFY."""

TARGET_OTP = 20.0
"""Milliseconds beyond the next token."""

LEAST_NUMBERS = 60_000_000
OTP_NUMBERS = 50_000_000
"""The first number of login codes, above those of every backlog."""


async def wake(bench: Bench) -> Result:
    """A single message of an idle gateway: commit to send, alternating with a bare NOTIFY."""
    result, probes = Result("wake"), bench.scale.probes
    async with (
        bench.filled(0, "otp") as database,
        gateway(bench.folder, database.dsn, bench.server.base, concurrency=bench.concurrency),
    ):
        await _await_first(bench, database)
        bare = await notify_wake(database, bench.folder, probes // 2)
        ours = await _lone(bench, database, probes, lane="default", first=1)
        bare += await notify_wake(database, bench.folder, probes - probes // 2)
        least = await _least(bench, database, probes)
    p50, p99 = percentile(ours, 0.5), percentile(ours, 0.99)
    bare50, bare99 = percentile(bare, 0.5), percentile(bare, 0.99)
    least50, least99 = percentile(least, 0.5), percentile(least, 0.99)
    result.lines = [
        Line("bare NOTIFY: commit → callback", {"p50_ms": bare50 * 1e3, "p99_ms": bare99 * 1e3}),
        Line(
            "bare NOTIFY, one durable claim, bare POST: commit → wire",
            {"p50_ms": least50 * 1e3, "p99_ms": least99 * 1e3},
        ),
        Line("smsgw, idle: commit → wire", {"p50_ms": p50 * 1e3, "p99_ms": p99 * 1e3}),
    ]
    result.measures = [
        Measure("commit → wire, idle, p50 ÷ bare NOTIFY", p50 / bare50, "×", TARGET_WAKE, Better.LOWER),
        Measure("commit → wire, idle, p99 ÷ bare NOTIFY", p99 / bare99, "×", TARGET_WAKE, Better.LOWER),
        Measure("commit → wire, idle, p50 ÷ NOTIFY + one claim + POST", p50 / least50, "×"),
        Measure("commit → wire, idle, p99 ÷ NOTIFY + one claim + POST", p99 / least99, "×"),
    ]
    return result


async def _await_first(bench: Bench, database: Database) -> None:
    """Send one message to warm up, then wait until the gateway is idle."""
    await database.run("insert_lane", "+99900000000000", "warm", "default")
    stats = await bench.server.await_messages(1, patience=bench.scale.patience)
    if stats["distinct"] < 1:
        raise BenchError("the gateway sent nothing")
    await asyncio.sleep(1.0)


async def _lone(bench: Bench, database: Database, probes: int, *, lane: str, first: int) -> list[float]:
    """Return the seconds from each commit to the arrival at the server, for single messages."""
    committed: dict[str, float] = {}
    application = await connect(database.dsn, purpose="bench application")
    try:
        statement = sql("insert_lane")
        for n in range(first, first + probes):
            number = f"+999{n:011}"
            async with application.transaction():
                await application.execute(statement, number, "a lone one", lane)
            committed[number] = time.monotonic()
            await asyncio.sleep(0.04 + 0.02 * random.random())
        await bench.server.await_messages(probes + 1, patience=bench.scale.patience)
    finally:
        await application.close()
    arrived = await bench.server.arrivals()
    missing = committed.keys() - arrived.keys()
    if missing:
        raise BenchError(f"{len(missing)} of {probes} single messages did not arrive")
    return [max(0.0, arrived[number] - when) for number, when in committed.items()]


async def _least(bench: Bench, database: Database, probes: int) -> list[float]:
    """Return the latency of a minimal outbox from commit to send: woken by NOTIFY, one durable claim, a POST.

    It shows what a wake is made of where something must be committed before the first byte may leave.
    """
    await database.run("bare_table")
    listener = await connect(database.dsn, purpose="bench listener")
    claimer = await connect(database.dsn, purpose="bench claimer")
    application = await connect(database.dsn, purpose="bench application")
    claim = await claimer.prepare(sql("bare_claim"))
    rung = asyncio.Event()
    committed: dict[str, float] = {}
    await listener.add_listener("bench", lambda *_: rung.set())
    try:
        async with aiohttp.ClientSession() as session:
            for n in range(probes):
                number = LEAST_NUMBERS + n
                rung.clear()
                async with application.transaction():
                    await application.execute(sql("bare_lone"), f"+999{number:011}")
                    await application.execute("notify bench")
                committed[f"+999{number:011}"] = time.monotonic()
                await asyncio.wait_for(rung.wait(), 10.0)
                await claim.fetch(1, uuid4())
                async with session.post(f"{bench.server.base}/v3/send", data=body(number)) as response:
                    await response.read()
                await asyncio.sleep(0.02)
    finally:
        for one in (listener, claimer, application):
            await one.close()
    arrived = await bench.server.arrivals()
    return [max(0.0, arrived[number] - when) for number, when in committed.items()]


async def urgent(bench: Bench) -> Result:
    """A login code during a campaign that uses every token: how long it waits beyond the next token."""
    result, excess, waits = Result("otp"), [], []
    limits: dict[str, Any] = {"request_limit": 200, "request_window": "15s", "request_spare": 0}
    async with (
        bench.filled(bench.scale.backlog, "bulk") as database,
        gateway(
            bench.folder, database.dsn, bench.server.base, concurrency=bench.concurrency, max_recipients=1, **limits
        ),
    ):
        await bench.server.await_messages(25, patience=bench.scale.patience)
        await asyncio.sleep(2.0)
        expected: dict[str, tuple[float, float]] = {}
        application = await connect(database.dsn, purpose="bench application")
        try:
            for n in range(bench.scale.probes):
                number = f"+999{OTP_NUMBERS + n:011}"
                async with application.transaction():
                    await application.execute(sql("insert_lane"), number, "Your code is 123456", "otp")
                    wait = await _next_token(application)
                expected[number] = (time.monotonic(), wait)
                # Longer than two tokens take, so that a code never waits for another code.
                await asyncio.sleep(0.2 + 0.1 * random.random())
            await asyncio.sleep(2.0)
        finally:
            await application.close()
        arrived = await bench.server.arrivals()
        waiting = await database.value("waiting")
    for number, (committed, wait) in expected.items():
        if number not in arrived:
            raise BenchError("a login code did not arrive")
        waits.append(arrived[number] - committed)
        excess.append(arrived[number] - committed - wait)
    p50, p99 = percentile(excess, 0.5) * 1e3, percentile(excess, 0.99) * 1e3
    result.lines = [
        Line(
            f"login codes behind {waiting:,} bulk messages",
            {
                "p50_ms": percentile(waits, 0.5) * 1e3,
                "p99_ms": percentile(waits, 0.99) * 1e3,
                "beyond_token_p50_ms": p50,
                "beyond_token_p99_ms": p99,
            },
        )
    ]
    note = f"behind {waiting:,} bulk messages, limiter full"
    result.measures = [
        Measure("login code: commit → wire p99 beyond the next token", p99, "ms", TARGET_OTP, Better.LOWER, note)
    ]
    return result


async def _next_token(application: Connection) -> float:
    """Return the seconds until an urgent lane may take a token: zero while the reserve has one."""
    states, _ = await buckets.list_buckets(application, [requests_bucket(ROUTES[0])])
    return states[0].wait or 0.0
