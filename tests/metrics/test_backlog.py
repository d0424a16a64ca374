"""The gauges that only the database can fill."""

from typing import Any

from support.outbox import enqueue

from gateway.metrics.backlog import BacklogGauges
from gateway.metrics.registry import Metrics


async def test_the_backlog_and_the_health_of_the_database_are_on_display(pool: Any, connection: Any) -> None:
    await enqueue(connection, lane="otp")
    metrics = Metrics()
    await BacklogGauges(pool, metrics, max_recipients=500).refresh()
    text = metrics.exposition("")[0].decode()
    assert 'smsgw_outbox_messages{lane="otp",state="ready"} 1.0' in text
    assert 'smsgw_table_dead_rows{table="outbox"}' in text
    size = next(line for line in text.splitlines() if line.startswith('smsgw_index_bytes{index="outbox_waiting"}'))
    assert float(size.split()[1]) > 0


async def test_a_transaction_that_stays_open_is_on_display(pool: Any, connection: Any) -> None:
    metrics = Metrics()
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    await connection.fetchval("select count(*) from smsgw.lane")
    await BacklogGauges(pool, metrics, max_recipients=500).refresh()
    await transaction.rollback()
    assert metrics.oldest_snapshot._value.get() > 0
