"""The state of one simulated account."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.simulator.config import SimulatorConfig
from gateway.simulator.faults import Faults
from gateway.simulator.idempotency import RequestIds
from gateway.simulator.ledger import Ledger
from gateway.simulator.limiter import Arrivals, Window
from gateway.simulator.network import Network
from gateway.simulator.plan import Plan
from gateway.simulator.scheduler import Agenda
from gateway.simulator.send_request import Book
from gateway.simulator.webhook_faults import Post
from gateway.simulator.webhooks import Webhooks


@dataclass(slots=True)
class Account:
    """The parts, wired together."""

    config: SimulatorConfig
    ledger: Ledger
    agenda: Agenda = field(default_factory=Agenda)
    ids: RequestIds = field(default_factory=RequestIds)
    arrivals: Arrivals = field(default_factory=Arrivals)
    send_window: Window = field(default_factory=Window)
    other_windows: dict[str, Window] = field(default_factory=dict)
    book: Book = field(
        default_factory=lambda: Book(
            subscribers={501: "+12025550151", 502: "+12025550152", 503: "+12025550153"},
            groups={601: [501, 502, 503]},
            links={701: "https://example.org/a"},
            unsubscribed=set(),
        )
    )
    scheduled: dict[int, dict[str, Any]] = field(default_factory=dict)
    faults: Faults = field(init=False)
    webhooks: Webhooks = field(init=False)
    post: Post = field(init=False)
    network: Network = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.config.seed)
        self.webhooks = Webhooks(self.agenda)
        self.post = Post(self.agenda, self.webhooks, self.faults)
        self.network = Network(self.agenda, self.post, self.faults)
        self.configure(self.config)

    def configure(self, config: SimulatorConfig) -> None:
        """Use new settings in every part."""
        self.config = config
        self.webhooks.configure(config)
        self.network.configure(config)
        if config.fail_next:
            self.faults.order(config.fail_next)
            self.config = config.changed({"fail_next": ()})

    def stats(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "arrivals": self.arrivals.total,
            "fullest_window": self.arrivals.fullest,
            "refused_429": self.arrivals.refused,
            "texts": len(self.ledger),
            "doubled": self.ledger.doubled(),
            "dropped": len(self.ledger.dropped),
            "faults": self.faults.counts(),
            "webhooks_delivered": self.webhooks.tally.delivered,
            "webhooks_failed": self.webhooks.tally.failed,
            "webhooks_dropped": self.webhooks.tally.dropped,
            "webhooks_lost": self.webhooks.tally.lost,
            "webhooks_held": len(self.post),
            "time": time.time(),
        }


def open_account(config: SimulatorConfig, ledger_file: Path | None = None, plan: Plan | None = None) -> Account:
    """Return a new account, with the ledger and the request ids of an earlier run, if there was one."""
    account = Account(config, Ledger(ledger_file))
    if plan is not None:
        account.faults.follow(plan)
    usual = config.id_memory if account.faults.plan.memory is None else account.faults.plan.memory
    monotonic, wall = time.monotonic(), time.time()
    for request_id, sent_at in account.ledger.request_ids().items():
        account.ids.consume(request_id, monotonic, usual - (wall - sent_at))
    return account
