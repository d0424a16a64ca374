"""A gateway that dies at a step and is started again, and what must be true afterwards."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiohttp import web
from support.failpoints import DIED
from support.invariants import NEVER, contradiction
from support.processes import SECRET, free_port
from support.scenario import CONSTANTS, KNOBS, SETTINGS, Scenario, Want

from gateway.receipts.signature import sign
from gateway.simulator.config import SimulatorConfig
from gateway.simulator.plan import read_plan
from gateway.simulator.server import build_app, register_all
from gateway.simulator.state import Account, open_account

PATIENCE = 60.0
"""Seconds after which a run has failed; no run is meant to take more than a few."""

KEPT = ("lane", "installation", "migration")

FAST_FORWARD = """
    update smsgw.request set due_at = clock_timestamp()
    where dispatch = 'in_flight' and claim_token is null and due_at > clock_timestamp();
    update smsgw.bucket set blocked_until = null where blocked_until is not null;
    update smsgw.route set retry_at = clock_timestamp() where probe is null and retry_at > clock_timestamp();
    delete from smsgw.pause where actor = 'gateway';
"""
"""What a person and the clock would do in minutes: let retries be due, lift what an answer has stopped."""

EXPIRE_LEASES = """
    update smsgw.request set due_at = clock_timestamp() where dispatch = 'in_flight';
    update smsgw.route set retry_at = clock_timestamp() where retry_at is not null;
"""
"""The leases of a dead process are over."""


async def _slow(body: bytes) -> AsyncIterator[bytes]:
    # The client sends the headers together with the first piece.
    yield body[:5]
    await asyncio.sleep(0.05)
    yield body[5:]


class InvariantViolation(AssertionError):
    """A promise is broken, or a run did not end."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to."""

    died: bool
    """At the step that was asked for."""


