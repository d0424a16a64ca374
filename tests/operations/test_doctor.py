"""The doctor: each line is well on a sound installation, and says what is wrong with an unsound one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.outcome import RateHeaders
from gateway.operations.doctor import Check, account, database, vacuum, webhooks
from gateway.operations.doctor.account import ExpectedAccount
from gateway.operations.doctor.runner import Webhooks, check_provider
from gateway.provider.errors import KeyRefused
from gateway.provider.mta.kind import MTA
from gateway.provider.protocol import Account, Webhook
from gateway.store.health import Holder, Index, Table
from gateway.store.pool import connect


async def lines(operator: Any, **options: Any) -> dict[str, Check]:
    return {check.name: check for check in await database.run_checks(operator, **options)}


async def test_a_sound_database_is_well(operator: Any) -> None:
    import gateway

    await operator.execute(
        "insert into smsgw.replica (worker, host, pid, version, components) values ('w', 'h', 1, $1, '{dispatch}')",
        gateway.__version__,
    )
    await operator.execute("set role smsgw_gateway")
    found = await lines(operator)
    assert {name: check.message for name, check in found.items() if check.level != "ok"} == {}
    assert {"server", "clock", "schema", "privileges", "operator log", "indexes", "claim plan", "releases"} <= set(
        found
    )


async def test_an_empty_database_needs_migrate(empty_database: Any) -> None:
    connection = await connect(empty_database.dsn, purpose="test")
    try:
        found = await lines(connection)
    finally:
        await connection.close()
    assert (found["schema"].level, found["schema"].remedy) == ("fail", "smsgw migrate")


async def test_a_role_that_lacks_something_is_named_with_the_grant(operator: Any) -> None:
    await operator.execute("grant select on all tables in schema smsgw to smsgw_reader")
    await operator.execute("set role smsgw_reader")
    found = (await lines(operator))["privileges"]
    assert found.level == "fail"
    assert found.remedy == "run in psql: grant smsgw_gateway to smsgw_reader"


async def test_an_operators_role_is_enough_for_an_operator(operator: Any) -> None:
    await operator.execute("set role smsgw_operator")
    assert (await lines(operator))["privileges"].level == "ok"


async def test_a_role_that_could_rewrite_the_log_is_reported(operator: Any) -> None:
    found = await lines(operator)
    assert found["operator log"].level == "warn"


async def test_a_missing_index_fails(operator: Any) -> None:
    await operator.execute("alter index smsgw.request_due rename to other")
    assert "request_due" in (await lines(operator))["indexes"].message


async def test_a_claim_that_scans_a_big_table_fails(operator: Any) -> None:
    await operator.execute(
        "insert into smsgw.outbox (to_number, body) select '+12025550123', 'x' from generate_series(1, 3000)"
    )
    await operator.execute("analyze smsgw.outbox")
    assert (await lines(operator))["claim plan"].level == "ok"
    await operator.execute("set enable_indexscan = off")
    await operator.execute("set enable_indexonlyscan = off")
    await operator.execute("set enable_bitmapscan = off")
    assert (await lines(operator))["claim plan"].level == "fail"


async def test_clocks_that_differ_are_reported(operator: Any) -> None:
    import time

    for ahead, level in ((0.0, "ok"), (10.0, "warn"), (-100.0, "fail")):
        assert (await lines(operator, clock=lambda ahead=ahead: time.time() + ahead))["clock"].level == level


async def test_replicas_that_are_silent_or_of_another_release_are_reported(operator: Any) -> None:
    assert (await lines(operator))["replicas"].level == "warn"
    await operator.execute(
        "insert into smsgw.replica (worker, host, pid, version, components, seen_at) values "
        "('a', 'h', 1, '0.0.1', '{dispatch}', now()), "
        "('b', 'h', 2, '0.0.2', '{dispatch}', now() - interval '5 minutes')"
    )
    found = await lines(operator)
    assert (found["replicas"].level, found["releases"].level, found["silent replicas"].level) == ("ok", "warn", "warn")


async def test_a_session_that_holds_an_old_snapshot_is_found(operator: Any, connection: Any) -> None:
    await operator.execute("set role smsgw_gateway")
    assert {check.level for check in await vacuum.run_checks(operator)} == {"ok"}
    await operator.execute("reset role")
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    await connection.fetchval("select count(*) from smsgw.lane")
    from gateway.store import health

    held = await health.holders(operator)
    await transaction.rollback()
    assert any(one.holder.startswith("session") for one in held)
    old = [Holder("session 7 (reports, idle in transaction)", 10, 900.0)]
    check = vacuum._snapshots(old, sees_all=True)
    assert check.level == "warn"
    assert "session 7" in check.message


def test_dead_rows_and_bloat_are_reported_from_a_size_on() -> None:
    assert vacuum._dead([Table("outbox", 10, 19_000, None)]).level == "ok"
    assert vacuum._dead([Table("outbox", 10_000, 30_000, 90.0)]).level == "warn"
    megabyte = 2**20
    assert vacuum._bloat([Index("outbox", "outbox_waiting", True, 60 * megabyte, 1)]).level == "ok"
    assert vacuum._bloat([Index("outbox", "outbox_waiting", True, 100 * megabyte, 1000)]).level == "warn"
    assert vacuum._bloat([Index("outbox", "outbox_pkey", True, 100 * megabyte, 2_000_000)]).level == "ok"


class Somebody:
    """A provider that says what a test wants."""

    kind = MTA

    def __init__(self, account: Account | Exception, numbers: list[int], registered: list[Webhook]) -> None:
        self._account, self._numbers, self._registered = account, numbers, registered

    async def verify(self) -> Account:
        if isinstance(self._account, Exception):
            raise self._account
        return self._account

    async def sender_numbers(self) -> list[int]:
        return self._numbers

    async def webhooks(self) -> list[Webhook]:
        return self._registered


WELL = Account("Shop", RateHeaders(30, 29, 60.0), datetime(2026, 5, 1, tzinfo=UTC))
EXPECTED = ExpectedAccount(7, 30)
REGISTERED = [
    Webhook(1, "delivery-status", "https://sms.example.org/webhooks/mta/delivery-status"),
    Webhook(2, "message-reply", "https://sms.example.org/webhooks/mta/message-reply"),
]


async def levels(provider: Any, expected: ExpectedAccount = EXPECTED) -> dict[str, str]:
    found, _ = await account.run_checks(provider, expected, clock=lambda: datetime(2026, 5, 1, tzinfo=UTC).timestamp())
    return {check.name: check.level.value for check in found}


async def test_a_sound_account_is_well() -> None:
    found = await levels(Somebody(WELL, [7, 8], REGISTERED))
    assert set(found.values()) == {"ok"}
    assert set(found) == {"key", "account", "rate headers", "provider's clock", "sending number", "registrations"}


async def test_a_key_that_is_refused_is_the_only_line() -> None:
    assert await levels(Somebody(KeyRefused("no"), [], [])) == {"key": "fail"}


@pytest.mark.parametrize(
    ("provider", "expected", "name", "level"),
    [
        (Somebody(WELL, [8], REGISTERED), EXPECTED, "sending number", "fail"),
        (Somebody(WELL, [], REGISTERED), EXPECTED, "sending number", "fail"),
        (Somebody(WELL, [7], REGISTERED), replace(EXPECTED, sender_id=None), "sending number", "warn"),
        (Somebody(WELL, [7], REGISTERED[:1]), EXPECTED, "registrations", "warn"),
        (Somebody(replace(WELL, rate=None), [7], REGISTERED), EXPECTED, "rate headers", "warn"),
        (Somebody(replace(WELL, rate=RateHeaders(10)), [7], REGISTERED), EXPECTED, "rate headers", "warn"),
        (
            Somebody(replace(WELL, clock=datetime(2026, 5, 2, tzinfo=UTC)), [7], []),
            EXPECTED,
            "provider's clock",
            "warn",
        ),
    ],
)
async def test_what_is_wrong_with_an_account_is_reported(
    provider: Any, expected: ExpectedAccount, name: str, level: str
) -> None:
    assert (await levels(provider, expected))[name] == level


@pytest.fixture
async def listener(pool: Any) -> AsyncIterator[str]:
    """The gateway's own webhook listener, on a real socket; its address."""
    from gateway.metrics.observers import ReceiptMetrics
    from gateway.metrics.registry import Metrics
    from gateway.receipts.journal import Journal
    from gateway.receipts.listener import Listener

    journal = Journal(pool)
    running = asyncio.create_task(journal.run())
    runner = web.ServerRunner(web.Server(Listener(journal, MTA.webhooks, ["right"], ReceiptMetrics(Metrics())).handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/webhooks/mta"
    await runner.cleanup()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_round_trip_with_the_secret_is_well_and_leaves_one_harmless_receipt(
    listener: str, operator: Any
) -> None:
    url = webhooks.probe_url(listener, MTA.webhooks.path)
    for _ in range(2):
        assert (await webhooks.check_round_trip(MTA.webhooks, url, ["right"])).level == "ok"
    rows = await operator.fetch("select event, number, request_id from smsgw.receipt")
    assert [tuple(row) for row in rows] == [("other", None, None)]


async def test_a_wrong_secret_and_no_secret_fail(listener: str) -> None:
    url = webhooks.probe_url(listener, MTA.webhooks.path)
    assert "refuses the signature" in (await webhooks.check_round_trip(MTA.webhooks, url, ["wrong"])).message
    assert "SMSGW_WEBHOOK_SECRET is not set" in (await webhooks.check_round_trip(MTA.webhooks, url, [])).message


async def test_an_address_where_nobody_listens_fails() -> None:
    found = await webhooks.check_round_trip(MTA.webhooks, "http://127.0.0.1:1/webhooks/mta/doctor", ["right"])
    assert "does not answer" in found.message


async def test_somebody_else_who_says_yes_to_everything_fails() -> None:
    async def yes(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", yes)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = await webhooks.check_round_trip(
        MTA.webhooks, f"http://127.0.0.1:{runner.addresses[0][1]}/doctor", ["right"]
    )
    await runner.cleanup()
    assert "wrong signature" in found.message


@pytest.mark.parametrize(
    ("url", "probe"),
    [
        ("https://a.org/webhooks/mta/delivery-status", "https://a.org/webhooks/mta/doctor"),
        ("https://a.org/webhooks/mta", "https://a.org/webhooks/mta/doctor"),
        ("https://a.org/x/mta/", "https://a.org/x/mta/doctor"),
    ],
)
def test_the_probe_goes_beside_the_real_events(url: str, probe: str) -> None:
    assert webhooks.probe_url(url, MTA.webhooks.path) == probe


async def test_without_a_key_the_listener_is_looked_at_all_the_same(listener: str) -> None:
    found = [check async for check in check_provider(None, EXPECTED, Webhooks(MTA, ("right",), listener))]
    assert [(check.name, check.level.value) for check in found] == [("key", "warn"), ("webhook round trip", "ok")]
