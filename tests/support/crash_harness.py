"""Runs a gateway that dies at a failpoint and is started again; then checks that nothing was lost or sent twice."""

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
from support.invariants import NEVER, contradiction
from support.processes import SECRET, free_port
from support.scenario import CONSTANTS, KNOBS, SETTINGS, Expected, Scenario
from support.wire_failpoints import DIED

from gateway.provider.mta.signature import sign
from gateway.simulator.config import SimulatorConfig
from gateway.simulator.plan import read_plan
from gateway.simulator.server import build_app, register_all
from gateway.simulator.state import Account, open_account

PATIENCE = 120.0
"""Seconds after which a run has failed. A run takes a few; this only ends one that hangs."""

KEPT = ("lane", "installation", "migration")

FAST_FORWARD = """
    update smsgw.request set available_at = clock_timestamp()
    where status = 'in_flight' and claim_token is null and available_at > clock_timestamp();
    update smsgw.bucket set blocked_until = null where blocked_until is not null;
    update smsgw.route set retry_at = clock_timestamp() where probe is null and retry_at > clock_timestamp();
    delete from smsgw.pause where actor = 'gateway';
"""
"""What time and an operator would do in minutes: make retries due, and lift what an answer has paused."""

EXPIRE_LEASES = """
    update smsgw.request set lease_expires_at = clock_timestamp()
    where status = 'in_flight' and claim_token is not null;
    update smsgw.route set retry_at = clock_timestamp() where retry_at is not null;
"""
"""The leases of a dead process expire."""


async def _slow(body: bytes) -> AsyncIterator[bytes]:
    # The client sends the headers together with the first piece.
    yield body[:5]
    await asyncio.sleep(0.05)
    yield body[5:]


