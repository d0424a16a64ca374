"""What the provider's answers teach the limiter, in short transactions of their own."""

import asyncio
from collections.abc import Callable

from gateway.domain.token_bucket import Bucket
from gateway.store import buckets
from gateway.store.pool import Pool


async def change(pool: Pool, name: str, how: Callable[[Bucket, float], Bucket]) -> Bucket | None:
    """Apply `how(bucket, now)` to one bucket under its lock; return what it became, None if there is no such bucket."""
    async with pool.acquire() as connection, connection.transaction():
        locked, now = await buckets.lock(connection, [name])
        bucket = locked.get(name)
        if not isinstance(bucket, Bucket):
            return None
        changed = how(bucket, now)
        await buckets.write(connection, [changed])
        return changed


async def apply_throttle(pool: Pool, name: str, retry_after: float) -> Bucket | None:
    """Stop a bucket after a 429, for all replicas."""
    return await change(pool, name, lambda bucket, now: bucket.after_throttle(retry_after, now))


async def apply_rate_headers(pool: Pool, name: str, remaining: float, reset_after: float) -> Bucket | None:
    """Lower a bucket to what the provider reports as remaining in its window."""
    return await change(pool, name, lambda bucket, now: bucket.after_rate_headers(remaining, reset_after, now))


async def take(pool: Pool, name: str, count: float = 1.0) -> float:
    """Take tokens for a call outside the outbox; return 0.0 when they were there, else the seconds to wait."""
    wait = 0.0

    def attempt(bucket: Bucket, now: float) -> Bucket:
        nonlocal wait
        if bucket.available(now) + 1e-9 >= count:
            return bucket.taken(count, now)
        wait = max(bucket.wait_for(count, now), 0.01)
        return bucket

    await change(pool, name, attempt)
    return wait


async def await_token(pool: Pool, name: str) -> None:
    """Return when a token was there and is taken; raises what the database raises."""
    while wait := await take(pool, name):  # noqa: ASYNC110  no event tells of a token, the bucket says when
        await asyncio.sleep(wait)
