"""The benchmark of receipts measures what it says: every answer a committed receipt, every receipt folded."""

from gateway.bench.receipts import measure


async def test_a_small_run_counts_every_receipt() -> None:
    figures = await measure(messages=300, members=100, connections=8)
    assert figures.journalled == figures.durable.answers == figures.bare.answers == 900
    assert figures.delivered == 300
    assert figures.ratio > 0
    assert figures.ceiling > figures.bare.per_second
