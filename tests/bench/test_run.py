"""The benchmarks themselves, with numbers so small that they prove the way and nothing about speed."""

from pathlib import Path
from typing import Any

import pytest

from gateway.bench import registry
from gateway.bench.context import SCALES, Bench, Scale, percentile
from gateway.bench.drain import drain, raw_client
from gateway.bench.floors import claim_and_finish, notify_wake
from gateway.bench.peers.catalog import MODES, PEERS, Kind
from gateway.bench.processes import BenchError


@pytest.mark.parametrize(("most", "lane", "fewest"), [(1, "bulk", 60), (500, "default", 1)])
async def test_a_drain_counts_every_message_once_and_what_it_cost(
    bench: Bench, most: int, lane: str, fewest: int
) -> None:
    async with bench.filled(60, lane) as database:
        done = await drain(bench, database, 60, max_recipients=most)
    assert (done.lost, done.doubled) == (0, 0)
    assert fewest <= done.requests <= 60
    assert done.cost.wal > 0
    assert done.cost.commits > 0
    assert done.memory


async def test_a_drain_that_never_happens_is_all_loss(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench.filled(3, "bulk") as database:
        await database.run("pause_all")
        impatient = Bench(
            Scale(**{**_fields(bench.scale), "patience": 3.0}), bench.databases, bench.server, bench.folder, 8, 0.0
        )
        assert (await drain(impatient, database, 3)).lost == 3


async def test_the_bare_client_posts_each_once(bench: Bench) -> None:
    done = await raw_client(bench, 40)
    assert (done["lost"], done["doubled"]) == (0, 0)


async def test_the_bare_claim_takes_all_rows_and_the_bare_bell_rings(bench: Bench) -> None:
    async with bench.databases.fresh(migrated=False) as database:
        line = await claim_and_finish(database, 100)
        assert line.values["rate"] > 0
        assert await database.value("bare_left") == 0
        assert len(await notify_wake(database, bench.folder, 3)) == 3


async def test_a_history_looks_like_messages_that_were_delivered(bench: Bench) -> None:
    async with bench.databases.fresh() as database:
        await database.run("finished", 50, 1000)
        states = await database.connection.fetch("select distinct state, attempts from smsgw.message")
        assert [tuple(row) for row in states] == [("delivered", 1)]
        assert await database.value("waiting") == 0


async def test_one_benchmark_that_breaks_says_why_and_stops_no_other(bench: Bench) -> None:
    async def breaks(_: Any) -> Any:
        raise BenchError("no such thing here")

    result = await registry.measure(registry.Benchmark("broken", "", breaks), bench, "smsgw bench run broken")
    assert result.failed == "BenchError: no such thing here"


def test_an_unknown_benchmark_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BenchError, match="no benchmark is named speed; there are: floors, drain"):
        registry.chosen(["speed"], SCALES["short"])


def test_the_short_set_needs_nothing_from_elsewhere() -> None:
    names = {benchmark.name for benchmark in registry.chosen([], SCALES["short"])}
    assert "peers" not in names
    assert {"drain", "coalesced", "wake", "otp", "insert", "idle"} <= names


def test_every_peer_has_its_adapter_a_pinned_release_and_both_lines() -> None:
    folder = Path(registry.__file__).parent / "peers"
    for peer in PEERS:
        name = f"{peer.adapter}.py" if peer.kind is Kind.PYTHON else peer.adapter
        assert (folder / name).is_file()
        assert "==" in peer.packages[0] or "@" in peer.packages[0]
        assert peer.default
        assert peer.tuned
    assert MODES == ("default", "tuned")


def test_a_percentile_of_few_values_errs_on_the_slow_side() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


def _fields(scale: Scale) -> dict[str, Any]:
    return {name: getattr(scale, name) for name in Scale.__slots__}
