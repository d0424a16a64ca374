"""Faults strike where their rule says, the same ones for the same seed, and a wrong rule is refused by its place."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.simulator.config import SimulatorConfig
from gateway.simulator.faults import Faults
from gateway.simulator.ledger import Dropped, Sent
from gateway.simulator.plan import read_file, read_plan
from gateway.simulator.routes import ACCOUNT
from gateway.simulator.rules import KINDS, FaultError
from gateway.simulator.server import register_all
from gateway.simulator.state import open_account

KEY = {"Authorization": "Bearer simulator-key"}
ONE = "+12025550101"
MANY = [f"+120255501{n:02}" for n in range(40)]
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"
Start = Callable[..., Awaitable[TestClient[Any, Any]]]
CUT = 0
"""What `send` returns for a connection that was cut."""


@pytest.fixture
async def client(start: Start) -> TestClient[Any, Any]:
    return await start(send_limit=1000)


async def follow(client: Any, *faults: dict[str, Any], **plan: Any) -> None:
    async with client.put("/admin/faults", json=plan | {"fault": list(faults)}) as answer:
        assert answer.status == 200, await answer.text()


async def send(client: Any, request_id: str = "a" * 32, **body: Any) -> tuple[int, Any, Any]:
    """Return status, body (None where it is no JSON) and headers."""
    body = {"subscribers": [ONE], "message": "hi", "externalId": request_id} | body
    try:
        async with client.post("/v3/send", json=body, headers=KEY | {"X-Request-Id": request_id}) as answer:
            text = await answer.text()
            status, headers = answer.status, answer.headers
    except aiohttp.ClientError:
        return CUT, None, {}
    try:
        return status, json.loads(text), headers
    except ValueError:
        return status, None, headers


async def ledger(client: Any) -> dict[str, Any]:
    async with client.get("/admin/ledger") as answer:
        return dict(await answer.json())


BEFORE = {"429": 429, "401": 401, "402": 402, "403": 403, "500_before": 500, "html_502_before": 502, "drop_before": CUT,
          "success_false_before": 200}  # fmt: skip
AFTER = {"500_after": 500, "html_502_after": 502, "drop_after": CUT, "truncated_after": 200, "success_false_after": 200}


@pytest.mark.parametrize(("kind", "status"), BEFORE.items())
async def test_a_fault_before_sends_nothing_and_frees_the_id(client: Any, kind: str, status: int) -> None:
    await follow(client, {"kind": kind, "tries": 1})
    assert (await send(client))[0] == status
    assert (await ledger(client))["entries"] == []
    assert (await send(client))[0] == 200


@pytest.mark.parametrize(("kind", "status"), AFTER.items())
async def test_a_fault_after_sends_and_uses_the_id_up(client: Any, kind: str, status: int) -> None:
    await follow(client, {"kind": kind, "tries": 1})
    first, body, _ = await send(client)
    assert first == status
    assert body is None or "data" not in body
    assert [entry["count"] for entry in (await ledger(client))["entries"]] == [1]
    assert (await send(client))[0] == 409


@pytest.mark.parametrize("kind", BEFORE)
async def test_any_refusal_may_use_the_id_up(client: Any, kind: str) -> None:
    await follow(client, {"kind": kind, "tries": 1, "consumes": True})
    await send(client)
    assert (await send(client))[0] == 409
    assert (await ledger(client))["entries"] == []


async def test_a_provider_that_forgets_what_it_sent_is_told_by_the_ledger(client: Any) -> None:
    await follow(client, {"kind": "500_after", "tries": 1, "consumes": False})
    await send(client)
    await send(client)
    assert [entry["count"] for entry in (await ledger(client))["entries"]] == [2]


async def test_the_plan_says_which_answers_use_an_id_up(client: Any) -> None:
    await follow(client, {"kind": "402", "until_request": 1}, ids={"consumed_by": [400, 402]})
    assert [(await send(client))[0] for _ in range(2)] == [402, 409]
    assert [(await send(client, "b" * 32, message=""))[0] for _ in range(2)] == [400, 409]


async def test_an_id_is_remembered_as_long_as_the_plan_says(client: Any) -> None:
    await follow(client, ids={"memory": 0})
    assert [(await send(client))[0] for _ in range(2)] == [200, 200]
    await follow(client, {"kind": "forget_id", "tries": 1}, ids={"memory": 600})
    assert [(await send(client, "b" * 32))[0] for _ in range(3)] == [200, 200, 409]


async def test_a_fault_ahead_of_ids_strikes_a_repetition_too(client: Any) -> None:
    await send(client)
    await follow(client, {"kind": "402", "ahead_of_ids": True})
    assert (await send(client))[0] == 402
    await follow(client, {"kind": "402"})
    assert (await send(client))[0] == 409


@pytest.mark.parametrize(
    ("slow", "then", "statuses", "texts"),
    [
        ("slow_before", "500_before", [409, 500], 0),
        ("slow_before", "500_after", [409, 500], 1),
        ("slow_after", "drop_after", [CUT, 409], 1),
    ],
)
async def test_the_same_id_conflicts_while_the_first_is_in_flight_which_may_yet_fail(
    client: Any, slow: str, then: str, statuses: list[int], texts: int
) -> None:
    await follow(client, {"kind": slow, "delay": 1.0, "tries": 1}, {"kind": then, "tries": 1})
    answers = await asyncio.gather(send(client), send(client))
    assert sorted(status for status, _, _ in answers) == statuses
    assert len((await ledger(client))["entries"]) == texts


async def test_a_partial_send_is_counted_in_the_answer_and_a_silent_drop_is_not(client: Any) -> None:
    await follow(client, {"kind": "partial", "share": 0.5})
    _, body, _ = await send(client, subscribers=MANY)
    found = await ledger(client)
    assert 0 < body["data"]["totalSent"] == len(found["entries"]) < len(MANY)
    assert len(found["entries"]) + len(found["dropped"]) == len(MANY)
    assert {one["told"] for one in found["dropped"]} == {True}
    await client.post("/admin/reset")
    await follow(client, {"kind": "silent_drop", "share": 0.5})
    _, body, _ = await send(client, "b" * 32, subscribers=MANY)
    found = await ledger(client)
    assert body["data"]["totalSent"] == len(MANY) == len(found["entries"]) + len(found["dropped"])
    assert {one["told"] for one in found["dropped"]} == {False}


async def test_a_storm_strikes_everything_until_it_is_over(client: Any) -> None:
    await follow(client, {"name": "storm", "kind": "429", "from_request": 2, "until_request": 2, "lasts": 3600})
    ids = [character * 32 for character in "abcde"]
    assert [(await send(client, one))[0] for one in ids] == [200, 429, 429, 429, 429]


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ("full", {"Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"}),
        ("retry_after", {"Retry-After"}),
        ("none", set()),
        ("absurd", {"Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"}),
    ],
)
async def test_a_storm_comes_with_and_without_headers(client: Any, headers: str, names: set[str]) -> None:
    await follow(client, {"kind": "429", "headers": headers, "retry_after": 7})
    _, _, found = await send(client)
    assert {name for name in ("Retry-After", "RateLimit-Reset", "X-RateLimit-Reset") if name in found} == names
    if headers in {"full", "retry_after"}:
        assert found["Retry-After"] == "7"


@pytest.mark.parametrize("reason", [None, "unverified"])
async def test_a_refusal_of_the_account_gives_its_reason(client: Any, reason: str | None) -> None:
    await follow(client, {"kind": "403"} | ({} if reason is None else {"reason": reason}))
    assert (await send(client))[1]["reason"] == reason


async def test_a_rule_is_switched_on_while_it_runs(client: Any) -> None:
    await follow(client, {"name": "no credit", "kind": "402", "enabled": False})
    assert (await send(client, "a" * 32))[0] == 200
    await client.patch("/admin/faults", json={"no credit": {"enabled": True}})
    assert (await send(client, "b" * 32))[0] == 402
    await client.delete("/admin/faults")
    assert (await send(client, "b" * 32))[0] == 200


async def test_a_rule_is_added_beside_the_others(client: Any) -> None:
    await follow(client, {"kind": "402", "tries": 1})
    await client.post("/admin/faults", json={"kind": "500_before", "tries": 2})
    assert [(await send(client))[0] for _ in range(3)] == [402, 500, 200]
    async with client.get("/admin/faults?log=1") as answer:
        found = await answer.json()
    assert found["struck"] == {"402#1": 1, "500_before#2": 1}
    assert [(strike["fault"], strike["try_number"]) for strike in found["log"]] == [("402#1", 1), ("500_before#2", 2)]


async def test_other_calls_have_faults_of_their_own(client: Any) -> None:
    await follow(client, {"kind": "html_502_before", "on": "other"})
    assert (await send(client))[0] == 200
    async with client.get("/v3/deliveries", headers=KEY) as answer:
        assert answer.status == 502


async def struck(client: Any, *, together: bool, **plan: Any) -> set[tuple[str, str]]:
    await follow(client, {"kind": "500_before", "chance": 0.4}, {"kind": "drop_after", "chance": 0.4}, **plan)
    ids = [f"{n:032x}" for n in range(40)]
    if together:
        await asyncio.gather(*(send(client, one) for one in ids))
    else:
        for one in reversed(ids):
            await send(client, one)
    async with client.get("/admin/faults?log=1") as answer:
        return {(strike["fault"], strike["key"]) for strike in (await answer.json())["log"]}


async def test_the_same_seed_and_requests_meet_the_same_faults_however_they_interleave(start: Start) -> None:
    first, second, third = [await start(send_limit=1000) for _ in range(3)]
    one = await struck(first, together=True, seed=7)
    assert len(one) > 10
    assert one == await struck(second, together=False, seed=7)
    assert one != await struck(third, together=True, seed=8)


async def test_a_request_may_be_known_by_whom_it_is_for(start: Start) -> None:
    found = []
    for prefix in ("a", "b"):
        client = await start(send_limit=1000)
        await follow(client, {"kind": "500_before", "chance": 0.5}, by="recipients")
        found.append([(await send(client, f"{prefix}{n:031}", subscribers=[one]))[0] for n, one in enumerate(MANY)])
    assert found[0] == found[1]
    assert set(found[0]) == {200, 500}


class Receiver:
    """A webhook that remembers."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.changed = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        async with self.changed:
            self.calls.append(await request.json())
            self.changed.notify_all()
        return web.Response()

    def statuses(self) -> list[int]:
        return [call["status"] for call in self.calls]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(120), self.changed:
            await self.changed.wait_for(lambda: len(self.calls) >= count)


