"""Debian's Patroni and etcd over Debian's Postgres, with HAProxy in front: what many run in production, in small."""

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from ha.children import POSTGRES, Child, folder_of_its_own, until
from support.processes import free_port

PASSWORD = "ha-test"
TTL = 20
"""Seconds after which a leader that is silent has lost its place; Patroni takes no less."""


THAW = 8.0
"""Seconds that a frozen leader stays frozen after another took over."""


def _family(postmaster: int | None) -> list[int]:
    """Return the processes of a server."""
    found = [] if postmaster is None else [postmaster]
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == postmaster:
                found.append(int(status.parent.name))
    return found


def _thaw(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@dataclass(slots=True)
class Node:
    """One server with the Patroni that watches it."""

    name: str
    port: int
    rest: int
    child: Child

    @property
    def postmaster(self) -> int | None:
        """The server's process."""
        try:
            return int((self.child._folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None


def _settings(name: str, folder: Path, port: int, rest: int, etcd: int) -> str:
    return f"""
scope: smsgw
name: {name}
restapi: {{listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}"}}
etcd3: {{host: "127.0.0.1:{etcd}"}}
bootstrap:
  dcs:
    ttl: {TTL}
    loop_wait: 1
    retry_timeout: 3
    synchronous_mode: true
    primary_start_timeout: 0
    postgresql:
      use_pg_rewind: true
      parameters: {{max_connections: 100, wal_log_hints: "on", shared_buffers: 64MB, max_wal_size: 128MB}}
  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}, no-sync]
postgresql:
  listen: "127.0.0.1:{port}"
  connect_address: "127.0.0.1:{port}"
  data_dir: {folder}/data
  bin_dir: {POSTGRES}
  pgpass: {folder}/pgpass
  authentication:
    superuser: {{username: postgres, password: {PASSWORD}}}
    replication: {{username: replicator, password: {PASSWORD}}}
    rewind: {{username: postgres, password: {PASSWORD}}}
  parameters: {{unix_socket_directories: {folder}, timezone: UTC}}
  pg_hba: ["host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256",
           "local all all trust"]
"""


def _proxy(port: int, nodes: list[Node]) -> str:
    servers = "\n".join(f"    server {node.name} 127.0.0.1:{node.port} check port {node.rest}" for node in nodes)
    return f"""
defaults
    mode tcp
    timeout connect 1s
    timeout client 30m
    timeout server 30m
    timeout check 1s
listen primary
    bind 127.0.0.1:{port}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


class PatroniCluster:
    """etcd, two nodes, HAProxy."""

    def __init__(self, folder: Path, *, nodes: int = 2) -> None:
        self._folder = folder
        etcd_port, peer = free_port(), free_port()
        etcd_folder = folder_of_its_own(folder / "etcd")
        client, other = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer}"
        self._etcd = Child(
            "etcd",
            ["etcd", "--data-dir", str(etcd_folder / "data"), "--listen-client-urls", client,
             "--advertise-client-urls", client, "--listen-peer-urls", other, "--initial-advertise-peer-urls", other,
             "--initial-cluster", f"default={other}"],
            etcd_folder,
        )  # fmt: skip
        self.nodes = [self._node(f"node{number}", etcd_port) for number in range(1, nodes + 1)]
        self.proxy_port = free_port()
        proxy_folder = folder_of_its_own(folder / "haproxy")
        (proxy_folder / "haproxy.cfg").write_text(_proxy(self.proxy_port, self.nodes))
        self._proxy = Child("haproxy", ["haproxy", "-db", "-f", "haproxy.cfg"], proxy_folder)

    def _node(self, name: str, etcd: int) -> Node:
        folder = folder_of_its_own(self._folder / name)
        port, rest = free_port(), free_port()
        (folder / "patroni.yml").write_text(_settings(name, folder, port, rest, etcd))
        return Node(name, port, rest, Child(name, ["patroni", "patroni.yml"], folder))

    def through_proxy(self, database: str = "postgres") -> str:
        """Return the address that leads to whichever node is the primary."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.proxy_port}/{database}"

    def all_hosts(self, database: str) -> str:
        """Return the address that names every node, and leaves finding the primary to the client."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://postgres:{PASSWORD}@{hosts}/{database}?target_session_attrs=read-write"

    async def start(self) -> None:
        """Start everything."""
        self._etcd.start()
        for node in self.nodes:
            node.child.start()
            # One after the other: the first makes the cluster, the next copies it.
            await until(lambda node=node: self._runs(node), f"{node.name} runs")
        await self.synchronous()
        self._proxy.start()
        await until(self._proxied, "HAProxy leads to the primary")

    async def database(self, name: str) -> str:
        """Make a database, and return its name."""
        await self.execute(f'create database "{name}"')
        return name

    async def execute(self, statements: str) -> None:
        """Run statements on the primary, as the superuser."""
        connection: Any = await asyncpg.connect(self.through_proxy())
        await connection.execute(statements)
        await connection.close()

    async def stop(self) -> None:
        """End everything."""
        await self._proxy.end()
        for node in self.nodes:
            await node.child.end()
        for node in self.nodes:
            if node.postmaster is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(node.postmaster, signal.SIGQUIT)
        await self._etcd.end()

    async def members(self) -> dict[str, dict[str, Any]]:
        """Return what the nodes say of each other, by name."""
        for node in self.nodes:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                timeout = aiohttp.ClientTimeout(total=2.0)
                async with (
                    aiohttp.ClientSession(timeout=timeout) as session,
                    session.get(f"http://127.0.0.1:{node.rest}/cluster") as response,
                ):
                    return {member["name"]: member for member in (await response.json())["members"]}
        return {}

    async def leader(self) -> Node | None:
        """Return the node that takes writes, by its own word."""
        for node in self.nodes:
            try:
                connection: Any = await asyncpg.connect(
                    f"postgresql://postgres:{PASSWORD}@127.0.0.1:{node.port}/postgres", timeout=2.0
                )
            except (OSError, TimeoutError, asyncpg.PostgresError):
                continue
            try:
                if not await connection.fetchval("select pg_is_in_recovery()"):
                    return node
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                continue
            finally:
                connection.terminate()
        return None

    async def synchronous(self) -> None:
        """Wait until some node follows synchronously: from then on the primary may be lost."""

        async def follows() -> bool:
            return any(member["role"] == "sync_standby" for member in (await self.members()).values())

        await until(follows, "a synchronous standby", 90.0)

    async def switch_over(self) -> float:
        """Have the leader hand over, as for maintenance; return when, by the time of day, another took writes."""
        old = await self.leader()
        assert old is not None
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{old.rest}/switchover", json={"leader": old.name}) as response,
        ):
            assert response.status in {200, 202}, await response.text()
        return await self._other_than(old)

    async def kill_primary(self) -> float:
        """Kill the leader and the Patroni that would start it again; return when another took writes."""
        old = await self.leader()
        assert old is not None
        postmaster = old.postmaster
        old.child.send(signal.SIGKILL)
        if postmaster is not None:
            os.kill(postmaster, signal.SIGKILL)
        return await self._other_than(old)

    async def freeze_primary(self) -> float:
        """Stop the leader and its Patroni as a host stands still, and return when another took writes.

        Every session with it stays open and says nothing. It thaws afterwards, and must find out that it leads no more.
        """
        old = await self.leader()
        assert old is not None
        assert old.child.process is not None
        frozen = [old.child.process.pid, *_family(old.postmaster)]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            return await self._other_than(old)
        finally:
            asyncio.get_running_loop().call_later(THAW, _thaw, frozen)

    async def bring_back(self) -> None:
        """Start what was killed; it rewinds and follows."""
        for node in self.nodes:
            if node.child.process is not None and node.child.process.poll() is not None:
                node.child.start()
        await self.synchronous()

    async def _other_than(self, old: Node) -> float:
        async def another() -> bool:
            leader = await self.leader()
            return leader is not None and leader is not old

        await until(another, "another primary", TTL + 40.0)
        return time.time()

    async def _runs(self, node: Node) -> bool:
        if node.child.process is None or node.child.process.poll() is not None:
            raise RuntimeError(f"{node.name} ended: {node.child.tail()}")
        return (await self.members()).get(node.name, {}).get("state") in {"running", "streaming"}

    async def _proxied(self) -> bool:
        """Whether HAProxy has found out which node to lead to: before its first look it takes each in turn."""
        return all([await self._leads_to_primary() for _ in range(2 * len(self.nodes))])

    async def _leads_to_primary(self) -> bool:
        try:
            connection: Any = await asyncpg.connect(self.through_proxy(), timeout=2.0)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        try:
            return not await connection.fetchval("select pg_is_in_recovery()", timeout=2.0)
        finally:
            connection.terminate()