class Harness:
    """A database, a provider and a process that forks gateways; one run at a time."""

    def __init__(self, dsn: str, folder: Path, connection: Any, victim: asyncio.subprocess.Process) -> None:
        self.dsn = dsn
        self.folder = folder
        self.connection = connection
        self.webhook_port = free_port()
        self._victim = victim
        self._pid: int | None = None
        self._told_to_stop = False
        self._lock = asyncio.Lock()
        self._acknowledged: list[bytes] = []
        self.account: Account = open_account(SimulatorConfig())
        self.base = ""

    async def sql(self, text: str, *values: Any) -> Any:
        """Run a statement of the test's own; return its rows."""
        async with self._lock:
            if values:
                return await self.connection.fetch(text, *values)
            return await self.connection.execute(text)

    async def rows(self, text: str, *values: Any) -> list[Any]:
        """Return rows."""
        async with self._lock:
            return list(await self.connection.fetch(text, *values))

    async def enqueue(self, body: str, number: str, **columns: str) -> None:
        """Enqueue one message; each text is used once in a run, and tells the ledger's entry."""
        columns = {"to_number": f"'{number}'", "body": f"'{body}'"} | columns
        if "to_group_id" in columns:
            del columns["to_number"]
        await self.sql(f"insert into smsgw.outbox ({', '.join(columns)}) values ({', '.join(columns.values())})")

    async def post(self, event: str, *, slowly: bool = False, **payload: Any) -> None:
        """Call the webhook until it says 200: from then on the gateway has promised to keep it.

        `slowly` has a part of the body come later than its headers.
        """
        body = json.dumps(payload).encode()
        address = f"http://127.0.0.1:{self.webhook_port}/webhooks/mta/{event}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.0)) as session:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    headers = {"X-Signature": sign(SECRET, body)}
                    async with session.post(address, data=_slow(body) if slowly else body, headers=headers) as response:
                        if response.status == 200:
                            self._acknowledged.append(body)
                            return
                await asyncio.sleep(0.02)

    def stop_gateway(self) -> None:
        """Ask the gateway that lives now to come to an end."""
        if self._pid is not None and not self._told_to_stop:
            self._told_to_stop = True
            os.kill(self._pid, signal.SIGTERM)

    async def until(self, query: str, *values: Any) -> None:
        """Wait for a query to say yes."""
        while not (await self.rows(query, *values))[0][0]:  # noqa: ASYNC110  the news is in a database
            await asyncio.sleep(0.02)

    async def run(
        self, scenario: Scenario, die_at: str | None = None, *, occurrence: int = 1, record: Path | None = None
    ) -> Run:
        """Play a scenario, with a death at a step; raise `InvariantViolation` if anything is lost or doubled."""
        await self._clear()
        async with self._provider(scenario):
            wanted = await scenario.enqueue(self)
            async with self._background_actors(scenario) as actors:
                crashed = died = settled = False
                for fate in (*scenario.deaths_before, die_at):
                    died, settled = await self._live(
                        scenario, wanted, actors, die_at=fate, crashed=crashed, occurrence=occurrence, record=record
                    )
                    crashed = crashed or died
                while not settled:
                    _, settled = await self._live(scenario, wanted, actors, die_at=None, crashed=crashed)
            await self._check(scenario, wanted, crashed=crashed)
        return Run(died)

    async def _live(
        self,
        scenario: Scenario,
        wanted: Mapping[str, Want],
        actors: "list[asyncio.Task[None]]",
        *,
        die_at: str | None,
        crashed: bool,
        occurrence: int = 1,
        record: Path | None = None,
    ) -> tuple[bool, bool]:
        """Let one process live until everything is settled, it is stopped, or it dies.

        Return whether it died at its step, and whether everything is settled.
        """
        order = {
            "settings": {
                f"SMSGW_{name}": value
                for name, value in {
                    **SETTINGS,
                    "DATABASE_URL": self.dsn,
                    "MTA_BASE_URL": self.base,
                    "WEBHOOK_LISTEN": f"127.0.0.1:{self.webhook_port}",
                    **scenario.settings,
                }.items()
            },
            "constants": CONSTANTS | dict(scenario.constants),
            "die_at": die_at,
            "occurrence": occurrence,
            "record": None if record is None else str(record),
        }
        assert self._victim.stdin is not None
        assert self._victim.stdout is not None
        self._victim.stdin.write(json.dumps(order).encode() + b"\n")
        self._pid = json.loads(await self._victim.stdout.readline())["pid"]
        self._told_to_stop = False
        ended = asyncio.ensure_future(self._victim.stdout.readline())
        settled = asyncio.ensure_future(self._settled(wanted, actors, crashed=crashed))
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({ended, settled}, return_when=asyncio.FIRST_COMPLETED)
                if settled.done():
                    settled.result()
                if not ended.done():
                    self.stop_gateway()
                code = int(json.loads(await ended)["code"])
        except TimeoutError:
            os.kill(self._pid, signal.SIGKILL)
            await ended
            raise InvariantViolation(f"{scenario.name}: not settled: {await self._missing(wanted)}") from None
        finally:
            settled.cancel()
            with suppress(asyncio.CancelledError):
                await settled
            self._pid = None
        if code not in (0, DIED):
            raise InvariantViolation(f"{scenario.name}: the gateway ended with {code}: {self._last_words()}")
        if code == DIED:
            await self.sql(EXPIRE_LEASES)
        return code == DIED, settled.done() and not settled.cancelled()

    async def _settled(self, wanted: Mapping[str, Want], actors: "list[asyncio.Task[None]]", *, crashed: bool) -> None:
        for act in actors:
            await asyncio.shield(act)
        while await self._open(wanted, crashed=crashed):  # noqa: ASYNC110
            await asyncio.sleep(0.03)
        # Everything that was committed of receipts is applied, and every final state has its place in the feed.
        await self.until(
            "select not exists (select from smsgw.receipt where folded_at is null) "
            "and not exists (select from smsgw.final_news)"
        )

    async def _open(self, wanted: Mapping[str, Want], *, crashed: bool) -> bool:
        rows = await self.rows(
            "select o.body, m.state from smsgw.outbox as o join smsgw.message as m using (id)",
        )
        found = {row["body"]: row["state"] for row in rows}
        return len(found) < len(wanted) or any(
            found[body] not in (expected.crashed if crashed else expected.states) for body, expected in wanted.items()
        )

    async def _missing(self, wanted: Mapping[str, Want]) -> str:
        rows = await self.rows(
            "select o.body, m.state, m.reason, m.attempts from smsgw.outbox as o join smsgw.message as m using (id)"
        )
        return "; ".join(f"{row['body'][:20]} {row['state']} {row['reason']} {row['attempts']}" for row in rows)

    async def _check(self, scenario: Scenario, wanted: Mapping[str, Want], *, crashed: bool) -> None:
        """Compare outbox, journal, feed and ledger."""
        rows = await self.rows(
            "select o.body, o.to_group_id, m.state, m.reason from smsgw.outbox as o join smsgw.message as m using (id)"
        )
        left = Counter(entry.text for entry, count in self.account.ledger.entries() for _ in range(count))
        for row in rows:
            expected = wanted[row["body"]]
            wrong = contradiction(row, left[row["body"]], expected.crashed if crashed else expected.states)
            if wrong:
                raise InvariantViolation(f"{scenario.name}: {row['body'][:20]} {wrong}")
        if self.account.ledger.doubled():
            raise InvariantViolation(f"{scenario.name}: the provider's ledger has something twice")
        kept = {row["raw"] for row in await self.rows("select raw from smsgw.receipt")}
        lost = [body for body in self._acknowledged if body not in kept]
        if lost:
            raise InvariantViolation(f"{scenario.name}: {len(lost)} receipts were answered with 200 and are gone")
        for query, what in NEVER.items():
            found = await self.rows(query)
            if found:
                raise InvariantViolation(f"{scenario.name}: {what}: {dict(found[0])}")

    def _last_words(self) -> str:
        """Return the end of the gateway's log, which holds no number and no text."""
        return (self.folder / "victim.log").read_text(errors="replace")[-1500:]

    async def _clear(self) -> None:
        tables = await self.rows(
            "select relname from pg_class where relnamespace = 'smsgw'::regnamespace and relkind in ('r', 'p')"
        )
        names = ", ".join(f"smsgw.{row[0]}" for row in tables if row[0] not in KEPT)
        await self.sql(f"truncate {names}")
        await self.sql("drop trigger if exists crash_suppress on smsgw.request")
        self._acknowledged.clear()

    @asynccontextmanager
    async def _provider(self, scenario: Scenario) -> Any:
        self.account = open_account(
            SimulatorConfig(**(KNOBS | dict(scenario.knobs))), plan=read_plan({"fault": list(scenario.faults)})
        )
        self._watch(self.account)
        register_all(self.account, f"http://127.0.0.1:{self.webhook_port}/webhooks/mta", SECRET)
        runner = web.AppRunner(build_app(self.account), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.base = f"http://127.0.0.1:{runner.addresses[0][1]}/v3"
            yield
        finally:
            await runner.cleanup()

    def _watch(self, account: Account) -> None:
        """Remember what the gateway answered with 200: from then on losing it is a breach."""
        usual = account.webhooks._call

        async def call(session: Any, registration: Any, body: bytes) -> bool:
            taken = await usual(session, registration, body)
            if taken:
                self._acknowledged.append(body)
            return taken

        account.webhooks._call = call  # type: ignore[method-assign]

    @asynccontextmanager
    async def _background_actors(self, scenario: Scenario) -> Any:
        actors = [asyncio.ensure_future(act(self)) for act in scenario.actors]
        hurry = asyncio.ensure_future(self._fast_forward())
        try:
            yield actors
        finally:
            for task in (*actors, hurry):
                task.cancel()
            await asyncio.gather(*actors, hurry, return_exceptions=True)

    async def _fast_forward(self) -> None:
        while True:
            with suppress(asyncpg.DeadlockDetectedError):
                await self.sql(FAST_FORWARD)
            await asyncio.sleep(0.04)


@asynccontextmanager
async def harness(dsn: str, folder: Path) -> Any:
    """Give a harness on this database."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "insert into smsgw.lane (name, ttl, on_uncertain) values ('again', interval '1 hour', 'resend') "
        "on conflict do nothing"
    )
    with (folder / "victim.log").open("ab") as log:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SMSGW_", "MTA_"))}
        victim = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).parent / "gateway_process.py"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=folder, env=environment,
        )  # fmt: skip
    try:
        yield Harness(dsn, folder, connection, victim)
    finally:
        victim.kill()
        await victim.wait()
        await connection.close()
