"""The runner of the migrations."""

import asyncio
from typing import Any

import asyncpg
import pytest

from gateway.store.migrate import MigrationError, migrate, migrations, pending


async def test_a_second_run_finds_nothing_to_do(empty_database: Any) -> None:
    assert await migrate(empty_database.dsn) == [migration.number for migration in migrations()]
    assert await migrate(empty_database.dsn) == []


async def test_two_runners_at_once_apply_everything_once(empty_database: Any) -> None:
    one, other = await asyncio.gather(migrate(empty_database.dsn), migrate(empty_database.dsn))
    assert sorted(one + other) == [migration.number for migration in migrations()]


async def test_a_newer_schema_is_refused(empty_database: Any) -> None:
    await migrate(empty_database.dsn)
    connection = await asyncpg.connect(empty_database.dsn)
    await connection.execute(
        "insert into smsgw.migration (number, name, checksum) values (9999, '9999_pre_later', 'x')"
    )
    with pytest.raises(MigrationError, match="9999_pre_later, which this release does not know"):
        await migrate(empty_database.dsn)
    with pytest.raises(MigrationError):
        await pending(connection)
    await connection.close()


async def test_a_file_that_changed_after_it_was_applied_is_refused(empty_database: Any) -> None:
    await migrate(empty_database.dsn)
    connection = await asyncpg.connect(empty_database.dsn)
    await connection.execute("update smsgw.migration set checksum = 'other' where number = 1")
    await connection.close()
    with pytest.raises(MigrationError, match="was changed after it was applied"):
        await migrate(empty_database.dsn)


async def test_a_database_without_a_schema_lacks_everything(empty_database: Any) -> None:
    connection = await asyncpg.connect(empty_database.dsn)
    assert len(await pending(connection)) == len(migrations())
    await connection.close()
