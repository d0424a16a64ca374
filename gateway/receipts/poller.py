"""Reads the provider's delivery listing for receipts that webhooks missed.

A webhook is tried three times and then dropped, so the delivery listing is the only second source. It is read only
while something is missing: requests that may have arrived, and messages that have had no final receipt for a while.
One replica reads it, within the limit of management calls, page by page over whole days, never with one call per
message. New rows are journalled and applied like webhooks, so the poller itself decides nothing.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import structlog

from gateway.domain.ids import ExternalIds
from gateway.domain.receipt import Event, Receipt, Source
from gateway.provider.errors import ProviderError
from gateway.provider.protocol import DeliveryRow, Provider
from gateway.store import poller, receipts
from gateway.store.leadership import Leadership
from gateway.store.poller import Listed, Missing
from gateway.store.pool import UNAVAILABLE, Pool

PAGE = 100
"""Rows of a page. The largest page that the provider allows is not documented."""

OVERLAP = timedelta(days=1)
"""The listing's filters are whole days of an unknown time zone, so one more day is asked for on each side."""

MAX_PAGES = 5000
"""Of one poll. Only a listing that never ends has as many."""

FOLLOW_EVERY = 2.0
"""Seconds between attempts to become the replica that polls: how soon a dead one is replaced."""

RETRY_AFTER = 30.0
"""Seconds to wait after a refusal that does not report how long to wait."""

log = structlog.get_logger(__name__)


class Poller:
    """The loop of one replica."""

    def __init__(
        self,
        pool: Pool,
        provider: Provider,
        leadership: Leadership,
        *,
        external_ids: ExternalIds,
        interval: float,
        until: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`interval` is both the time between two polls and how long a receipt may take before it counts as missing.

        `until` seconds after its acceptance a message's receipt is no longer expected.
        """
        self._pool = pool
        self._provider = provider
        self._leadership = leadership
        self._external_ids = external_ids
        self._interval = interval
        self._until = until
        self._sleep = sleep
        self._clock = clock

    async def run(self) -> None:
        """Poll, or wait to become the replica that polls, until cancelled."""
        try:
            while True:
                if not await self._leadership.held():
                    await self._sleep(min(FOLLOW_EVERY, self._interval))
                    continue
                try:
                    await self.poll()
                    await self._sleep(self._interval)
                except UNAVAILABLE as error:
                    log.debug("poll_delayed", error=type(error).__name__)
                    await self._sleep(FOLLOW_EVERY)
                except ProviderError as error:
                    log.warning("poll_refused", status=error.status, sentence=str(error))
                    await self._sleep(max(self._interval, error.retry_after or RETRY_AFTER))
        finally:
            await self._leadership.close()

    async def poll(self) -> int:
        """Read the listing once, if anything is missing; return how many rows were new.

        If the process dies in here, the rows journalled so far stay, and the next poll finds the rest.
        """
        missing = await poller.missing(self._pool, after=self._interval, until=self._until)
        if missing.since is None:
            return 0
        began = self._clock()
        seen: set[DeliveryRow] = set()
        found = longest = number = 0
        complete = False
        for number in range(MAX_PAGES):
            rows = await self._page(missing, number)
            new = [row for row in rows if row not in seen]
            seen.update(new)
            found += await self._journal(new)
            longest = max(longest, len(rows))
            # A repeated first page is page 1 of a listing that counts from 1. A page is the last one only if it is
            # shorter than another: the provider may return fewer rows than were asked for.
            complete = number > 0 and (not rows or (not new and number > 1) or (bool(new) and len(rows) < longest))
            if complete or not await self._leadership.held() or await self._nothing_is_missing():
                break
        absent = await poller.mark_polled(self._pool, began) if complete else 0
        log.info(
            "listing_read", pages=number + 1, rows=len(seen), new=found, missing=missing.messages, absent=absent,
            complete=complete,
        )  # fmt: skip
        return found

    async def _nothing_is_missing(self) -> bool:
        return (await poller.missing(self._pool, after=self._interval, until=self._until)).since is None

    async def _page(self, missing: Missing, number: int) -> list[DeliveryRow]:
        assert missing.since is not None  # noqa: S101  the caller checked it
        first, last = days(missing.since, datetime.fromtimestamp(self._clock(), UTC))
        return await self._provider.deliveries(since=first, until=last, page=number, page_size=PAGE)

    async def _journal(self, rows: Sequence[DeliveryRow]) -> int:
        ours = [(row, listed) for row in rows if (listed := self._listed(row)) is not None]
        if not ours:
            return 0
        news = await poller.new_rows(self._pool, [listed for _, listed in ours])
        found = [to_receipt(*ours[position]) for position in sorted(news)]
        if not found:
            return 0
        distinct = {receipt.digest: receipt for receipt in found}
        async with self._pool.acquire() as connection:
            return len(await receipts.journal(connection, list(distinct.values())))

    def _listed(self, row: DeliveryRow) -> Listed | None:
        request_id, generation = self._external_ids.read(row.external_id)
        if request_id is None or generation is None or row.number is None or row.delivery_status is None:
            return None
        return Listed(request_id, generation, row.number, row.delivery_status.value)


def days(oldest: datetime, now: datetime) -> tuple[date, date]:
    """Return the first and the last day to ask for."""
    return (oldest.astimezone(UTC) - OVERLAP).date(), (now + OVERLAP).date()


def to_receipt(row: DeliveryRow, listed: Listed) -> Receipt:
    """Return a row of the listing as a receipt: the same whenever and on whatever page it is read."""
    identity = f"poll\0{row.external_id}\0{listed.number}\0{listed.delivery_status}".encode()
    return Receipt(
        digest=hashlib.sha256(identity).digest(),
        raw=row.raw,
        source=Source.POLL,
        event=Event.DELIVERY_STATUS,
        number=listed.number,
        external_id=row.external_id,
        request_id=listed.request_id,
        generation=listed.generation,
        delivery_status=row.delivery_status,
        provider_status=row.provider_status,
        provider_message_id=row.provider_message_id,
        happened_at=row.happened_at,
    )