@pytest.fixture
async def receiver(client: Any) -> AsyncIterator[Receiver]:
    async def ignore(_: web.Request) -> web.Response:
        return web.Response()

    receiver, application = Receiver(), web.Application()
    application.router.add_post("/delivery-status", receiver.take)
    application.router.add_post("/{other}", ignore)
    async with TestServer(application) as server:
        register_all(client.app[ACCOUNT], f"http://127.0.0.1:{server.port}", "s3cret")
        yield receiver


async def test_receipts_may_come_before_the_answer(client: Any, receiver: Receiver) -> None:
    await follow(client, {"kind": "webhook_early", "delay": 20}, {"kind": "drop_after"})
    assert (await send(client))[0] == CUT
    assert sorted(receiver.statuses()) == [3, 4]


async def test_receipts_may_be_lost(client: Any, receiver: Receiver) -> None:
    await follow(client, {"kind": "webhook_lost", "events": "delivery-status", "until_request": 4, "tries": 1})
    await send(client)
    await receiver.until(1)
    assert receiver.statuses() == [4]
    async with client.get("/admin/stats") as answer:
        assert (await answer.json())["webhooks_lost"] == 1


async def test_receipts_may_come_twice(client: Any, receiver: Receiver) -> None:
    await follow(client, {"kind": "webhook_doubled", "copies": 2, "delay": 0})
    await send(client)
    await receiver.until(4)
    assert sorted(receiver.statuses()) == [3, 3, 4, 4]


