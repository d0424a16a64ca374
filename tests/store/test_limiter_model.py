"""The limiter against a log of arrivals, as the provider would keep it: no window ever holds more than the allowance.

Time passes by moving the bucket's times back, so a run of minutes takes milliseconds. The clock of the database is set
by moving them without letting time pass, while the caller expects another time.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import limiter
from gateway.store.limiter import ReturnedToken, TakenTokens, Token
from gateway.store.pool import Connection, connect

FAST_RUNS, SLOW_RUNS = 40, 400
PERIOD = 15.0
SEND_WITHIN, TRANSIT = 2.0, 1.0
BUCKET = "mta:requests"

CLOSE = 0.001
"""Seconds. Microseconds of the database and floats of this test differ by less."""


@dataclass
class ModelClock:
    """What the caller believes of the database's clock."""

    expected_now: float | None = None
    shift: float = 0.0
    tolerance: float = 1.0

    def now(self) -> float:
        return 0.0

    def expected(self, asked_at: float) -> float | None:
        return self.expected_now

    def record(self, asked_at: float, database: float, shift: float) -> None:
        self.shift = shift


@dataclass
class World:
    """A bucket, and the arrivals of its requests at the provider, by a clock that nobody sets."""

    connection: Connection
    passed: float = 0.0
    """Seconds that passed by moving times back."""
    clock_set: float = 0.0
    """Seconds by which the database's clock was set so far."""
    clock: ModelClock = field(default_factory=ModelClock)
    arrivals: list[float] = field(default_factory=list)
    pending: list[tuple[float, Token]] = field(default_factory=list)
    """Requests that were sent: when they arrive, and with which token."""
    largest: int = 0

    async def true_now(self) -> float:
        """Return the true time: that of the provider."""
        found: float = await self.connection.fetchval("select extract(epoch from clock_timestamp())::float8")
        return found + self.passed

    async def move(self, seconds: float) -> None:
        await self.connection.execute(
            "update smsgw.bucket as b set (spent_bounds, foreign_until, throttled_at, blocked_until) = "
            "(select m.spent_bounds, m.foreign_until, m.throttled_at, m.blocked_until "
            "from smsgw.with_clock_step(b, $1) as m)",
            seconds,
        )

        self.pending = [
            (arrives, replace(token, bound=token.bound + step, taken_at=token.taken_at + step))
            for step in [timedelta(seconds=seconds)]
            for arrives, token in self.pending
        ]

    async def pass_time(self, seconds: float) -> None:
        self.passed += seconds
        await self.move(-seconds)

    async def set_clock(self, seconds: float) -> None:
        """Set the database's clock. It only looks so: all times move the other way, and the caller is told."""
        self.clock_set += seconds
        await self.move(-seconds)

    async def change_allowance(self, allowance: int) -> None:
        self.largest = max(self.largest, allowance)
        await self.connection.execute("update smsgw.bucket set allowance = $1", float(allowance))

    async def take(self, urgent: int, others: int, ahead: float, fate: list[float]) -> None:
        """Take tokens and send with them; `fate` says for each request when it arrives, as a share of what may be."""
        taken = await self._take(urgent, others, ahead)
        now = await self.true_now()
        # The caller's own clock is the true one.
        tokens = [replace(token, asked_at=now) for token in (taken.urgent_token, taken.others_token)]
        grants = [(tokens[0], taken.urgent_in)] * taken.urgent["otp"]
        grants += [(tokens[1], taken.others_in)] * taken.others
        for n, (token, usable_in) in enumerate(grants):
            share = fate[n % len(fate)]
            earliest, latest = now + usable_in, now + SEND_WITHIN + TRANSIT
            self.pending.append((earliest + share * max(0.0, latest - earliest), token))

    async def _take(self, urgent: int, others: int, ahead: float) -> TakenTokens:
        if self.clock_set:
            now: float = await self.connection.fetchval("select extract(epoch from clock_timestamp())::float8")
            self.clock.expected_now = now - self.clock_set
        clock: Any = self.clock
        taken = await limiter.take(
            self.connection,
            BUCKET,
            {"otp": urgent},
            others,
            max_tokens=100_000,
            bound_after=SEND_WITHIN + TRANSIT,
            ahead=ahead,
            clock=clock,
        )
        assert taken is not None
        self.clock_set, self.clock.expected_now = 0.0, None
        return taken

    async def answer(self, share: float, *, lost: bool) -> None:
        """Let some requests arrive and be answered. What is lost keeps its token until the bound of the claim."""
        now = await self.true_now()
        arrived = [one for one in self.pending if one[0] <= now]
        answered = arrived[: int(len(arrived) * share) + 1]
        self.pending = [one for one in self.pending if one not in answered]
        self.arrivals += [moment for moment, _ in answered]
        if not lost:
            await limiter.return_tokens(
                self.connection, BUCKET, [ReturnedToken(token, answered_at=now) for _, token in answered]
            )

    async def release(self) -> None:
        """Release requests of which no byte was sent."""
        now = await self.true_now()
        unsent = [one for one in self.pending if one[0] > now]
        self.pending = [one for one in self.pending if one[0] <= now]
        await limiter.return_tokens(self.connection, BUCKET, [ReturnedToken(token, None) for _, token in unsent])

    def check(self) -> None:
        moments = sorted(self.arrivals + [moment for moment, _ in self.pending])
        for n, first in enumerate(moments):
            window = [moment for moment in moments[n:] if moment < first + PERIOD - CLOSE]
            assert len(window) <= self.largest, (first, window)


