"""The scenarios that together reach every failpoint of the path."""

import asyncio

import asyncpg
from support.crash_harness import Harness
from support.scenario import Expected, Scenario, expect
from support.wire_failpoints import SENDS

from gateway.simulator.plan import Plan
from gateway.store.doorbell import LOCK

DELIVERED = expect("delivered")
MAYBE = expect("delivered", crashed=("uncertain",))
"""After a crash during a call, a refusal may be about the first call or the repeated one. A person decides."""


def number(n: int) -> str:
    return f"+12025550{100 + n}"


async def _plain(harness: Harness) -> dict[str, Expected]:
    for n, lane in enumerate(("default", "default", "otp", "bulk")):
        await harness.enqueue(f"plain {n}", number(n), lane=f"'{lane}'", tenant=f"'t{n % 2}'")
    await harness.enqueue("plain group", "", to_group_id="601")
    return {
        **{f"plain {n}": DELIVERED for n in (0, 1, 2, 3, "late")},
        # Only the answer has the size of the group. If it was lost, delivery to all of the group cannot be confirmed.
        "plain group": expect("delivered", crashed=("accepted",)),
    }


async def _enqueue_late(harness: Harness) -> None:
    """Wake a gateway that is idle."""
    await harness.until("select count(*) > 3 from smsgw.message where state = 'delivered'")
    await harness.enqueue("plain late", number(4))


async def _write_back(harness: Harness) -> None:
    await harness.post(
        "message-reply", fromNumber=number(50), toNumber="+18005550199", message="STOP", replyId=1, slowly=True
    )
    await harness.post("message-reply", fromNumber=number(51), toNumber="+18005550199", message="STOP", replyId=2)
    await harness.until("select count(*) = 2 from smsgw.suppression")
    await harness.post("message-reply", fromNumber=number(51), toNumber="+18005550199", message="START", replyId=3)
    await harness.until("select count(*) = 1 from smsgw.suppression")


async def _trouble(harness: Harness) -> dict[str, Expected]:
    await harness.sql(
        f"insert into smsgw.suppression (number, source) values ('{number(7)}', 'import');"
        "insert into smsgw.pause (scope, subject, actor, reason) values ('tag', 'campaign', 'a person', 'wait')"
    )
    poison = "poison " * 30
    for n, body in enumerate(("split 0", poison, "split 1", "split 2")):
        await harness.enqueue(body, number(n))
    await harness.enqueue("suppressed", number(7))
    await harness.enqueue("expired", number(8))
    await harness.enqueue("held", number(9), tags='\'{"campaign": "spring"}\'')
    await harness.enqueue("held late", number(10), tags='\'{"late": "yes"}\'')
    await harness.sql(
        "insert into smsgw.pause (scope, subject, actor, reason) values ('tag', 'late', 'a person', 'wait')"
    )
    await harness.enqueue("not {{ a group", "", to_group_id="601")
    await harness.sql("update smsgw.outbox set expires_at = clock_timestamp() where body = 'expired'")
    return {
        **{f"split {n}": MAYBE for n in range(3)},
        poison: expect("failed", crashed=("uncertain",)),
        "not {{ a group": expect("failed"),
        "suppressed": expect("suppressed"),
        "expired": expect("expired"),
        "held": DELIVERED,
        "held late": DELIVERED,
        **{f"later {n}": DELIVERED for n in range(4)},
    }


async def _resume(harness: Harness) -> None:
    await harness.until("select count(*) = 2 from smsgw.outbox where parked_by is not null")
    await harness.sql("delete from smsgw.pause where scope = 'tag'")
    for n in range(4):
        await harness.enqueue(f"later {n}", number(20 + n))


async def _ordered(harness: Harness) -> dict[str, Expected]:
    for n in range(4):
        await harness.enqueue(f"ordered {n}", number(n), order_key="'a conversation'")
    return {f"ordered {n}": DELIVERED for n in range(4)}


