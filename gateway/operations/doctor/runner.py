"""All checks, one by one. A dependency that does not answer is a failed check, and the others still run."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from gateway.domain.receipt import Event
from gateway.operations.doctor import account, database, distance, search_path, vacuum, webhooks
from gateway.operations.doctor.account import ExpectedAccount
from gateway.operations.doctor.checks import Check, fail, warn
from gateway.provider.protocol import Provider, ProviderKind, Webhook
from gateway.store.pool import REJECTED, UNAVAILABLE, Connection


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What is known of the webhook listener."""

    kind: ProviderKind
    secrets: tuple[str, ...]
    local: str
    """Its address on this machine."""
    public: str | None = None
    """Its address as the provider reaches it; None for the registered one."""


async def check_database(connection: Connection, *, send_within: float) -> AsyncIterator[Check]:
    """Yield the checks of the database. `send_within` is the setting, in seconds."""
    try:
        for check in await database.run_checks(connection):
            yield check
        for check in await distance.run_checks(connection, send_within=send_within):
            yield check
        for check in await search_path.run_checks(connection):
            yield check
        for check in await vacuum.run_checks(connection):
            yield check
    except UNAVAILABLE as error:
        yield fail("database", f"does not answer ({type(error).__name__})", "check SMSGW_DATABASE_URL")
    except REJECTED as error:
        yield fail(
            "database",
            f"refused a query ({type(error).__name__})",
            "use a database role that is granted smsgw_operator",
        )


async def check_provider(
    provider: Provider | None, expected: ExpectedAccount, listener: Webhooks
) -> AsyncIterator[Check]:
    """Yield the checks of the account and the webhooks."""
    registered: Sequence[Webhook] = ()
    if provider is None:
        setting = listener.kind.key_setting
        yield warn("key", f"{setting} is not set; the account was not checked", f"set {setting}")
    else:
        lines, registered = await account.run_checks(provider, expected)
        for check in lines:
            yield check
    urls = dict.fromkeys(row.url for row in registered if row.event == Event.DELIVERY_STATUS.value)
    url = listener.public or next(iter(urls), listener.local)
    reader = listener.kind.webhooks
    yield await webhooks.check_round_trip(reader, webhooks.probe_url(url, reader.path), listener.secrets)
