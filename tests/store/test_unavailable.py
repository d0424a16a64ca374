"""What is worth trying again: a database that is full, stops us or stands still is away, not broken."""

import asyncpg
import pytest

from gateway.store.pool import UNAVAILABLE


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DiskFullError,
        asyncpg.OutOfMemoryError,
        asyncpg.TooManyConnectionsError,
        asyncpg.PostgresIOError,
        asyncpg.IdleInTransactionSessionTimeoutError,
        asyncpg.QueryCanceledError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.CannotConnectNowError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.ConnectionDoesNotExistError,
    ],
)
def test_a_database_that_cannot_now_is_asked_again(error: type[Exception]) -> None:
    assert issubclass(error, UNAVAILABLE)


@pytest.mark.parametrize("error", [asyncpg.UniqueViolationError, asyncpg.UndefinedTableError, asyncpg.DataError])
def test_a_statement_that_is_wrong_is_not(error: type[Exception]) -> None:
    assert not issubclass(error, UNAVAILABLE)