async def _poisoned(harness: Harness) -> dict[str, Expected]:
    """One of two messages in a request is refused, but only when the request is retried."""
    poison = "poisoned " * 25
    await harness.enqueue(poison, number(0))
    await harness.enqueue("its neighbour", number(1))
    return {poison: expect("failed", crashed=("uncertain",)), "its neighbour": MAYBE}


async def _some(harness: Harness) -> dict[str, Expected]:
    for n in range(3):
        await harness.enqueue(f"some {n}", number(n))
    return {f"some {n}": DELIVERED for n in range(3)}


async def _two(harness: Harness) -> dict[str, Expected]:
    """Two messages that cannot share a request. The first answer reports that no request is left in the window."""
    await harness.enqueue("first", number(1))
    await harness.enqueue("second", number(2), lane="'bulk'")
    return {"first": DELIVERED, "second": DELIVERED}


async def _quarantine(harness: Harness) -> dict[str, Expected]:
    await _some(harness)
    return {f"some {n}": MAYBE for n in range(3)}


async def _uncertain(harness: Harness) -> dict[str, Expected]:
    await harness.enqueue("doubt", number(1))
    await harness.enqueue("again", number(2), lane="'again'")
    return {"doubt": expect("uncertain"), "again": DELIVERED}


async def _answer_again(harness: Harness) -> None:
    """Let the provider recover after the horizon."""
    await harness.until(
        "select count(*) filter (where m.state = 'uncertain' and o.body = 'doubt') = 1 and max(o.generation) > 0 "
        "from smsgw.message as m join smsgw.outbox as o using (id)"
    )
    harness.account.faults.follow(Plan())


async def _stop_before_wire(harness: Harness) -> dict[str, Expected]:
    """The recipient writes STOP between the claim and the wire."""
    await harness.enqueue("stopped", number(1))
    await harness.sql(f"""
        create or replace function smsgw.crash_suppress() returns trigger language plpgsql as $$ begin
            insert into smsgw.suppression (number, source) values ('{number(1)}', 'reply') on conflict do nothing;
            return null;
        end $$;
        create trigger crash_suppress after insert on smsgw.request execute function smsgw.crash_suppress();
    """)
    # After a crash in between it is not known that no byte was sent. Only the answer to a repeated call can tell.
    return {"stopped": expect("suppressed", crashed=("delivered",))}


async def _unreachable(harness: Harness) -> dict[str, Expected]:
    await harness.enqueue("nobody there", number(1))
    return {"nobody there": expect("expired")}


async def _expire_it(harness: Harness) -> None:
    await harness.until("select exists (select from smsgw.attempt where outcome = 'never_sent')")
    await harness.sql("update smsgw.outbox set expires_at = clock_timestamp()")


async def _stop_midway(harness: Harness) -> None:
    """Stop the gateway while its sends are in flight."""
    await harness.until("select count(*) > 0 from smsgw.attempt where finished_at is null")
    harness.stop_gateway()


async def _hold_the_doorbell(harness: Harness) -> None:
    """Act as the other replica, which has armed the doorbell already."""
    other = await asyncpg.connect(harness.dsn)
    await other.execute("select pg_advisory_lock($1, $2)", *LOCK)
    await harness.until("select count(*) > 2 from smsgw.message where state = 'delivered'")
    await asyncio.sleep(0.2)
    await other.close()


async def _keep_a_transaction_open(harness: Harness) -> None:
    """Act as an application that inserted a message and does not commit, so that the doorbell cannot be armed."""
    stranger = await asyncpg.connect(harness.dsn)
    await stranger.execute("begin")
    # While the doorbell is armed, an insert rings and does not take the lock.
    while not await stranger.fetchval("select pg_try_advisory_xact_lock_shared($1, $2)", *LOCK):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await harness.until("select count(*) > 2 from smsgw.message where state = 'delivered'")
    await asyncio.sleep(0.2)
    await stranger.close()


