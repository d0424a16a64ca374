"""Everything one simulated account consists of."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.simulator.agenda import Agenda
from gateway.simulator.config import SimulatorConfig
from gateway.simulator.faults import Faults
from gateway.simulator.identity import RequestIds
from gateway.simulator.ledger import Ledger
from gateway.simulator.limiter import Arrivals, Window
from gateway.simulator.network import Network
from gateway.simulator.order import Book
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
    network: Network = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.config.seed)
        self.webhooks = Webhooks(self.agenda)
        self.network = Network(self.agenda, self.webhooks, self.faults)
        self.configure(self.config)

    def configure(self, config: SimulatorConfig) -> None:
        """Take new knobs, in every part at once."""
        self.config = config
        self.webhooks.configure(config)
        self.network.configure(config)
        if config.fail_next:
            self.faults.plan(config.fail_next)
            self.config = config.changed({"fail_next": ()})

    def stats(self) -> dict[str, Any]:
        """Return the figures that tests and people ask for."""
        return {
            "arrivals": self.arrivals.total,
            "fullest_window": self.arrivals.fullest,
            "refused_429": self.arrivals.refused,
            "texts": len(self.ledger),
            "doubled": self.ledger.doubled(),
            "webhooks_delivered": self.webhooks.tally.delivered,
            "webhooks_failed": self.webhooks.tally.failed,
            "webhooks_dropped": self.webhooks.tally.dropped,
            "time": time.time(),
        }


def open_account(config: SimulatorConfig, ledger_file: Path | None = None) -> Account:
    """Return a new account, with the ledger of an earlier run where there is one."""
    return Account(config, Ledger(ledger_file))