class InvariantViolation(AssertionError):
    """An invariant does not hold, or a run did not end."""


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run."""

    died: bool
    """Whether the process died at the failpoint."""


class Harness:
    """A database, a provider and a process that forks gateways. It does one run at a time."""

    def __init__(self, dsn: str, folder: Path, connection: Any, forker: asyncio.subprocess.Process) -> None:
        self.dsn = dsn
        self.folder = folder
        self.connection = connection
        self.webhook_port = free_port()
        self._forker = forker
        self._pid: int | None = None
        self._stopping = False
        self._lock = asyncio.Lock()
        self._acknowledged: list[bytes] = []
        self.account: Account = open_account(SimulatorConfig())
        self.base = ""

    async def sql(self, text: str, *values: Any) -> Any:
        """Run a statement; return its rows, or its status where it takes no values."""
        async with self._lock:
            if values:
                return await self.connection.fetch(text, *values)
            return await self.connection.execute(text)

    async def rows(self, text: str, *values: Any) -> list[Any]:
        """Return rows."""
        async with self._lock:
            return list(await self.connection.fetch(text, *values))

    async def enqueue(self, body: str, number: str, **columns: str) -> None:
        """Enqueue one message. A text is used once in a run, because it identifies the entry in the ledger."""
        columns = {"to_number": f"'{number}'", "body": f"'{body}'"} | columns
        if "to_group_id" in columns:
            del columns["to_number"]
        await self.sql(f"insert into smsgw.outbox ({', '.join(columns)}) values ({', '.join(columns.values())})")

    async def post(self, event: str, *, slowly: bool = False, **payload: Any) -> None:
        """Call the webhook until it answers 200. From then on the gateway must keep the receipt.

        With `slowly` a part of the body comes later than the headers.
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
        """Send SIGTERM to the gateway that runs now."""
        if self._pid is not None and not self._stopping:
            self._stopping = True
            os.kill(self._pid, signal.SIGTERM)

    async def until(self, query: str, *values: Any) -> None:
        """Wait until a query returns true."""
        while not (await self.rows(query, *values))[0][0]:  # noqa: ASYNC110  a database sends no event for this
            await asyncio.sleep(0.02)

    async def run(
        self, scenario: Scenario, die_at: str | None = None, *, occurrence: int = 1, record: Path | None = None
    ) -> Run:
        """Play a scenario with a crash at a failpoint; raise `InvariantViolation` if anything is lost or sent twice."""
        await self._clear()
        async with self._provider(scenario):
            expected = await scenario.enqueue(self)
            async with self._background_actors(scenario) as actors:
                crashed = died = settled = False
                for failpoint in (*scenario.earlier_crashes, die_at):
                    died, settled = await self._run_process(
                        scenario,
                        expected,
                        actors,
                        die_at=failpoint,
                        crashed=crashed,
                        occurrence=occurrence,
                        record=record,
                    )
                    crashed = crashed or died
                while not settled:
                    _, settled = await self._run_process(scenario, expected, actors, die_at=None, crashed=crashed)
            await self._check(scenario, expected, crashed=crashed)
        return Run(died)

    async def _run_process(
        self,
        scenario: Scenario,
        expected: Mapping[str, Expected],
        actors: "list[asyncio.Task[None]]",
        *,
        die_at: str | None,
        crashed: bool,
        occurrence: int = 1,
        record: Path | None = None,
    ) -> tuple[bool, bool]:
        """Run one process until everything is settled, or it is stopped or dies.

        Return whether it died at its failpoint, and whether everything is settled.
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
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(json.dumps(order).encode() + b"\n")
        self._pid = json.loads(await self._forker.stdout.readline())["pid"]
        self._stopping = False
        ended = asyncio.ensure_future(self._forker.stdout.readline())
        settled = asyncio.ensure_future(self._settled(expected, actors, crashed=crashed))
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
            raise InvariantViolation(f"{scenario.name}: not settled: {await self._missing()}") from None
        finally:
            settled.cancel()
            with suppress(asyncio.CancelledError):
                await settled
            self._pid = None
        if code not in (0, DIED):
            raise InvariantViolation(f"{scenario.name}: the gateway ended with {code}: {self._end_of_log()}")
        if code == DIED:
            await self.sql(EXPIRE_LEASES)
        return code == DIED, settled.done() and not settled.cancelled()

    async def _settled(
        self, expected: Mapping[str, Expected], actors: "list[asyncio.Task[None]]", *, crashed: bool
    ) -> None:
        for actor in actors:
            await asyncio.shield(actor)
        while await self._open(expected, crashed=crashed):  # noqa: ASYNC110
            await asyncio.sleep(0.03)
        # All committed receipts are applied, and every final state is in the feed.
        await self.until(
            "select not exists (select from smsgw.receipt where applied_at is null) "
            "and not exists (select from smsgw.final_state_pending)"
        )

    async def _open(self, expected: Mapping[str, Expected], *, crashed: bool) -> bool:
        rows = await self.rows(
            "select o.body, m.state from smsgw.outbox as o join smsgw.message as m using (id)",
        )
        found = {row["body"]: row["state"] for row in rows}
        return len(found) < len(expected) or any(
            found[body] not in (one.crashed if crashed else one.states) for body, one in expected.items()
        )

    async def _missing(self) -> str:
        rows = await self.rows(
            "select o.body, m.state, m.reason, m.attempts from smsgw.outbox as o join smsgw.message as m using (id)"
        )
        return "; ".join(f"{row['body'][:20]} {row['state']} {row['reason']} {row['attempts']}" for row in rows)

    async def _check(self, scenario: Scenario, expected: Mapping[str, Expected], *, crashed: bool) -> None:
        """Compare outbox, journal, feed and ledger."""
        # A lane with `on_uncertain = 'resend'` prefers a second copy to a loss: after a crash between answer and its
        # commit, and after the horizon, each generation of a message may have been sent.
        rows = await self.rows(
            "select o.body, o.to_group_id, m.state, m.reason, "
            "case when l.on_uncertain = 'resend' then o.generation + 1 else 1 end as copies "
            "from smsgw.outbox as o join smsgw.message as m using (id) join smsgw.lane as l on l.name = o.lane"
        )
        left = Counter(entry.text for entry, count in self.account.ledger.entries() for _ in range(count))
        for row in rows:
            one = expected[row["body"]]
            wrong = contradiction(
                row, left[row["body"]], one.crashed if crashed else one.states, copies=row["copies"] if crashed else 1
            )
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

    def _end_of_log(self) -> str:
        """Return the end of the gateway's log, which holds no number and no text."""
        return (self.folder / "gateway.log").read_text(errors="replace")[-1500:]

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
        """Remember the receipts that the gateway answered with 200: losing one is a violation."""
        usual = account.webhooks._call

        async def call(session: Any, registration: Any, body: bytes) -> bool:
            taken = await usual(session, registration, body)
            if taken:
                self._acknowledged.append(body)
            return taken

        account.webhooks._call = call  # type: ignore[method-assign]

    @asynccontextmanager
    async def _background_actors(self, scenario: Scenario) -> Any:
        actors = [asyncio.ensure_future(actor(self)) for actor in scenario.actors]
        fast_forward = asyncio.ensure_future(self._fast_forward())
        try:
            yield actors
        finally:
            for task in (*actors, fast_forward):
                task.cancel()
            await asyncio.gather(*actors, fast_forward, return_exceptions=True)

    async def _fast_forward(self) -> None:
        while True:
            with suppress(asyncpg.DeadlockDetectedError):
                await self.sql(FAST_FORWARD)
            await asyncio.sleep(0.04)


@asynccontextmanager
async def harness(dsn: str, folder: Path) -> Any:
    """Make a harness on this database."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "insert into smsgw.lane (name, ttl, on_uncertain) values ('again', interval '1 hour', 'resend') "
        "on conflict do nothing"
    )
    with (folder / "gateway.log").open("ab") as log:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SMSGW_", "MTA_"))}
        forker = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).parent / "gateway_process.py"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=folder, env=environment,
        )  # fmt: skip
    try:
        yield Harness(dsn, folder, connection, forker)
    finally:
        forker.kill()
        await forker.wait()
        await connection.close()
