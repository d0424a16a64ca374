"""The stand-in behaves as the provider's documentation says."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.simulator.config import ConfigError, SimulatorConfig
from gateway.simulator.ledger import Ledger, Sent
from gateway.simulator.limiter import Window
from gateway.simulator.routes import ACCOUNT
from gateway.simulator.server import register_all

KEY = {"Authorization": "Bearer simulator-key"}
ONE, TWO = "+12025550101", "+12025550102"
Start = Callable[..., Awaitable[TestClient[Any, Any]]]


async def send(client: Any, request_id: str | None = None, **body: Any) -> tuple[int, Any, Any]:
    headers = KEY | ({"X-Request-Id": request_id} if request_id else {})
    async with client.post("/v3/send", json={"subscribers": [ONE], "message": "hi"} | body, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers


async def test_a_send_answers_as_documented(start: Start) -> None:
    status, body, headers = await send(await start(), subscribers=[ONE, TWO])
    assert status == 200
    assert body["message"] == "Message Sent to 2 Recipients."
    assert body["data"]["totalSent"] == 2
    assert len(body["data"]["outboundIds"]) == 2
    assert {"X-Request-ID", "RateLimit-Remaining", "X-RateLimit-Reset"} <= set(headers)


async def test_a_wrong_key_is_refused_with_the_documented_body(start: Start) -> None:
    client = await start()
    async with client.get("/v3/auth/verify-api-key", headers={"Authorization": "Bearer no"}) as answer:
        body = await answer.json()
    assert (answer.status, body["httpCode"], body["name"]) == (401, 401, "MTAUnauthorizedError")


async def test_the_same_request_id_sends_once(start: Start) -> None:
    client = await start()
    assert [(await send(client, "a" * 32))[0] for _ in range(3)] == [200, 409, 409]
    async with client.get("/admin/stats") as answer:
        assert (await answer.json())["texts"] == 1


async def test_a_conflict_is_answered_while_the_first_is_in_flight(start: Start) -> None:
    client = await start(answer_delay=(0.3, 0.3))
    statuses = await asyncio.gather(*(send(client, "b" * 32) for _ in range(2)))
    assert sorted(status for status, _, _ in statuses) == [200, 409]


async def test_a_refused_request_frees_its_id(start: Start) -> None:
    client = await start()
    assert (await send(client, "c" * 32, subscribers=["nonsense"]))[0] == 400
    assert (await send(client, "c" * 32))[0] == 200


async def test_an_id_is_used_up_when_the_texts_left_whatever_the_answer_was(start: Start) -> None:
    client = await start(fail_next=("500_after",))
    assert (await send(client, "d" * 32))[0] == 500
    assert (await send(client, "d" * 32))[0] == 409


async def test_an_id_is_forgotten_after_its_time(start: Start) -> None:
    client = await start(id_memory=0.0)
    assert [(await send(client, "e" * 32))[0] for _ in range(2)] == [200, 200]


async def test_a_request_id_must_be_alphanumeric(start: Start) -> None:
    assert (await send(await start(), "a-b"))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {"subscribers": []},
        {"message": ""},
        {"message": "x" * 161},
        {"message": "x" * 1551, "image": "https://example.org/a.png"},
        {"allSubscribers": True},
        {"templateId": 102},
        {"templateId": 999},
        {"subscribers": "not a list"},
        {"tags": {"a": 1}},
        {"longcodeId": 1},
        {"message": "{{ broken"},
        {"scheduledDate": "tomorrow"},
    ],
)
async def test_what_the_documentation_forbids_is_refused(start: Start, body: dict[str, Any]) -> None:
    assert (await send(await start(), **body))[0] == 400


async def test_values_are_found_by_the_very_spelling_and_not_rendered_again(start: Start) -> None:
    client = await start()
    properties = {ONE: {"text": "100% {{x}}"}, "2025550102": {"text": "never"}}
    await send(client, subscribers=[ONE, TWO], message="[{{text}}]", properties=properties)
    async with client.get("/admin/ledger") as answer:
        entries = (await answer.json())["entries"]
    assert {entry["number"]: entry["text"] for entry in entries} == {ONE: "[100% {{x}}]", TWO: "[]"}


async def test_foreign_numbers_are_counted_and_unsubscribed_ones_dropped(start: Start) -> None:
    client = await start()
    await client.post("/v3/unsubscribes", json={"number": TWO}, headers=KEY)
    _, body, _ = await send(client, subscribers=[ONE, TWO, "+442079460123"])
    assert (body["data"]["totalSent"], body["data"]["totalFailedInternationalRecipients"]) == (1, 1)


async def test_the_limit_of_the_window_is_kept_and_says_when_to_come_back(start: Start) -> None:
    client = await start(send_limit=2)
    answers = [await send(client) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert 0 < int(answers[2][2]["Retry-After"]) <= 15
    assert int(answers[0][2]["RateLimit-Reset"]) > 1000


def test_a_sliding_window_never_lets_more_through_than_a_fixed_one_can() -> None:
    sliding, fixed = Window(), Window()
    moments = [14.0, 14.5, 15.1, 15.2]

    def allowed(window: Window, kind: Any) -> list[bool]:
        return [
            window.count(moment, limit=2, length=15.0, kind=kind, rejected_counts=False).allowed for moment in moments
        ]

    assert allowed(sliding, "sliding") == [True, True, False, False]
    assert allowed(fixed, "fixed") == [True, True, True, True]


async def test_webhooks_are_signed_over_the_exact_bytes_and_only_200_is_success(start: Start) -> None:
    calls: list[tuple[bytes, str]] = []
    done = asyncio.Event()

    async def receive(request: web.Request) -> web.Response:
        calls.append((await request.read(), request.headers["X-Signature"]))
        if len(calls) == 6:
            done.set()
        # Refused the first time, so that every event comes twice.
        return web.Response(status=204 if len(calls) <= 3 else 200)

    receiver = web.Application()
    receiver.router.add_post("/{event}", receive)
    async with TestServer(receiver) as server:
        client = await start(webhook_backoff=0.01)
        register_all(client.app[ACCOUNT], f"http://127.0.0.1:{server.port}", "s3cret")
        await send(client, externalId="e-0")
        async with asyncio.timeout(120):
            await done.wait()
    for body, signature in calls:
        assert signature == hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert {json.loads(body).get("status") for body, _ in calls} == {3, 4}


async def test_registering_twice_makes_two_webhooks(start: Start) -> None:
    client = await start()
    wish = {"event": "delivery-status", "url": "https://example.org/x", "secret": "s"}
    for _ in range(2):
        await client.post("/v3/webhooks", json=wish, headers=KEY)
    async with client.get("/v3/webhooks", headers=KEY) as answer:
        rows = (await answer.json())["data"]["rows"]
    assert len(rows) == 2
    assert all("secret" not in row for row in rows)


def test_the_ledger_survives_its_process(tmp_path: Path) -> None:
    entry = Sent("e", ONE, "hi", "r", None, 1.0)
    first = Ledger(tmp_path / "ledger.jsonl")
    first.add(entry)
    first.add(entry)
    again = Ledger(tmp_path / "ledger.jsonl")
    assert list(again.entries()) == [(entry, 2)]
    assert again.doubled() == 1
    first.close()
    again.close()


@pytest.mark.parametrize("change", [{"nonsense": 1}, {"send_limit": "x"}, {"webhook_shape": "v9"}, {"status_delay": 1}])
def test_a_wrong_knob_is_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        SimulatorConfig().changed(change)
