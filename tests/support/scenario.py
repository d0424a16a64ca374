"""A scenario of the crash tests: what happens, with which settings, and how each message must end."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.processes import SECRET

if TYPE_CHECKING:
    from support.crash_harness import Harness

Actor = Callable[["Harness"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Expected:
    """How a message must end."""

    states: frozenset[str]
    """The allowed states without a crash."""
    crashed: frozenset[str]
    """The allowed states after a crash."""


def expect(*states: str, crashed: tuple[str, ...] = ()) -> Expected:
    """Return an expectation. `crashed` names states that are allowed only after a crash."""
    return Expected(frozenset(states), frozenset((*states, *crashed)))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One short run of a gateway."""

    name: str
    enqueue: Callable[["Harness"], Awaitable[dict[str, Expected]]]
    """Enqueues the messages; returns by the body of each how it must end."""
    faults: tuple[dict[str, Any], ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    actors: tuple[Actor, ...] = ()
    """What others do at the same time. A run does not end before they have finished."""
    earlier_crashes: tuple[str, ...] = ()
    """Failpoints at which earlier processes die."""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Of the simulator."""


SETTINGS = {
    "MTA_API_KEY": "simulator-key", "WEBHOOK_SECRET": SECRET, "POLL_INTERVAL": "50ms", "RECONCILE_INTERVAL": "300ms",
    "CONCURRENCY": "4", "REQUEST_TIMEOUT": "2s", "SEND_WITHIN": "2s", "LEASE": "30s", "REQUEST_LIMIT": "10000",
    "REQUEST_WINDOW": "1s", "PARTS_PER_MINUTE": "600000", "PARTS_PER_DAY": "1000000", "MANAGEMENT_LIMIT": "100000",
    "DRAIN_TIMEOUT": "5s",
}  # fmt: skip

CONSTANTS = {
    "gateway.app.daemon:DATABASE_RETRY": 0.05,
    "gateway.settings.model:LEASE_MARGIN": 0.2,
    "gateway.dispatch.engine:DATABASE_RETRY_SECONDS": 0.05,
    "gateway.dispatch.completer:DATABASE_RETRY_SECONDS": 0.05,
    "gateway.dispatch.sweeper:SWEEP_SECONDS": 0.1,
    "gateway.dispatch.sweeper:IDLE_SWEEP_SECONDS": 0.1,
    "gateway.dispatch.waker:SESSION_CHECK_SECONDS": 0.1,
    "gateway.receipts.applier:DATABASE_RETRY": 0.05,
    "gateway.receipts.applier:POLL_EVERY": 0.1,
    "gateway.receipts.applier:REMATCH_EVERY": 0.2,
    "gateway.receipts.poller:FOLLOW_EVERY": 0.1,
    "gateway.receipts.poller:RETRY_AFTER": 0.1,
}
"""Intervals and thresholds of modules. The intervals are short: what they wait for comes within a second here."""

KNOBS = {
    "send_limit": 100_000, "other_limit": 100_000, "messages_per_minute": 10_000_000, "status_delay": (0.0, 0.02),
    "webhook_backoff": 0.05, "rate_headers": False, "webhook_concurrency": 4,
}  # fmt: skip
