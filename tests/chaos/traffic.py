"""The applications: they insert during all faults and remember what the database confirmed.

After an error before COMMIT, or a rollback, no row may exist. After a lost answer to COMMIT, both are right.
"""

import asyncio
import json
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from chaos.evidence import Commit, Submission

SENDER = 4410
SUPPRESSED, SILENT, UNDELIVERED, REJECTED = "95", "99", "98", "96"
"""The last two digits of numbers that are treated in a special way."""

FINAL_STATUS = {SILENT: 0, UNDELIVERED: 9, REJECTED: 8}
TRY_TIMEOUT = 5.0

FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

JSON = {"variables": "::text::jsonb", "tags": "::text::jsonb"}


@dataclass(frozen=True, slots=True)
class Insert:
    """One row to insert: its columns, and what the ledger must show of it."""

    submission: Submission
    columns: dict[str, Any]
    repeats: int | None = None
    """The mark of the message whose dedupe key this one has."""


@dataclass(slots=True)
class Traffic:
    """What the applications of one run do."""

    dsn: str
    seed: int
    rate: float
    submissions: dict[int, Submission] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Wrong answers that an application got."""
    stopped: bool = False
    _keyed: list[int] = field(default_factory=list)
    _last: int = 0

    async def run(self, seconds: float) -> None:
        """Insert for this long, or until stopped: single rows and batches, from several applications at once."""
        async with asyncio.timeout(seconds + 30.0), asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(self._application(random.Random(f"{self.seed}/application/{number}"), seconds))

    async def _application(self, rng: random.Random, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        connection: Any = None
        while loop.time() < end and not self.stopped:
            size = rng.choice([1, 1, 1, 2, 5, 20, 60])
            inserts = [self.next_insert() for _ in range(size)]
            commit, connection = await self._transaction(connection, inserts, undo=rng.random() < 0.05)
            for insert in inserts:
                self._remember(insert, commit)
            await asyncio.sleep(rng.expovariate(self.rate / 3 / 13.0))
        if connection is not None:
            connection.terminate()

    async def _transaction(self, connection: Any, inserts: list[Insert], *, undo: bool) -> tuple[Commit, Any]:
        """Try once; return the result, and the connection if it is still usable."""
        committing = False
        try:
            async with asyncio.timeout(TRY_TIMEOUT):
                if connection is None or connection.is_closed():
                    connection = await asyncpg.connect(self.dsn, timeout=3.0)
                transaction = connection.transaction()
                await transaction.start()
                told = [(insert, await self._enqueue(connection, insert)) for insert in inserts]
                if undo:
                    await transaction.rollback()
                    return Commit.UNDONE, connection
                committing = True
                await transaction.commit()
        except FAILURES:
            if connection is not None:
                connection.terminate()
            return (Commit.UNKNOWN if committing else Commit.UNDONE), None
        for insert, message_id in told:
            if insert.repeats is None:
                self.ids[insert.submission.mark] = message_id
            elif self.ids[insert.repeats] != message_id:
                self.broken.append(
                    f"mark {insert.submission.mark}: enqueue did not return the first id of its dedupe key"
                )
        return Commit.DONE, connection

    async def _enqueue(self, connection: Any, insert: Insert) -> int:
        columns = insert.columns
        names = ", ".join(f"{name} => ${place}{JSON.get(name, '')}" for place, name in enumerate(columns, 1))
        given = [json.dumps(value) if name in JSON else value for name, value in columns.items()]
        return int(await connection.fetchval(f"select smsgw.enqueue({names})", *given))

    def _remember(self, insert: Insert, commit: Commit) -> None:
        mark = insert.submission.mark
        if commit is Commit.DONE and insert.repeats is None and "dedupe_key" in insert.columns:
            self._keyed.append(mark)
        self.submissions[mark] = replace(
            insert.submission, commit=commit if insert.repeats is None else Commit.REPEATED
        )

    def next_insert(self) -> Insert:
        """Return the next row. Its mark and the seed decide its content, whichever application inserts it."""
        self._last += 1
        mark = self._last
        rng = random.Random(f"{self.seed}/row/{mark}")
        last = f"{rng.randrange(100):02}" if rng.random() < 0.3 else f"{rng.randrange(90):02}"
        number = f"+1{rng.randint(201, 989)}55501{last}"
        text, columns = _content(mark, rng)
        columns |= {
            "to_number": number,
            "reference": f"#{mark}.",
            "lane": rng.choices(["otp", "default", "bulk"], [2, 5, 6])[0],
            "tenant": rng.choice(["", "acme", "zeta"]),
        }
        columns |= _extras(rng)
        submission = Submission(mark, number, text, Commit.UNDONE, suppressed=last == SUPPRESSED, silent=last == SILENT)
        repeats = None
        if self._keyed and rng.random() < 0.03:
            repeats = rng.choice(self._keyed)
            columns |= {"tenant": "acme", "dedupe_key": f"key-{repeats}"}
        elif rng.random() < 0.1:
            columns |= {"tenant": "acme", "dedupe_key": f"key-{mark}"}
        return Insert(submission, columns, repeats)


def _content(mark: int, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Return the text that must be sent, and the columns that produce it."""
    name = rng.choice(["Ada", "Bo", "Zoë"])
    kind = rng.choices(["plain", "variables", "template", "poison"], [10, 4, 3, 1])[0]
    match kind:
        case "variables":
            values = {"name": name, "mark": f"#{mark}."}
            return f"Hello {name}, #{mark}.", {"body": "Hello {{name}}, {{mark}}", "variables": values}
        case "template":
            return f"Your code is #{mark}..", {"template_id": 101, "variables": {"code": f"#{mark}."}}
        case "poison":
            long = f"#{mark}. " + "x" * 200
            return long, {"body": long}
        case _:
            return f"Message #{mark}.", {"body": f"Message #{mark}."}


def _extras(rng: random.Random) -> dict[str, Any]:
    now = datetime.now(UTC)
    extras: dict[str, Any] = {}
    if rng.random() < 0.2:
        extras["order_key"] = f"queue-{rng.randrange(6)}"
    if rng.random() < 0.3:
        extras["tags"] = {"campaign": str(rng.randrange(3))}
    if rng.random() < 0.1:
        extras["not_before"] = now + timedelta(seconds=rng.uniform(0.5, 6.0))
    if rng.random() < 0.15:
        extras["expires_at"] = now + timedelta(seconds=rng.uniform(7.0, 15.0))
    if rng.random() < 0.2:
        extras["sender_id"] = SENDER
    return extras
