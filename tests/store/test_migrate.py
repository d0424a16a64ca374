"""The runner of the migrations."""

import asyncio
from typing import Any

import asyncpg
import pytest

from gateway.store.migrate import DevelopmentSchemaError, MigrationError, migrate, migrations, pending


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


@pytest.mark.parametrize("change", ["checksum = 'other'", "name = '0001_pre_outbox'"])
async def test_a_database_of_other_versions_of_the_files_is_refused(empty_database: Any, change: str) -> None:
    await migrate(empty_database.dsn)
    connection = await asyncpg.connect(empty_database.dsn)
    await connection.execute(f"update smsgw.migration set {change} where number = 1")
    # Earlier versions had more files than there are now, which must not read as "a newer release".
    await connection.execute("insert into smsgw.migration (number, name, checksum) values (26, '0026_pre_x', 'x')")
    with pytest.raises(DevelopmentSchemaError, match=r"another version of 0001_pre_\w+, .* use an empty database"):
        await migrate(empty_database.dsn)
    with pytest.raises(DevelopmentSchemaError):
        await pending(connection)
    await connection.close()


async def test_a_database_without_a_schema_lacks_everything(empty_database: Any) -> None:
    connection = await asyncpg.connect(empty_database.dsn)
    assert len(await pending(connection)) == len(migrations())
    await connection.close()
