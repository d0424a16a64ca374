"""One decision for each answer, and one owner of each lease."""

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from support.outbox import enqueue, state, status

from gateway.dispatch.completer import Completer
from gateway.dispatch.leases import Leases
from gateway.dispatch.result_plan import REFUSAL_THRESHOLD
from gateway.domain.outcome import Outcome
from gateway.store import completions
from gateway.store.pool import Pool

Make = Callable[..., Any]


async def test_the_metrics_see_the_outcome_that_is_stored(db: Any, worker: Make) -> None:
    """The fifth refusal in a row is no refusal of its message: it stops the route."""
    one = worker(recipients=1)
    one.provider.answers.extend([status(404)] * REFUSAL_THRESHOLD)
    for n in range(REFUSAL_THRESHOLD):
        await enqueue(db, n)
    await one.complete(*await one.claim())
    seen = [outcome for name, _, outcome, *_ in (one for one in one.observer.seen if one[0] == "answered")]
    stored = await db.fetch("select outcome from smsgw.attempt order by finished_at, outcome = 'blocked'")
    assert seen == [Outcome.REFUSED] * (REFUSAL_THRESHOLD - 1) + [Outcome.BLOCKED]
    assert sorted(row["outcome"] for row in stored) == sorted(outcome.value for outcome in seen)


async def test_a_refused_request_of_several_messages_counts_each_of_them_as_failed(db: Any, worker: Make) -> None:
    one = worker()
    one.provider.answers.append(status(404))
    ids = [await enqueue(db, n) for n in range(3)]
    await one.complete(*await one.claim(1))
    assert [await state(db, each) for each in ids] == ["failed"] * 3
    finished = [one for one in one.observer.seen if one[0] == "finished"]
    assert [messages for _, _, _, messages, _ in finished] == [3]


async def test_a_result_is_kept_while_its_lease_is_renewed(
    db: Any, pool: Pool, worker: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away for longer than the first lease, and the lease was renewed meanwhile."""
    clock = [1000.0]
    one = worker(monotonic=lambda: clock[0], lease=20.0)
    message_id = await enqueue(db)
    leases = Leases(pool, seconds=20.0, monotonic=lambda: clock[0])
    (attempt,) = await one.claim()
    leases.hold(attempt)
    completer: Completer = one.completer
    completer._lease_until = leases.until
    clock[0] += 15.0
    await leases._renew([attempt])
    clock[0] += 10.0
    finish, calls = completions.finish, []

    async def away_once(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise asyncpg.InterfaceError("away")
        return await finish(*arguments)

    monkeypatch.setattr(completions, "finish", away_once)
    monkeypatch.setattr("gateway.dispatch.completer.DATABASE_RETRY_SECONDS", 0.0)
    await one.complete(attempt)
    assert len(calls) == 2
    assert await state(db, message_id) == "accepted"
