"""Faults of webhooks: lost, doubled, reordered or late events."""

import itertools
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from gateway.simulator.faults import Faults
from gateway.simulator.rules import Rule, Stage
from gateway.simulator.scheduler import Agenda
from gateway.simulator.webhooks import Call, Webhooks

BEHIND = 0.05
"""Seconds between two events whose order was swapped."""


class Post:
    """Delivers events to the webhooks, as far as the faults allow."""

    def __init__(self, agenda: Agenda, webhooks: Webhooks, faults: Faults) -> None:
        self._agenda = agenda
        self._webhooks = webhooks
        self._faults = faults
        self._fired: Counter[tuple[str, ...]] = Counter()
        self._held: dict[int, Callable[[], object]] = {}
        self._overtaken: dict[tuple[str, ...], list[int]] = {}
        self._numbers = itertools.count()
        self._events = 0

    def __len__(self) -> int:
        return len(self._held)

    def fire(self, event: str, payload: dict[str, Any], key: str, number: str) -> list[Call]:
        """Call every webhook of the event unless a fault prevents it; return the calls in progress."""
        about = (event, key, number)
        self._fired[about] += 1
        self._follow(about)
        rules = self._striking(event, key, number, self._fired[about])
        if any(rule.kind == "webhook_lost" for rule in rules):
            self._webhooks.tally.lost += 1
            return []
        fire = partial(self._webhooks.fire, event, payload)
        calls: list[Call] | None = None
        for rule in rules:
            wait = self._faults.between(rule.delay, rule.name, "delay", *about, self._fired[about])
            if rule.kind == "webhook_doubled":
                for copy in range(1, rule.copies):
                    self._hold(fire, wait * copy)
            elif calls is None:
                calls = []
                held = self._hold(fire, wait)
                if rule.kind == "webhook_reordered":
                    self._overtaken.setdefault(about, []).append(held)
        return fire() if calls is None else calls

    def release(self) -> int:
        """Deliver everything that is delayed; return how many events."""
        held = list(self._held)
        for number in held:
            self._let(number)
        self._overtaken.clear()
        return len(held)

    def clear(self) -> None:
        """Drop everything that is delayed."""
        self._held.clear()
        self._overtaken.clear()
        self._fired.clear()

    def _striking(self, event: str, key: str, number: str, count: int) -> list[Rule]:
        self._events += 1
        about = f"{key}\0{event}\0{number}"
        return [
            rule
            for rule in self._faults.plan.rules
            if rule.stage is Stage.WEBHOOK
            and event in rule.events
            and self._faults.strikes_now(rule, about, count, self._events)
        ]

    def _follow(self, about: tuple[str, ...]) -> None:
        for held in self._overtaken.pop(about, []):
            self._agenda.at(time.monotonic() + BEHIND, partial(self._let, held))

    def _hold(self, fire: Callable[[], object], seconds: float) -> int:
        number = next(self._numbers)
        self._held[number] = fire
        self._agenda.at(time.monotonic() + seconds, partial(self._let, number))
        return number

    def _let(self, number: int) -> None:
        fire = self._held.pop(number, None)
        if fire is not None:
            fire()
