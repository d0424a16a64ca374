"""Clients of the provider whose management calls share one limit with all replicas and commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from urllib.parse import urlsplit

import structlog

from gateway.app.limits import management_limit
from gateway.provider.mta.client import MobileTextAlerts
from gateway.settings import Settings
from gateway.store import buckets, limiter
from gateway.store.buckets import management_bucket
from gateway.store.pool import Pool, lazy_pool

log = structlog.get_logger(__name__)


def has_key(settings: Settings) -> bool:
    """Whether the settings hold a key of the provider's."""
    return settings.mta_api_key is not None


def is_unencrypted(address: str) -> bool:
    """Whether the key and every number and text would cross a network unencrypted."""
    parts = urlsplit(address)
    return parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}


async def rate_limited_client(settings: Settings, pool: Pool, *, connections: int) -> MobileTextAlerts:
    """Return a client whose management calls wait for a token of the database's bucket."""
    if is_unencrypted(settings.mta_base_url):
        log.warning(
            "provider_unencrypted", advice="use an https address in SMSGW_MTA_BASE_URL: the key crosses a network"
        )
    async with pool.acquire() as connection:
        await buckets.configure(connection, [management_limit(settings, MobileTextAlerts.route)])
    return _client(settings, pool, connections)


@asynccontextmanager
async def client_for_command(settings: Settings) -> AsyncIterator[MobileTextAlerts]:
    """Give a client for a command. Without a database the few calls of a command are not rate-limited."""
    if settings.direct_url is None:
        client = _client(settings, None, 1)
        try:
            yield client
        finally:
            await client.close()
        return
    pool = await lazy_pool(settings.direct_url.get_secret_value(), purpose="command", max_size=1)
    try:
        client = await rate_limited_client(settings, pool, connections=1)
        try:
            yield client
        finally:
            await client.close()
    finally:
        await pool.close()


def _client(settings: Settings, pool: "Pool | None", connections: int) -> MobileTextAlerts:
    key = settings.mta_api_key
    return MobileTextAlerts(
        settings.mta_base_url,
        "" if key is None else key.get_secret_value(),
        timeout=settings.request_timeout,
        window=settings.request_window,
        connections=connections,
        default_sender=settings.sender_id,
        rate_limit=nullcontext
        if pool is None
        else partial(limiter.one_token, pool, management_bucket(MobileTextAlerts.route)),
    )
