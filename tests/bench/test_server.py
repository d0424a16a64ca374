"""The counting provider: every arrival is counted by its recipients, and a loss or a duplicate shows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.bench.processes import Server, server
from gateway.bench.rawclient import body
from gateway.bench.server import Counts, recipients
from gateway.domain.message import Message, Recipient
from gateway.provider.mta.request import encode
from gateway.provider.mta.response import read_answer


@pytest.fixture
async def counting(tmp_path: Path) -> AsyncIterator[Server]:
    """A running one that answers at once."""
    async with server(tmp_path, delay=0.0) as running:
        yield running


async def post(server: Server, content: bytes) -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession() as session, session.post(f"{server.base}/v3/send", data=content) as response:
        await response.read()
        return response


async def test_a_message_that_comes_twice_is_a_duplicate(counting: Server) -> None:
    for number in (1, 2, 1):
        await post(counting, body(number))
    stats = await counting.stats(skip=0.0)
    assert (stats["messages"], stats["distinct"], stats["doubled"]) == (3, 2, 1)


async def test_every_recipient_of_a_request_is_counted(counting: Server) -> None:
    await post(counting, b'{"subscribers":["+99900000000001","+99900000000002"],"message":"x"}')
    stats = await counting.stats()
    assert (stats["requests"], stats["distinct"]) == (1, 2)
    assert set(await counting.arrivals()) == {"+99900000000001", "+99900000000002"}


async def test_it_forgets_when_told(counting: Server) -> None:
    await post(counting, body(1))
    await counting.reset()
    assert (await counting.stats())["messages"] == 0


async def test_its_answer_is_an_acceptance_to_the_gateway(counting: Server) -> None:
    async with aiohttp.ClientSession() as session:
        response = await session.post(f"{counting.base}/v3/send", data=body(1))
        answer = read_answer(response.status, response.headers, await response.read(), window=15.0, duration=0.0)
    assert answer.readable
    assert answer.total_sent == 1
    assert answer.provider_message_id
    assert answer.rate is not None
    assert answer.rate.remaining


async def test_requests_that_come_in_pieces_are_put_together(counting: Server) -> None:
    host, _, port = counting.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content = body(7)
    whole = b"POST /v3/send HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
    for piece in (whole[:30], whole[30:90], whole[90:]):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    assert b"200 OK" in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert (await counting.stats())["distinct"] == 1


def test_recipients_are_read_from_the_bytes_that_the_gateway_writes() -> None:
    messages = [Message(n, "bulk", "", Recipient(f"+120255501{n:02}"), body=f"text {n}") for n in (1, 2)]
    content = encode(messages, external_id="e", default_sender=1)
    assert recipients(content) == [b"+12025550101", b"+12025550102"]


def test_the_rate_leaves_out_the_beginning() -> None:
    counts = Counts()
    counts.arrivals = [(0.0, 10), (100.0, 10), (101.0, 40), (102.0, 40)]
    counts.messages = 100
    assert counts.summary(skip=0.2)["rate"] == pytest.approx(40.0)