STEP = st.one_of(
    st.tuples(
        st.just("take"),
        st.integers(0, 30),
        st.integers(0, 30),
        st.sampled_from([0.0, 0.0, 0.4, 1.0]),
        st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4),
    ),
    st.tuples(st.just("pass_time"), st.sampled_from([0.01, 0.3, 1.0, 2.9, 5.0, 12.0, 15.0])),
    st.tuples(st.just("answer"), st.floats(0.0, 1.0), st.booleans()),
    st.tuples(st.just("release")),
    st.tuples(st.just("set_clock"), st.sampled_from([-3600.0, -61.0, -5.0, 5.0, 61.0, 3600.0])),
    st.tuples(st.just("change_allowance"), st.sampled_from([1, 5, 24, 300])),
)


async def live(connection: Connection, allowance: int, steps: list[tuple[Any, ...]]) -> None:
    await connection.execute("delete from smsgw.bucket")
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) values ($1, 'window', $2, $3, true)",
        BUCKET,
        float(allowance),
        PERIOD,
    )
    world = World(connection, largest=allowance)
    for name, *arguments in steps:
        if name == "answer":
            await world.answer(arguments[0], lost=arguments[1])
        else:
            await getattr(world, name)(*arguments)
    world.check()
    # No token leaks: whatever was lost, all of them are free again after this.
    await world.pass_time(SEND_WITHIN + TRANSIT + PERIOD + 3700.0 * any(step[0] == "set_clock" for step in steps) + 1.0)
    world.pending.clear()
    left = await connection.fetchval("select floor(allowance) from smsgw.bucket")
    taken = await world._take(int(left), 0, 0.0)
    assert taken.urgent["otp"] == left


@pytest.mark.parametrize("runs", [FAST_RUNS, pytest.param(SLOW_RUNS, marks=pytest.mark.slow("long models"))])
def test_no_window_holds_more_arrivals_than_there_are_tokens(database: Any, runs: int) -> None:
    with asyncio.Runner() as runner:
        connection = runner.run(connect(database.dsn, purpose="model"))

        @settings(max_examples=runs, suppress_health_check=list(HealthCheck), database=None, deadline=None)
        @given(st.sampled_from([1, 2, 24, 256, 300]), st.lists(STEP, min_size=4, max_size=40))
        def run(allowance: int, steps: list[tuple[Any, ...]]) -> None:
            runner.run(live(connection, allowance, steps))

        try:
            run()
        finally:
            runner.run(connection.close())


async def free(connection: Any) -> int:
    taken = await limiter.take(connection, BUCKET, {"otp": 1000}, 0, max_tokens=1000, bound_after=3.0)
    assert taken is not None
    return taken.urgent["otp"]


@pytest.fixture
async def bucket(connection: Any) -> Any:
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period) values ($1, 'window', 24, 15)", BUCKET
    )
    return connection


async def take(connection: Any, others: int, **options: Any) -> TakenTokens:
    found = await limiter.take(
        connection, BUCKET, {}, others, **({"max_tokens": others, "bound_after": 11.0} | options)
    )
    assert found is not None
    return found


