"""A part that breaks takes the process with it, and says so to whoever runs it."""

from pathlib import Path
from typing import Any

from support.processes import Gateway, free_port


async def test_a_broken_part_ends_the_process_with_a_code_that_is_not_success(
    database: Any, connection: Any, tmp_path: Path
) -> None:
    gateway = await Gateway(tmp_path, database.dsn, "http://127.0.0.1:9", free_port()).start()
    await connection.execute("drop table smsgw.receipt cascade")
    assert gateway.process.process is not None
    assert await gateway.process.process.wait() == 1
    log = gateway.process.log.read_text()
    assert '"event": "component_failed"' in log
    assert "a part of the gateway failed" in log
