"""What a run does and when: everything random is drawn here, from one seed, before the run starts.

The seed fixes the schedule of faults, the traffic and the provider's behaviour. The timing on the machine still differs
from run to run.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """One run."""

    seed: int
    seconds: float = 60.0
    """How long the schedule lasts, without the time to settle."""
    replicas: int = 3
    rate: float = 25.0
    """Messages a second on average."""
    patience: float = 150.0
    """Seconds that everything may take to settle afterwards."""
    disk: bool = True
    """Fill the disk of Postgres once, where a small file system can be mounted for it."""
    disk_megabytes: int = 320


class Kind(StrEnum):
    """The kinds of faults."""

    KILL = "kill"
    STOP = "stop"
    CUT = "cut"
    CRASH = "crash"
    DISK = "disk"
    CLOCK = "clock"
    PROVIDER = "provider"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One fault: when it begins and how long it lasts, in seconds, and its parameters."""

    at: float
    kind: Kind
    length: float = 0.0
    what: dict[str, Any] = field(default_factory=dict, compare=False)


LEASE = 8.0
REQUEST_TIMEOUT = 2.0
SEND_WITHIN = 0.8
HORIZON = 40.0
"""Seconds. They are short, so that leases and horizons end within a run of a minute."""

SEND_LIMIT = 60
SEND_WINDOW = 3.0

EVERY = {
    Kind.KILL: 6.0,
    Kind.STOP: 15.0,
    Kind.CUT: 8.0,
    Kind.CRASH: 20.0,
    Kind.CLOCK: 6.0,
    Kind.PROVIDER: 5.0,
    Kind.OPERATOR: 4.0,
}
"""Seconds between two faults of a kind, on average."""

FAULTS: dict[str, tuple[float, dict[str, Any]]] = {
    "500_before": (0.3, {}),
    "500_after": (0.3, {}),
    "drop_before": (0.3, {}),
    "drop_after": (0.3, {}),
    "html_502_before": (0.3, {}),
    "html_502_after": (0.3, {}),
    "truncated_after": (0.3, {}),
    "success_false_before": (0.2, {}),
    "success_false_after": (0.3, {}),
    "slow_before": (0.3, {"delay": [0.1, 3.0]}),
    "slow_after": (0.3, {"delay": [0.1, 4.0]}),
    "429": (0.2, {"lasts": 0.7, "headers": "full"}),
    "401": (0.03, {}),
    "402": (0.03, {}),
    "403": (0.05, {}),
    "partial": (0.2, {"share": 0.3}),
    "silent_drop": (0.1, {"share": 0.2}),
    "forget_id": (0.5, {"memory": [HORIZON + 2.0, HORIZON + 20.0]}),
    "webhook_lost": (0.3, {}),
    "webhook_doubled": (0.3, {"copies": 3, "delay": [0.0, 2.0]}),
    "webhook_reordered": (0.5, {"delay": [0.5, 3.0]}),
    "webhook_late": (0.2, {"delay": [1.0, 7200.0]}),
    "webhook_early": (0.3, {"delay": [0.1, 0.5]}),
}
"""The highest probability of each fault of the simulator, and its parameters (docs/simulator.md).

No client can detect two of the faults. The silent drop is included: the report lists it. A provider that forgets an id
within the horizon is not: a second copy would then be the provider's error and prove nothing about the gateway.
"""

BEHAVIOURS: tuple[dict[str, Any], ...] = (
    {"answer_delay": [0.1, 1.5]},
    {"answer_delay": [0.5, 4.0]},
    {"rate_headers": False},
    {"id_consumed_by": "every_attempt"},
    {"id_consumed_by": "side_effect"},
    {"webhook_shape": "v1"},
    {"status_delay": [0.0, 0.0]},
    {"status_delay": [1.0, 4.0]},
    {"listing_lag": 2.0},
    {"send_window_kind": "fixed"},
)
"""Ways to read the provider's documentation, and slowness. Each lasts as long as its event."""

