"""Calculates the route, processes and size of Postgres for a number of messages a day. Measures nothing.

Every figure is rounded against the operator: to the next larger machine, replica, number. What a message costs comes
from a report of the benchmarks where one is given, else from the one that this release was measured with.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from gateway.bench.results import Report

DAY = 86_400.0
GIGABYTE = 1e9

HEADROOM = 0.5
"""The share of a measured rate that a plan uses, because the measuring machine did nothing else."""

RECEIPTS = 2
"""Webhooks that a message brings: sent, and its final state."""


class Route(StrEnum):
    """A kind of sending number."""

    TEN_DLC = "10DLC"
    TOLL_FREE = "toll-free"
    SHORT_CODE = "short code"


PARTS_PER_SECOND = {Route.TEN_DLC: 2.5, Route.TOLL_FREE: 20.0, Route.SHORT_CODE: 350.0}
"""The provider's documented speeds."""

TEN_DLC_A_DAY = 2_000
TOLL_FREE_A_DAY = 100_000
"""Above it the provider advises a short code."""

REQUESTS_PER_SECOND = 22 / 16
"""The limiter's rate for 25 requests in 15 seconds, one spare: (24 - 2) / (15 + 1), an account."""

MAX_RECIPIENTS = 500

ROWS_KEPT = 200_000_000
"""Messages in one table above which deleting them by age costs more than dropping a partition."""

WAL_OF_ONE = 60e6
"""Bytes of WAL a second that one Postgres on good disks can sustain, with replicas that keep up."""

COMMITS_OF_ONE = 8_000.0
"""Commits a second of applications that one Postgres on good disks can sustain, with group commit."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs. Times in seconds of one core of the measuring machine."""

    single_rate: float
    """Messages a second of one process, a request each."""
    coalesced_rate: float
    """Messages a second of one process, many to a request."""
    wal_single: float
    wal_coalesced: float
    """Bytes a message, from claim to acceptance."""
    wal_insert: float = 700.0
    """Bytes of the application's own INSERT, and of what its receipts write."""
    wal_receipts: float = 1_500.0
    row_bytes: float = 1_400.0
    """Bytes on disk of a finished message: with its shares of request and attempt, its receipts and all indexes."""
    database_single: float = 150e-6
    database_coalesced: float = 40e-6
    database_insert: float = 150e-6
    database_receipts: float = 150e-6
    """Seconds of a core of Postgres a message."""
    receipt_rate: float = 1_500.0
    """Receipts a second of one listener; assumed, until the receipts' benchmark is in the report."""


@dataclass(frozen=True, slots=True)
class Load:
    """The load to plan for."""

    per_day: int
    hours: float = 12.0
    """Hours of a day in which it is sent."""
    peak: float = 3.0
    """The busiest minute, as a multiple of the average."""
    parts: float = 1.0
    """Average parts of a text."""
    coalesces: bool = True
    """Whether messages may share requests."""
    retention_days: float = 90.0

    @property
    def average(self) -> float:
        """Messages a second within the hours of sending."""
        return self.per_day / (self.hours * 3600.0)

    @property
    def busiest(self) -> float:
        """Messages a second at the peak."""
        return self.average * self.peak


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of a plan."""

    load: Load
    route: Route
    numbers: int
    """Sending numbers of that route."""
    recipients: int
    """Messages a request must carry at the peak."""
    accounts: int
    """Accounts at the provider, or a limit this many times larger."""
    dispatchers: int
    listeners: int
    cores: int
    """Of Postgres."""
    memory: int
    """Of Postgres, in gigabytes."""
    wal_per_second: float
    """Bytes, at the peak."""
    wal_per_day: float
    stored: float
    """Bytes after the retention."""
    commits: float
    """A second at the peak, most of them the applications' own."""
    changes: tuple[str, ...]
    """Where the design would have to change; empty if nowhere."""


