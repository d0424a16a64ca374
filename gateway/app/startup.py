"""What must be right before the gateway starts: addresses, schema, key, sending number."""

import asyncpg
import structlog

from gateway.provider.errors import KeyRefused, ProviderError
from gateway.provider.protocol import Provider
from gateway.settings import Settings
from gateway.store import installation
from gateway.store.migrate import MigrationError, pending
from gateway.store.pool import Pool
from gateway.store.search_path import SearchPathNotPinned

log = structlog.get_logger(__name__)


class StartError(Exception):
    """The gateway cannot start with these settings; the message is one line that names the remedy."""


def require_dsn(settings: Settings) -> str:
    """Return the address of the database."""
    if settings.database_url is None:
        raise StartError("SMSGW_DATABASE_URL is not set; set it, or try the gateway without a database: smsgw up")
    return settings.database_url.get_secret_value()


def direct_dsn(settings: Settings) -> str:
    """Return the address of the database without a pooler, for sessions that hold a lock."""
    direct = settings.direct_url
    return require_dsn(settings) if direct is None else direct.get_secret_value()


async def prepare_database(settings: Settings, pool: Pool) -> None:
    """Check the schema and store what the database must know of the settings.

    Raises `StartError`, or one of `UNAVAILABLE` while the database does not answer.
    """
    try:
        async with pool.acquire() as connection:
            missing = await pending(connection)
            if missing:
                raise StartError(f"the schema lacks {', '.join(missing)}; run: smsgw migrate")
            await installation.configure(
                connection, unconfirmed_after=settings.unconfirmed_after, horizon=settings.idempotency_horizon
            )
    except MigrationError as error:
        raise StartError(str(error)) from None
    except SearchPathNotPinned as error:
        raise StartError(f"SMSGW_DATABASE_URL: {error}") from None
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise StartError(f"SMSGW_DATABASE_URL: Postgres refused the login: {type(error).__name__}") from None
    except asyncpg.InsufficientPrivilegeError:
        raise StartError("SMSGW_DATABASE_URL: this role may not run the gateway; grant it smsgw_gateway") from None


async def check_account(settings: Settings, provider: Provider) -> None:
    """Check the key, and choose a sending number if the settings name none.

    The gateway starts even if the provider does not answer: messages can wait in a running gateway too.
    """
    try:
        await provider.verify()
        log.info("key_verified", route=provider.route)
        if settings.sender_id is not None:
            return
        sender = await provider.choose_default_sender()
    except KeyRefused as error:
        raise StartError(str(error)) from None
    except ProviderError as error:
        log.warning("provider_unavailable", status=error.status, sentence=str(error))
        return
    log.warning(
        "sender_chosen",
        sender_id=sender,
        advice="set SMSGW_SENDER_ID: the provider may change the account's first number",
    )
