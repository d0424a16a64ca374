"""Two servers without a manager: one streams to the other, and an operator promotes it."""

import time
from pathlib import Path
from typing import Any

import asyncpg
from ha.children import POSTGRES, Child, folder_of_its_own, run_once, until
from support.processes import free_port

SETTINGS = {"unix_socket_directories": "", "listen_addresses": "127.0.0.1", "timezone": "UTC", "shared_buffers": "64MB"}


class PlainPair:
    """A primary that waits for its standby at each commit, and that standby."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder_of_its_own(folder / "pair")
        self._ports = {"first": free_port(), "second": free_port()}
        # The server that takes over has no standby to wait for.
        self.first = self._server("first", synchronous_standby_names="*")
        self.second = self._server("second", synchronous_standby_names="")

    def _server(self, name: str, **more: str) -> Child:
        options = [word for key, value in (SETTINGS | more).items() for word in ("-c", f"{key}={value}")]
        data = str(self._folder / name)
        command = [str(POSTGRES / "postgres"), "-D", data, "-p", str(self._ports[name]), *options]
        return Child(name, command, self._folder)

    def address(self, name: str, database: str = "smsgw") -> str:
        """Return the address of one of them."""
        return f"postgresql://postgres@127.0.0.1:{self._ports[name]}/{database}"

    @property
    def all_hosts(self) -> str:
        """The address that names both, and leaves finding the one that writes to the client."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports.values())
        return f"postgresql://postgres@{hosts}/smsgw?target_session_attrs=read-write"

    async def start(self) -> None:
        """Make and start the primary, copy it, start the copy, and make the database."""
        await run_once(
            [str(POSTGRES / "initdb"), "-D", str(self._folder / "first"), "-U", "postgres", "-E", "UTF8",
             "--locale=C.UTF-8", "--auth=trust", "--no-sync"],
            self._folder,
        )  # fmt: skip
        self.first.start()
        await until(lambda: self.answers("first"), "the first server answers")
        await run_once(
            [str(POSTGRES / "pg_basebackup"), "-h", "127.0.0.1", "-p", str(self._ports["first"]), "-U", "postgres",
             "-D", str(self._folder / "second"), "-R", "--checkpoint=fast", "--no-sync"],
            self._folder,
        )  # fmt: skip
        self.second.start()
        await until(lambda: self.answers("second"), "the second server answers")
        connection: Any = await asyncpg.connect(self.address("first", "postgres"))
        await connection.execute("create database smsgw")
        await connection.close()

    async def stop(self) -> None:
        """End both."""
        await self.first.end()
        await self.second.end()

    async def promote(self) -> float:
        """Have the standby take over, as a person does who saw the primary go; return when it took writes."""
        connection: Any = await asyncpg.connect(self.address("second", "postgres"))
        assert await connection.fetchval("select pg_promote()")
        await connection.close()
        return time.time()

    async def answers(self, name: str) -> bool:
        """Whether one of them takes connections."""
        try:
            connection: Any = await asyncpg.connect(self.address(name, "postgres"), timeout=2.0)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True
