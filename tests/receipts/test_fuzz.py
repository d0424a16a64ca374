"""Whatever stands in a body: it is read, or it is no JSON; and what is read can be stored and applied.

The fast tier reads a few bodies, the slow tier as many as `SMSGW_TEST_FUZZ_BODIES`. Hypothesis generates only a few:
one of its bodies takes as long as a hundred others.
"""

import json
import os
import random
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.receipts import apply_all, parse

from gateway.domain.receipt import Event, Receipt
from gateway.provider.errors import NotJson
from gateway.store import receipts
from gateway.store.pool import Pool

FEW = 10_000
MANY = int(os.environ.get("SMSGW_TEST_FUZZ_BODIES", "200000"))
PAGE = os.sysconf("SC_PAGE_SIZE")
GROWTH = 24 * 1024 * 1024
"""Bytes by which the process may grow between the first tenth of the bodies and the last."""

NAMES = (
    "type", "data", "status", "externalId", "messageId", "toNumber", "destinationNumber", "to", "number", "fromNumber",
    "originationNumber", "timestamp", "deliveredAt", "date", "message", "replyId", "tags", "senderName",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 4, -1, 10**40, 4.0, 1e308, "", "4", "delivered", "DELIVERED ", "²", "٤", "\0", "\ud800",
    "+12025550123", "2025550123", 12025550123, "٢٠٢٥٥٥٠١٢٣", "0195f3f000007000800000000000000f-0",
    "0195f3f000007000800000000000000f-9999", "0195f3f000007000800000000000000f-٣", "f" * 5000, "2026-05-01T18:43:11Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-W05", [], {}, [[]], {"status": 4}, "STOP", "🛑",
)  # fmt: skip


def storable(receipt: Receipt) -> None:
    """What Postgres would refuse, checked without asking it."""
    texts = [receipt.event, receipt.number, receipt.external_id, receipt.provider_status, receipt.provider_message_id]
    texts += [receipt.reply_to_number, receipt.reply_text, receipt.provider_reply_id]
    for text in texts:
        assert text is None or "\0" not in text
        (text or "").encode()
    assert len(receipt.digest) == 32
    assert receipt.generation is None or 0 <= receipt.generation <= 32767
    assert receipt.happened_at is None or receipt.happened_at.tzinfo is UTC


def read(body: bytes, event: str | None) -> Receipt | None:
    try:
        receipt = parse(body, event)
    except NotJson:
        return None
    storable(receipt)
    return receipt


LEAVES = st.sampled_from(VALUES) | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str)


def _nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Hypothesis reads the source of a lambda again for each example."""
    keys = st.sampled_from(NAMES) | st.text(max_size=5)
    return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=8)


CONTENT = st.recursive(LEAVES, _nodes, max_leaves=25)


@settings(max_examples=60)
@given(CONTENT, st.sampled_from([*Event, None]))
def test_any_json_is_read(content: Any, event: str | None) -> None:
    assert read(json.dumps(content).encode(), event) is not None


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from([*Event, None]))
def test_any_bytes_are_read_or_no_json(body: bytes, event: str | None) -> None:
    read(body, event)


def test_a_body_nested_without_end_is_no_json() -> None:
    assert read(b"[" * 500_000, None) is None
    assert read(b'{"data":' * 100_000 + b"1" + b"}" * 100_000, None) is None


def bodies(rng: random.Random, count: int) -> Iterator[bytes]:
    """Yield bodies: whole ones, ones with a piece changed, and noise."""
    for _ in range(count):
        content: Any = {name: rng.choice(VALUES) for name in rng.sample(NAMES, rng.randint(0, 8))}
        if rng.random() < 0.2:
            content = {"data": content}
        if rng.random() < 0.1:
            content = [content] * rng.randint(1, 2)
        body = bytearray(json.dumps(content, ensure_ascii=rng.random() < 0.9).encode("utf-8", "surrogatepass"))
        for _ in range(rng.choice((0, 0, 0, 1, 5))):
            body[rng.randrange(len(body)) : rng.randrange(len(body) + 1)] = rng.choice(
                (b"", b"\0", b"\xff", b'"', b"{", b"1e999", b"\\ud800", string.printable.encode())
            )
            body = body or bytearray(b" ")
        yield bytes(body)


def resident() -> int:
    """Bytes of memory in use, 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * PAGE if statm.exists() else 0


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow("fuzz"))])
def test_many_bodies_are_read_without_growing(count: int) -> None:
    rng = random.Random(count)
    events = [*Event, None]
    understood = 0
    for body in bodies(rng, count // 10):
        understood += read(body, rng.choice(events)) is not None
    before = resident()
    for body in bodies(rng, count - count // 10):
        understood += read(body, rng.choice(events)) is not None
    assert resident() - before < GROWTH
    assert count * 0.3 < understood < count


async def test_what_is_read_is_stored_and_folded(pool: Pool) -> None:
    rng = random.Random(7)
    entries = {}
    for body in bodies(rng, 3000):
        receipt = read(body, rng.choice([*Event, None]))
        if receipt is not None:
            entries[receipt.digest] = receipt
    async with pool.acquire() as connection:
        assert len(await receipts.journal(connection, list(entries.values()))) == len(entries) > 1000
    await apply_all(pool)
    async with pool.acquire() as connection:
        assert await connection.fetchval("select count(*) from smsgw.receipt where applied_at is null") == 0
        assert await connection.fetchval("select max(happened_at) is not null from smsgw.receipt")
        newest = await connection.fetchval("select max(received_at) from smsgw.receipt")
    assert newest <= datetime.now(UTC)
