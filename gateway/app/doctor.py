"""The doctor inside a running gateway: the same checks as `smsgw doctor`, with calls inside the shared limit."""

from gateway.app.client import has_key, rate_limited_client
from gateway.operations.doctor import Check
from gateway.operations.doctor.account import ExpectedAccount
from gateway.operations.doctor.runner import Webhooks, check_database, check_provider
from gateway.provider.registry import DEFAULT
from gateway.settings import Settings
from gateway.store.pool import Pool


def listener_of(settings: Settings, *, public: str | None = None) -> Webhooks:
    """Return what the settings tell of the webhook listener; `public` is its address as the provider reaches it."""
    host, port = settings.webhook_listen
    local = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound
    return Webhooks(
        kind=DEFAULT,
        secrets=tuple(secret.get_secret_value() for secret in settings.webhook_secret),
        local=f"http://{local}:{port}{DEFAULT.webhooks.path}",
        public=public,
    )


async def examine(settings: Settings, pool: Pool) -> list[Check]:
    """Return every check. Raises one of `UNAVAILABLE` while the database is away."""
    async with pool.acquire() as connection:
        checks = [check async for check in check_database(connection, send_within=settings.send_within)]
    listener = listener_of(settings)
    expected = ExpectedAccount(settings.sender_id, settings.management_limit)
    if not has_key(settings):
        return [*checks, *[check async for check in check_provider(None, expected, listener)]]
    provider = await rate_limited_client(settings, pool, connections=1)
    try:
        return [*checks, *[check async for check in check_provider(provider, expected, listener)]]
    finally:
        await provider.close()
