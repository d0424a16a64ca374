"""The benchmark of receipts measures what it says: every answer a committed receipt, every receipt applied."""

from dataclasses import replace

import pytest

from gateway.bench import receipts
from gateway.bench.context import Bench
from gateway.bench.posting import Load
from gateway.bench.processes import BenchError


async def test_a_small_run_sends_every_receipt_through_both(bench: Bench) -> None:
    result = await receipts.receipts(bench)
    assert [line.name.partition(":")[0] for line in result.lines] == [
        "a server that does nothing",
        "bare handler",
        "smsgw",
    ]
    ratio, p99 = result.measures
    assert ratio.value is not None
    assert ratio.value > 0
    assert p99.value == result.lines[2].values["p99_ms"]
    assert "of 300 not applied" in ratio.note


async def test_an_answer_that_was_no_yes_ends_the_benchmark(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    load = receipts._load

    async def refused(*given: object) -> Load:
        return replace(await load(*given), refused=1)  # type: ignore[arg-type]

    monkeypatch.setattr(receipts, "_load", refused)
    with pytest.raises(BenchError, match="1 refused"):
        await receipts.receipts(bench)