async def answer(connection: Any, taken: TakenTokens, count: int) -> None:
    """Say that these requests were answered at once."""
    token = taken.others_token
    await limiter.return_tokens(connection, BUCKET, [ReturnedToken(token, token.asked_at)] * count)


async def age_bucket(connection: Any, seconds: float) -> None:
    """Let time pass for the bucket."""
    await connection.execute(
        "update smsgw.bucket set spent_bounds = array(select b - $1::interval from unnest(spent_bounds) as b)",
        timedelta(seconds=seconds),
    )


async def test_all_tokens_may_be_taken_at_once_and_return_one_period_after_the_answer(bucket: Any) -> None:
    taken = await take(bucket, 24)
    assert taken.others == 24
    await answer(bucket, taken, 24)
    assert (await take(bucket, 1)).others == 0
    await bucket.execute("update smsgw.bucket set period = 3600")
    await age_bucket(bucket, 3570.0)
    assert (await take(bucket, 1)).others == 0
    await age_bucket(bucket, 31.0)
    assert (await take(bucket, 24)).others == 24


async def test_a_token_without_an_answer_returns_by_itself(bucket: Any) -> None:
    await take(bucket, 24, bound_after=600.0)
    await age_bucket(bucket, 585.0)
    assert (await take(bucket, 1)).others == 0
    await age_bucket(bucket, 31.0)
    assert (await take(bucket, 24)).others == 24


async def test_an_unused_token_is_free_at_once(bucket: Any) -> None:
    taken = await take(bucket, 24)
    await limiter.return_tokens(bucket, BUCKET, [ReturnedToken(taken.others_token, None)] * 5)
    assert (await take(bucket, 24)).others == 5


async def test_a_token_that_is_named_twice_returns_once(bucket: Any) -> None:
    taken = await take(bucket, 3)
    for _ in range(2):
        await limiter.return_tokens(bucket, BUCKET, [ReturnedToken(taken.others_token, None)] * 3)
    assert await free(bucket) == 24


async def test_tokens_that_return_soon_are_taken_ahead_and_say_from_when_on(bucket: Any) -> None:
    taken = await take(bucket, 24)
    await answer(bucket, taken, 24)
    await bucket.execute("update smsgw.bucket set period = 3600")
    await age_bucket(bucket, 3570.0)
    assert (await take(bucket, 3)).others == 0
    ahead = await take(bucket, 3, ahead=60.0)
    assert ahead.others == 3
    assert 0.0 < ahead.others_in <= 30.0


async def test_the_wait_is_the_time_until_the_next_token(bucket: Any) -> None:
    await take(bucket, 24)
    wait = (await take(bucket, 1)).others_wait
    assert wait is not None
    assert 0.0 < wait <= 26.0


async def test_a_shorter_period_applies_to_tokens_that_are_spent(bucket: Any) -> None:
    await take(bucket, 24)
    await age_bucket(bucket, 12.0)
    await bucket.execute("update smsgw.bucket set period = 1")
    assert (await take(bucket, 1)).others == 1


async def test_a_clock_that_was_set_back_while_nobody_ran_stops_nothing_for_hours(bucket: Any) -> None:
    await take(bucket, 24)
    await age_bucket(bucket, -7200.0)
    wait = (await take(bucket, 1)).others_wait
    assert wait is not None
    assert wait <= 26.0


async def test_other_use_counts_until_the_reset_and_older_answers_change_nothing(bucket: Any) -> None:
    old, new = (await take(bucket, 1)).others_token, (await take(bucket, 1)).others_token
    await limiter.note_foreign_use(bucket, BUCKET, new, limit=25, remaining=13, reset_after=600.0)
    await limiter.note_foreign_use(bucket, BUCKET, old, limit=25, remaining=24, reset_after=600.0)
    assert await free(bucket) == 24 - 2 - 10


async def test_tokens_that_were_taken_after_a_request_explain_its_answer(bucket: Any) -> None:
    token = (await take(bucket, 1)).others_token
    await take(bucket, 9)
    await limiter.note_foreign_use(bucket, BUCKET, token, limit=25, remaining=15, reset_after=600.0)
    assert await free(bucket) == 14


async def test_a_missing_bucket_is_known(connection: Any) -> None:
    assert await limiter.take(connection, BUCKET, {}, 1, max_tokens=1, bound_after=1.0) is None