def plan(load: Load, costs: Costs) -> Plan:
    """Return the plan for a load."""
    parts = load.busiest * load.parts
    route = _route(load, parts)
    numbers = max(1, math.ceil(parts / PARTS_PER_SECOND[route]))
    max_recipients = MAX_RECIPIENTS if load.coalesces else 1
    accounts = max(1, math.ceil(load.busiest / (REQUESTS_PER_SECOND * max_recipients)))
    recipients = min(max_recipients, max(1, math.ceil(load.busiest / (REQUESTS_PER_SECOND * accounts))))
    full = recipients > 1
    rate = costs.coalesced_rate if full else costs.single_rate
    wal = (costs.wal_coalesced if full else costs.wal_single) + costs.wal_insert + costs.wal_receipts
    database = (costs.database_coalesced if full else costs.database_single) + costs.database_insert
    database += costs.database_receipts
    stored = load.per_day * load.retention_days * costs.row_bytes
    # The application commits each message. Receipts are committed in groups, and claims in batches.
    commits = load.busiest * (1.0 + RECEIPTS / 10.0) + 2.0 * REQUESTS_PER_SECOND * accounts
    cores = _power_of_two(max(2.0, load.busiest * database / HEADROOM))
    return Plan(
        load=load,
        route=route,
        numbers=numbers,
        recipients=recipients,
        accounts=accounts,
        # Each account is an installation of its own, with a second process in case one fails.
        dispatchers=max(2 * accounts, math.ceil(load.busiest / (rate * HEADROOM))),
        listeners=max(2, math.ceil(load.busiest * RECEIPTS / (costs.receipt_rate * HEADROOM))),
        cores=cores,
        memory=max(4 * cores, _power_of_two(load.per_day * costs.row_bytes / GIGABYTE / 2)),
        wal_per_second=load.busiest * wal,
        wal_per_day=load.per_day * wal,
        stored=stored,
        commits=commits,
        changes=_changes(load, accounts, max_recipients, numbers, load.busiest * wal, commits),
    )


def costs_of(report: Report, fallback: Costs) -> Costs:
    """Return the costs that a report holds; missing ones come from `fallback`."""

    def value(benchmark: str, line: str, name: str, otherwise: float) -> float:
        result = report.result(benchmark)
        found = result.line(line).get(name) if result is not None else None
        return float(found) if found else otherwise

    return Costs(
        single_rate=value("drain", "smsgw, one message a request", "rate", fallback.single_rate),
        coalesced_rate=value("coalesced", "smsgw, up to 500 a request", "rate", fallback.coalesced_rate),
        wal_single=value("drain", "smsgw, one message a request", "wal_bytes", fallback.wal_single),
        wal_coalesced=value("coalesced", "smsgw, up to 500 a request", "wal_bytes", fallback.wal_coalesced),
        receipt_rate=value("receipts", "smsgw, durable", "rate", fallback.receipt_rate),
    )


def _route(load: Load, parts: float) -> Route:
    if load.per_day * load.parts <= TEN_DLC_A_DAY and parts <= PARTS_PER_SECOND[Route.TEN_DLC]:
        return Route.TEN_DLC
    if load.per_day <= TOLL_FREE_A_DAY and parts <= PARTS_PER_SECOND[Route.TOLL_FREE]:
        return Route.TOLL_FREE
    return Route.SHORT_CODE


def _changes(
    load: Load, accounts: int, max_recipients: int, numbers: int, wal: float, commits: float
) -> tuple[str, ...]:
    """Return what one installation cannot do."""
    changes = []
    if load.per_day * load.retention_days > ROWS_KEPT:
        changes.append(
            "partitions by day of outbox, request, attempt and receipt: so much history is dropped, not deleted"
        )
    if accounts > 1:
        changes.append(
            f"{accounts} provider accounts, or a limit {accounts} times larger agreed with the provider: one account's "
            f"requests carry {REQUESTS_PER_SECOND * max_recipients:,.1f} messages a second"
        )
    if numbers > 1:
        changes.append(
            f"sending numbers given by the applications (sender_id): {numbers} of them, for the gateway does not "
            "spread messages over numbers by itself"
        )
    needed = max(math.ceil(wal / WAL_OF_ONE), math.ceil(commits / COMMITS_OF_ONE))
    if needed > 1:
        changes.append(
            f"{needed} databases, each with its own outbox, gateways and account (split by tenant), or a distributed "
            "Postgres with the tenant in every key: one writes neither as much WAL nor as many commits"
        )
    return tuple(changes)


def _power_of_two(wanted: float) -> int:
    return 1 << max(0, math.ceil(math.log2(max(wanted, 1.0))))


MEASURED = Costs(single_rate=2_000.0, coalesced_rate=15_000.0, wal_single=2_000.0, wal_coalesced=900.0)
"""Rounded from runs on two nearly idle cores; a report of your own machine replaces them."""
EXAMPLES = (100_000, 1_000_000, 10_000_000, 100_000_000)
