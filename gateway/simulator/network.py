"""The carrier: messages are sent at their number's rate, in order, and their status changes over time."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.simulator.config import SimulatorConfig
from gateway.simulator.faults import Faults
from gateway.simulator.scheduler import Agenda
from gateway.simulator.webhook_faults import Post
from gateway.simulator.webhooks import Call

WORDS = {
    3: "Sent", 4: "Delivered", 5: "Undelivered", 6: "Undeliverable", 7: "Unknown", 8: "Rejected", 9: "Undelivered",
    10: "Undelivered", 11: "Undelivered", 12: "Undelivered", 13: "Rejected", 14: "Undelivered",
}  # fmt: skip
"""The listing's names of the webhooks' codes."""


@dataclass(slots=True)
class Outbound:
    """One text on its way."""

    message_id: str
    outbound_id: int
    external_id: str
    number: str
    text: str
    tags: dict[str, str]
    sender: int | None
    sender_number: str
    accepted_at: float
    key: str = ""
    """What identifies its request in the decisions about faults."""
    status: int = 1
    changed_at: float = 0.0


class Network:
    """Delivers texts to simulated phones."""

    def __init__(self, agenda: Agenda, post: Post, faults: Faults) -> None:
        self._agenda = agenda
        self._post = post
        self._faults = faults
        self._config = SimulatorConfig()
        self._free_at: dict[int | None, float] = {}
        self._ids = itertools.count(271400001)
        self.outbound: list[Outbound] = []

    def configure(self, config: SimulatorConfig) -> None:
        """Use new settings."""
        self._config = config

    def next_id(self) -> int:
        """Return a new outbound id."""
        return next(self._ids)

    def sender_number(self, sender: int | None) -> str:
        """Return the number of a sender id; the account's first if none is named."""
        senders = self._config.senders
        return senders.get(str(sender), next(iter(senders.values()), ""))

    def rush(self, outbound: Outbound) -> list[Call]:
        """Deliver a text at once, without a queue; return the webhook calls about it."""
        self.outbound.append(outbound)
        final = self._final(outbound.number)
        return [call for status in (3, final) if status for call in self._walk(outbound, status)]

    def carry(self, outbound: Outbound) -> None:
        """Queue a text at its sending number and schedule its statuses.

        1 queued, 2 sending, 3 sent, then the final one.
        """
        self.outbound.append(outbound)
        now = time.monotonic()
        leaves = max(now, self._free_at.get(outbound.sender, 0.0))
        self._free_at[outbound.sender] = leaves + 60.0 / self._config.messages_per_minute
        self._agenda.at(leaves, self._step(outbound, 2))
        sent = leaves + self._between(outbound, 3)
        self._agenda.at(sent, self._step(outbound, 3))
        final = self._final(outbound.number)
        if final:
            self._agenda.at(sent + self._between(outbound, final), self._step(outbound, final))

    def reply(self, number: str, text: str, sender: int | None) -> None:
        """Make a phone reply."""
        stamp = _now()
        self._post.fire(
            "message-reply",
            {
                "type": "message-reply",
                "fromNumber": number,
                "toNumber": self.sender_number(sender),
                "message": text,
                "replyId": self.next_id(),
                "timestamp": stamp,
            },
            text,
            number,
        )

    def opt_in(self, number: str, kind: str) -> None:
        """Make a phone opt in to another channel."""
        self._post.fire(
            "number-opt-in",
            {"type": "number-opt-in", "fromNumber": number, "optInType": kind, "timestamp": _now()},
            kind,
            number,
        )

    def _final(self, number: str) -> int:
        for suffix, status in self._config.final_by_suffix.items():
            if number.endswith(suffix):
                return status
        return self._config.final_status

    def _between(self, outbound: Outbound, status: int) -> float:
        return self._faults.between(self._config.status_delay, "walk", outbound.key, outbound.number, status)

    def _step(self, outbound: Outbound, status: int) -> Callable[[], None]:
        def step() -> None:
            self._walk(outbound, status)

        return step

    def _walk(self, outbound: Outbound, status: int) -> list[Call]:
        outbound.status = status
        outbound.changed_at = time.time()
        events = {2: (), 3: ("message-send", "delivery-status")}.get(status, ("delivery-status",))
        about = (outbound.key, outbound.number)
        return [call for event in events for call in self._post.fire(event, self._payload(outbound, event), *about)]

    def _payload(self, outbound: Outbound, event: str) -> dict[str, Any]:
        if self._config.webhook_shape == "article":
            word = WORDS.get(outbound.status, "Unknown").lower()
            return {"externalId": outbound.external_id, "status": word, "deliveredAt": _now()}
        if self._config.webhook_shape == "v1":
            return {
                "type": event.replace("-", " "),
                "destinationNumber": outbound.number.removeprefix("+1"),
                "messageId": outbound.outbound_id,
                "externalId": outbound.external_id,
                "status": outbound.status,
                "tags": outbound.tags or None,
            }
        return {
            "type": event,
            "messageId": outbound.message_id,
            "externalId": outbound.external_id,
            "status": outbound.status,
            "fromNumber": outbound.sender_number,
            "toNumber": outbound.number,
            "timestamp": _now(),
            "tags": outbound.tags,
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
