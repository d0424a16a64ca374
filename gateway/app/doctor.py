"""The doctor as a running gateway asks for it: the same lines as `smsgw doctor`, its calls inside the shared limit."""

from gateway.app.client import rate_limited_client
from gateway.operations.doctor import Check
from gateway.operations.doctor.account import ExpectedAccount
from gateway.operations.doctor.runner import Webhooks, check_database, check_provider
from gateway.settings import Settings
from gateway.store.pool import Pool


async def examine(settings: Settings, pool: Pool) -> list[Check]:
    """Return every line. Raises one of `UNAVAILABLE` while the database is away."""
    async with pool.acquire() as connection:
        lines = [check async for check in check_database(connection)]
    host, port = settings.webhook_listen
    listener = Webhooks(
        secrets=tuple(secret.get_secret_value() for secret in settings.webhook_secret),
        local=f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}/webhooks/mta",  # noqa: S104
    )
    expected = ExpectedAccount(settings.sender_id, settings.management_limit)
    if settings.mta_api_key is None:
        return [*lines, *[check async for check in check_provider(None, expected, listener)]]
    provider = await rate_limited_client(settings, pool, connections=1)
    try:
        return [*lines, *[check async for check in check_provider(provider, expected, listener)]]
    finally:
        await provider.close()
