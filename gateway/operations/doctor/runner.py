"""The whole examination, line by line: a neighbour that does not answer is itself a line, and the rest follows."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from gateway.operations.doctor import account, database, vacuum, webhooks
from gateway.operations.doctor.account import Expected
from gateway.operations.doctor.checks import Check, fail, warn
from gateway.provider.protocol import Event, Provider, Webhook
from gateway.store.pool import REJECTED, UNAVAILABLE, Connection


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What is known of the listener."""

    secrets: tuple[str, ...]
    local: str
    """Its address on this machine."""
    public: str | None = None
    """Its address as the provider reaches it; None takes the registered one."""


async def of_database(connection: Connection) -> AsyncIterator[Check]:
    """Yield the lines about the database."""
    try:
        for check in await database.examine(connection):
            yield check
        for check in await vacuum.examine(connection):
            yield check
    except UNAVAILABLE as error:
        yield fail("database", f"does not answer ({type(error).__name__})", "check SMSGW_DATABASE_URL")
    except REJECTED as error:
        yield fail("database", f"refuses the question ({type(error).__name__})", "use a role granted smsgw_operator")


async def of_provider(provider: Provider | None, expected: Expected, listener: Webhooks) -> AsyncIterator[Check]:
    """Yield the lines about the account and the webhooks."""
    registered: Sequence[Webhook] = ()
    if provider is None:
        yield warn("key", "SMSGW_MTA_API_KEY is not set: the account was not looked at", "set it")
    else:
        lines, registered = await account.examine(provider, expected)
        for check in lines:
            yield check
    urls = dict.fromkeys(row.url for row in registered if row.event == Event.DELIVERY_STATUS.value)
    url = listener.public or next(iter(urls), listener.local)
    yield await webhooks.examine(webhooks.probe_url(url), listener.secrets)