async def test_receipts_may_overtake_each_other(client: Any, receiver: Receiver) -> None:
    await follow(client, {"kind": "webhook_reordered", "events": "delivery-status", "tries": 1, "delay": 3600})
    await send(client)
    await receiver.until(2)
    assert receiver.statuses() == [4, 3]


async def test_receipts_may_be_hours_late_and_need_not_be_waited_for(client: Any, receiver: Receiver) -> None:
    await follow(client, {"kind": "webhook_late", "events": "delivery-status", "tries": 1, "delay": [3600, 7200]})
    await send(client)
    await receiver.until(1)
    assert receiver.statuses() == [4]
    await client.post("/admin/webhooks/release")
    await receiver.until(2)
    assert receiver.statuses() == [4, 3]


def test_the_ids_and_drops_of_a_killed_simulator_are_in_its_ledger(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    first = open_account(SimulatorConfig(), file)
    first.ledger.add(Sent("e", ONE, "hi", "r" * 32, None, 4_000_000_000.0))
    first.ledger.drop(Dropped("e", ONE, "r" * 32, False, 1.0))
    again = open_account(SimulatorConfig(), file)
    assert again.ids.look_up("r" * 32, 0.0) is not None
    assert [one.told for one in again.ledger.dropped] == [False]
    first.ledger.close()
    again.ledger.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[fault]]\nkind = "500_after"\n[[fault]]\nchance = 2\nkind = "429"', r"a.toml:4: fault 2 \(429\): chance"),
        ('[[fault]]\nkind = "nonsense"', "a.toml:2: fault 1: kind: must be one of 429"),
        ("[[fault]]\nchance = 1", "a.toml:1: fault 1: kind"),
        ('\n[[fault]]\nkind = "429"\ndelay = 1', r"a.toml:4: fault 1 \(429\): delay: no such key here"),
        ('[[fault]]\nkind = "slow_after"\ndelay = [2, 1]', "a.toml:3: .*delay: the first must not be more"),
        ('[[fault]]\nkind = "silent_drop"\non = "other"', "a.toml:3: .*on: this kind strikes sends only"),
        ('[[fault]]\nkind = "401"\nname = "x"\n[[fault]]\nkind = "401"\nname = "x"', "a.toml:6: .*name: another"),
        ("seed = 1.5", "a.toml: seed|a.toml:1: seed"),
        ("[ids]\nmemory = -1", "a.toml: ids: memory|a.toml:2: ids: memory"),
        ("speed = 1", "speed: no such key"),
        ("seed = ", r"a.toml: Invalid value \(at end"),
        ("seed = 1\nby ~ 2", r"a.toml: .*line 2"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(FaultError, match=message):
        read_file(tmp_path / "a.toml")


def test_a_json_file_says_the_same_and_is_refused_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"seed": 3,\n "fault": [{"kind": "429"},\n  {"kind": "402", "chance": "often"}]}')
    with pytest.raises(FaultError, match=r"a.json:3: fault 2 \(402\): chance: must be a number"):
        read_file(path)