async def _cut_connections(harness: Harness) -> None:
    """Let Postgres close all sessions repeatedly, while requests are in flight and receipts arrive."""
    await harness.until("select exists (select from smsgw.attempt)")
    await _cut_from_the_start(harness)


async def _cut_from_the_start(harness: Harness) -> None:
    """Let Postgres close all sessions repeatedly, from before the gateway is ready."""
    for _ in range(40):
        await harness.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.01)


def _call(first: int, last: int | None = None) -> dict[str, int]:
    return {"from_request": first, "until_request": last or first}


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("plain", _plain, actors=(_enqueue_late, _write_back)),
        Scenario(
            "trouble",
            _trouble,
            settings={"CONCURRENCY": "2"},
            # Every scan counts as slow, so incremental ones follow each of them for half a second.
            constants={
                "gateway.dispatch.sweeper:MAX_MESSAGES_PER_STATEMENT": 1,
                "gateway.dispatch.cursors:SLOW_SCAN_SECONDS": 0.0,
                "gateway.dispatch.cursors:COMPLETE_SCAN_TIME_SHARE": 0.001,
            },
            actors=(_resume,),
            faults=(
                {"kind": "429", "retry_after": 1} | _call(3),
                {"kind": "500_after"} | _call(4),
                {"kind": "402"} | _call(6),
                {"kind": "500_before", "on": "other"} | _call(3),
                {"kind": "webhook_lost", "events": "delivery-status", "until_request": 6},
            ),
        ),
        Scenario("ordered", _ordered),
        Scenario("blocked", _some, faults=({"kind": "402"} | _call(1),)),
        Scenario(
            "split late",
            _poisoned,
            settings={"CONCURRENCY": "1"},
            faults=({"kind": "429", "retry_after": 1} | _call(1),),
        ),
        Scenario(
            "breaker", _some, actors=(_hold_the_doorbell,), faults=({"kind": "drop_before", "until_request": 10},)
        ),
        Scenario(
            "uncertain",
            _uncertain,
            settings={"REQUEST_TIMEOUT": "300ms", "IDEMPOTENCY_HORIZON": "400ms", "LEASE": "5s"},
            actors=(_answer_again,),
            faults=({"kind": "drop_before"},),
        ),
        Scenario("long transaction", _some, actors=(_keep_a_transaction_open,)),
        Scenario(
            "slow",
            _some,
            settings={"SEND_WITHIN": "400ms", "LEASE": "3300ms", "REQUEST_TIMEOUT": "2600ms"},
            faults=({"kind": "slow_before", "tries": 1, "delay": 2.2},),
        ),
        Scenario(
            "stop before wire",
            _stop_before_wire,
            constants={"gateway.dispatch.suppression_recheck:RECHECK_AFTER_SECONDS": 0.0},
        ),
        Scenario(
            "outage",
            _some,
            actors=(_cut_connections,),
            faults=({"kind": "slow_after", "delay": [0.0, 0.3]},),
        ),
        Scenario("restless", _some, actors=(_cut_from_the_start,)),
        Scenario(
            "stopped",
            _some,
            actors=(_stop_midway,),
            faults=({"kind": "slow_after", "delay": 1.0, "tries": 1},),
        ),
        Scenario(
            "used up",
            _two,
            settings={"CONCURRENCY": "1"},
            faults=({"kind": "slow_after", "delay": 0.2},),
            knobs={"send_limit": 1, "send_window": 0.5, "rate_headers": True, "rejected_counts": False},
        ),
        Scenario("unreachable", _unreachable, actors=(_expire_it,), settings={"MTA_BASE_URL": "http://127.0.0.1:9/v3"}),
        Scenario("recovery", _some, earlier_crashes=(SENDS[3],)),
        Scenario("quarantine", _quarantine, earlier_crashes=(SENDS[3], SENDS[3])),
    )
}
