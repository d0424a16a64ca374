"""The other queues, with their releases and settings."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The interpreter of a peer."""

    PYTHON = "python"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another queue on Postgres."""

    name: str
    kind: Kind
    adapter: str
    """The file that drives it."""
    packages: tuple[str, ...]
    default: str
    """The settings of the default line."""
    tuned: str
    """The settings of the tuned line, from its own documentation."""


PEERS = (
    Peer(
        "pgqueuer", Kind.PYTHON, "on_pgqueuer", ("pgqueuer[asyncpg]==1.6.0",),
        "batches of 10", "batches of the concurrency, twice that picked",
    ),
    Peer(
        "procrastinate", Kind.PYTHON, "on_procrastinate", ("procrastinate==3.10.0", "psycopg[binary,pool]"),
        "as it comes", "20 connections, finished jobs deleted",
    ),
    Peer(
        "chancy", Kind.PYTHON, "on_chancy", ("chancy==0.26.0", "psycopg[binary,pool]"),
        "asynchronous executor, polls each 5 s", "eager polling, results written each 50 ms, 20 connections",
    ),
    Peer("awa", Kind.PYTHON, "on_awa", ("awa-pg==0.6.9",), "queue storage", "20 connections, polls of 20 ms"),
    Peer(
        "txoutbox", Kind.PYTHON, "on_txoutbox", ("txoutbox[postgres]==0.2.2",),
        "rounds of 50, ten at a time, ordered", "rounds of 4 × the concurrency, unordered, rows deleted",
    ),
    Peer(
        "faststream-outbox", Kind.PYTHON, "on_faststream", ("faststream-outbox[asyncpg]==0.19.0",),
        "a worker for each slot, fetches of 10", "fetches of 2 × the concurrency, 20 deletions together",
    ),
    Peer(
        "graphile-worker", Kind.NODE, "on_graphile.mjs", ("graphile-worker@0.17.3",),
        "as it comes", "local queue of 4 × the concurrency, completions 250 ms together",
    ),
    Peer(
        "pg-boss", Kind.NODE, "on_pgboss.mjs", ("pg-boss@10.4.2",),
        "a loop for each slot", "4 loops with batches of 250: not held to the concurrency",
    ),
)  # fmt: skip

PYTHON_COMMON = ("aiohttp>=3.14", "asyncpg>=0.30", "uvloop>=0.21")
MODES = ("default", "tuned")
