"""The listener over real sockets: what it takes, what it refuses, and what it costs an attacker to keep it busy."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.app import lifecycle
from gateway.app.lifecycle import background, listening
from gateway.provider.mta.kind import MTA
from gateway.provider.mta.signature import sign
from gateway.receipts import journal as journal_module
from gateway.receipts import listener as listener_module
from gateway.receipts.journal import Journal
from gateway.receipts.listener import Listener
from gateway.store.pool import Pool, open_pool

OLD, NEW = "the-old-secret", "the-new-secret"
BODY = b'{"externalId": "order_1", "status": 4}'


@dataclass
class Seen:
    """Counts what the listener answered."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    def webhook(self, event: str, result: str, seconds: float) -> None:
        self.calls.append((event, result))


@dataclass
class Served:
    """A listener and the way to it."""

    port: int
    session: aiohttp.ClientSession
    seen: Seen
    pool: Pool

    async def post(self, body: bytes, event: str = "/delivery-status", **headers: str) -> int:
        signed = {"X-Signature": sign(NEW, body)} | {name.replace("_", "-"): value for name, value in headers.items()}
        address = f"http://127.0.0.1:{self.port}/webhooks/mta{event}"
        async with self.session.post(address, data=io.BytesIO(body), headers=signed) as response:
            await response.read()
            return response.status

    async def raw(self, text: bytes) -> bytes:
        """Send bytes and return everything that comes back until the listener hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        try:
            async with asyncio.timeout(120):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.fixture
async def served(pool: Pool) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        yield await serve(stack, pool)


async def serve(stack: AsyncExitStack, pool: Pool) -> Served:
    journal, seen = Journal(pool), Seen()
    listener = Listener(journal, MTA.webhooks, [OLD, NEW], seen)
    await stack.enter_async_context(background("journal", journal.run, lambda: None))
    port = await stack.enter_async_context(listening("webhook", listener.handle, ("127.0.0.1", 0)))
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return Served(port, session, seen, pool)


async def count(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return int(await connection.fetchval("select count(*) from smsgw.receipt"))


async def test_the_answer_200_comes_after_the_commit_and_a_repetition_adds_nothing(served: Served) -> None:
    assert await served.post(BODY) == 200
    assert await count(served.pool) == 1
    assert await served.post(BODY) == 200
    assert await count(served.pool) == 1
    assert [result for _, result in served.seen.calls] == ["stored", "repeated"]


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_both_secrets_hold_while_they_rotate(served: Served, secret: str) -> None:
    assert await served.post(BODY, X_Signature=sign(secret, BODY)) == 200


@pytest.mark.parametrize("signature", ["", "0" * 64, sign("another", BODY), sign(NEW, BODY + b" "), "é"])
async def test_a_wrong_signature_is_refused_and_nothing_is_kept(served: Served, signature: str) -> None:
    assert await served.post(BODY, X_Signature=signature) == 401
    assert await count(served.pool) == 0


async def test_without_a_secret_every_call_is_refused(pool: Pool) -> None:
    seen = Seen()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            listening("webhook", Listener(Journal(pool), MTA.webhooks, [], seen).handle, ("127.0.0.1", 0))
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        assert await Served(port, session, seen, pool).post(BODY, X_Signature=sign("", BODY)) == 401


async def test_what_is_authentic_and_no_json_is_a_bad_request(served: Served) -> None:
    assert await served.post(b"<html>") == 400


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"null", b"7", b'"x"', b'{"status": {"a": 1}}', b'{"data": {"data": {}}}']
)
async def test_json_that_says_nothing_is_kept_and_answered(served: Served, body: bytes) -> None:
    assert await served.post(body) == 200
    assert await count(served.pool) == 1


@pytest.mark.parametrize("event", ["", "/unheard-of", "/number-opt-in", "/message-send"])
async def test_every_address_takes_receipts(served: Served, event: str) -> None:
    assert await served.post(BODY, event) == 200


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/mta/a/b", "/webhooks/mtax", "/metrics"])
async def test_there_is_nothing_else_at_this_address(served: Served, path: str) -> None:
    address = f"http://127.0.0.1:{served.port}{path}"
    async with served.session.post(address, data=BODY, headers={"X-Signature": sign(NEW, BODY)}) as response:
        assert response.status == 404


async def test_only_a_post_is_taken(served: Served) -> None:
    async with served.session.get(f"http://127.0.0.1:{served.port}/webhooks/mta") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_what_stands_behind_the_address_is_no_part_of_it(served: Served) -> None:
    assert await served.post(BODY, "/delivery-status?x=1") == 200
    assert served.seen.calls == [("delivery-status", "stored")]


async def test_a_body_above_the_bound_is_refused(served: Served) -> None:
    assert await served.post(b" " * (listener_module.MAX_BODY + 1)) == 413
    assert await served.post(json.dumps({"x": "a" * 900_000}).encode()) == 200


async def test_many_at_once_share_their_commits(served: Served) -> None:
    bodies = [json.dumps({"n": n}).encode() for n in range(400)]
    async with served.pool.acquire() as connection:
        assert set(await asyncio.gather(*(served.post(body) for body in bodies))) == {200}
        commits = await connection.fetchval("select count(distinct xmin::text) from smsgw.receipt")
    assert await count(served.pool) == 400
    assert commits < 200


async def test_while_the_database_is_away_the_provider_is_told_to_come_again(database: Any, server_dsn: str) -> None:
    pool = await open_pool(database.dsn, purpose="test", max_size=2)
    name = database.dsn.rpartition("/")[2]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        served = await serve(stack, pool)
        assert await served.post(BODY) == 200
        admin = await asyncpg.connect(server_dsn)
        stack.push_async_callback(admin.close)
        await admin.execute(f'alter database "{name}" allow_connections false')
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        assert await served.post(b'{"n": 1}') == 503
        await admin.execute(f'alter database "{name}" allow_connections true')
        assert await served.post(b'{"n": 1}') == 200
        assert await count(pool) == 2


async def test_more_than_can_wait_is_told_to_come_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "BACKLOG", 3)
    bodies = [json.dumps({"n": n}).encode() for n in range(60)]
    answers = await asyncio.gather(*(served.post(body) for body in bodies))
    assert set(answers) <= {200, 503}
    assert await count(served.pool) == answers.count(200)


async def test_a_body_that_does_not_come_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "BODY_TIMEOUT", 0.1)
    head = b"POST /webhooks/mta HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{"
    assert (await served.raw(head)).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /webhooks/mta HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n",
        b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /webhooks/mta HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is no HTTP\r\n\r\n",
        b"POST /webhooks/mta HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /webhooks/mta HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    ],
    ids=["long header", "long line", "many headers", "tls", "negative length", "bad chunk"],
)
async def test_a_head_out_of_bounds_ends_its_own_connection_only(served: Served, head: bytes) -> None:
    answer = await served.raw(head)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:40]
    assert await served.post(BODY) == 200


async def test_connections_beyond_the_bound_are_sent_away(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MAX_CONNECTIONS", 3)
    async with AsyncExitStack() as stack:
        served = await serve(stack, pool)
        held = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
        assert (await served.raw(b"")).startswith(b"HTTP/1.1 503")
        for _, writer in held:
            writer.close()


HEADERS = st.dictionaries(
    st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,30}", fullmatch=True).filter(
        lambda name: (
            name.lower()
            not in {
                "content-length",
                "transfer-encoding",
                "host",
                "x-signature",
                "expect",
                "upgrade",
                "connection",
                "content-encoding",
            }
        )
    ),
    st.from_regex(r"[ -~]{0,80}", fullmatch=True),
    max_size=8,
)


async def test_no_body_and_no_headers_make_a_5xx(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A sample over real sockets; the parser alone is fuzzed in test_fuzz.py."""
    drawn: list[tuple[bytes, dict[str, str], str]] = []

    @settings(max_examples=50, suppress_health_check=list(HealthCheck), database=None)
    @given(
        st.one_of(st.binary(max_size=300), st.recursive(json_leaves(), json_nodes, max_leaves=20).map(encode)),
        HEADERS,
        st.sampled_from(["", "/delivery-status", "/message-reply", "/%00", "/number-opt-in", "/..%2f"]),
    )
    def draw(body: bytes, headers: dict[str, str], event: str) -> None:
        drawn.append((body, headers, event))

    draw()
    answers = [await served.post(body, event, **headers) for body, headers, event in drawn]
    assert set(answers) <= {200, 400}
    assert not [record for record in caplog.records if record.exc_info]


def json_leaves() -> st.SearchStrategy[Any]:
    return st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


def json_nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(["data", "status", "externalId", "toNumber", "timestamp", "message", "fromNumber", "type"])
    return st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=5), inner, max_size=6)


def encode(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