@pytest.mark.parametrize("wrong", [{"fault": [{"kind": "x"}]}, [], {"fault": {}}, {"ids": {"consumed_by": [200]}}])
async def test_the_admin_call_refuses_what_the_file_would(client: Any, wrong: Any) -> None:
    await follow(client, {"kind": "402"})
    async with client.put("/admin/faults", json=wrong) as answer:
        assert answer.status == 400
    assert (await send(client))[0] == 402


def test_the_plan_of_the_page_is_right_and_every_kind_is_on_it(tmp_path: Path) -> None:
    page = DOCUMENT.read_text()
    found = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "faults.toml").write_text(found[1])
    plan = read_file(tmp_path / "faults.toml")
    assert read_plan(plan.as_dict()) == plan
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
    (tmp_path / "faults.toml").write_text(found[1].replace("chance = 0.5\n", "chance = 50\n"))
    with pytest.raises(FaultError, match=r"faults.toml:\d+: fault 2 \(500_after\): chance: must be a number") as wrong:
        read_file(tmp_path / "faults.toml")
    assert str(wrong.value).removeprefix(f"{tmp_path}/") in page


def test_dice_are_even_and_know_only_their_words() -> None:
    faults = Faults(1)
    throws = [faults.dice("rule", n) for n in range(2000)]
    assert 900 < sum(throw < 0.5 for throw in throws) < 1100
    assert throws[5] == Faults(1).dice("rule", 5)