CALM: dict[str, Any] = {
    "answer_delay": [0.0, 0.05],
    "rate_headers": True,
    "id_consumed_by": "accepted",
    "webhook_shape": "v3",
    "status_delay": [0.0, 0.2],
    "listing_lag": 0.0,
    "send_window_kind": "sliding",
}


def schedule(options: Options) -> list[Event]:
    """Return all faults in order, at least one of each kind."""
    rng = random.Random(f"{options.seed}/schedule")
    makers: dict[Kind, Callable[[], tuple[float, dict[str, Any]]]] = {
        Kind.KILL: lambda: (rng.uniform(0.1, 1.5), {"replica": rng.randrange(options.replicas)}),
        Kind.STOP: lambda: (LEASE + rng.uniform(0.5, 3.0), {"replica": rng.randrange(options.replicas)}),
        Kind.CUT: lambda: (0.0, {"share": rng.choice([0.3, 0.6, 1.0])}),
        Kind.CRASH: lambda: (rng.uniform(0.0, 1.0), {"signal": rng.choice(["SIGQUIT", "SIGKILL"])}),
        Kind.CLOCK: lambda: (0.0, {"replica": rng.randrange(options.replicas), "offset": _offset(rng)}),
        Kind.PROVIDER: lambda: (rng.uniform(2.0, 5.0), _provider_faults(rng)),
        Kind.OPERATOR: lambda: (rng.uniform(0.5, 3.0), _act(rng)),
    }
    events = []
    for kind, every in EVERY.items():
        for _ in range(max(1, round(options.seconds / every))):
            length, what = makers[kind]()
            events.append(Event(rng.uniform(0.5, max(1.0, options.seconds - 1.0)), kind, length, what))
    if options.disk:
        events.append(Event(options.seconds * rng.uniform(0.3, 0.6), Kind.DISK, rng.uniform(2.0, 4.0)))
    return sorted(events)


def _offset(rng: random.Random) -> float:
    """Return by how many seconds a wall clock is wrong from now on, up to days."""
    return rng.choice([-1.0, 1.0]) * rng.choice([2.0, 61.0, 3600.0, 200_000.0]) * rng.random()


def _provider_faults(rng: random.Random) -> dict[str, Any]:
    """Return a plan of faults for the simulator, and knobs for it."""
    rules = []
    for kind in sorted(rng.sample(sorted(FAULTS), rng.randint(3, 8))):
        highest, particulars = FAULTS[kind]
        rule = {"kind": kind, "chance": round(rng.uniform(0.1, 1.0) * highest, 3)} | particulars
        if kind == "429":
            rule["headers"] = rng.choice(["full", "retry_after", "none", "absurd"])
        if kind == "403":
            rule["reason"] = rng.choice(["unverified", "filtered"])
        rules.append(rule)
    return {
        "plan": {"seed": rng.randrange(1_000_000), "fault": rules},
        "knobs": rng.choice(BEHAVIOURS) if rng.random() < 0.7 else {},
    }


def _act(rng: random.Random) -> dict[str, Any]:
    """Return what an operator does. A pause is lifted when the event ends."""
    return rng.choice(
        [
            {"pause": ["lane", rng.choice(["bulk", "default", "otp"])]},
            {"pause": ["tenant", rng.choice(["", "acme", "zeta"])]},
            {"pause": ["tag", f"campaign={rng.randrange(3)}"]},
            {"pause": ["all", ""]},
            {"pause": ["route", "mta"]},
            {"lane": ["bulk", {"weight": rng.randint(1, 50)}]},
            {"lane": ["default", {"weight": rng.randint(1, 50), "coalesce": rng.random() < 0.7}]},
            {"lane": ["bulk", {"urgent": rng.random() < 0.3}]},
            {"lane": ["otp", {"cap_percent": rng.randint(20, 100)}]},
        ]
    )
