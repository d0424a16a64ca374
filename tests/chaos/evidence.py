"""What is known at the end of a run, from three sources: the applications, the database and the provider's ledger.

They are independent: the checker recognises a message in the ledger by the mark that the application put into its text,
not by an id of the gateway.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

MARK = re.compile(r"#(\d+)\.")


class Commit(StrEnum):
    """What the application knows of its own transaction."""

    DONE = "done"
    UNKNOWN = "unknown"
    """The answer to the COMMIT was lost. The row may be there or not; both are right."""
    UNDONE = "undone"
    """Rolled back, or never committed: the row must not be there."""
    REPEATED = "repeated"
    """A second enqueue with the same dedupe key, which changes nothing."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What the application enqueued."""

    mark: int
    number: str
    text: str
    commit: Commit
    suppressed: bool = False
    """The number is on the suppression list from the beginning."""
    silent: bool = False
    """No final receipt ever comes for this number."""


@dataclass(frozen=True, slots=True)
class Row:
    """One message in `smsgw.message` and `smsgw.outbox`."""

    id: int
    mark: int
    number: str
    state: str
    reason: str | None
    generation: int
    tenant: str
    order_key: str | None
    expires_at: float
    external_id: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request with the outcomes of its attempts in order; None for one that has no outcome."""

    external_id: str
    generation: int
    members: tuple[int, ...]
    status: str
    verify_reason: str | None
    reason: str | None
    outcomes: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """One line of the provider's ledger: a text that was sent."""

    external_id: str
    number: str
    text: str
    sent_at: float

    @property
    def mark(self) -> int | None:
        """The application's mark; None for a text that no application wrote."""
        found = MARK.search(self.text)
        return None if found is None else int(found[1])

    @property
    def generation(self) -> int:
        """The generation, from the end of the external id."""
        tail = self.external_id.rpartition("-")[2]
        return int(tail) if tail.isdigit() else -1


@dataclass(frozen=True, slots=True)
class Dropped:
    """A text that the provider accepted and did not send. Only its ledger shows this."""

    external_id: str
    number: str


@dataclass(frozen=True, slots=True)
class Window:
    """The provider's own count of requests."""

    limit: int
    fullest: int
    """The largest count in any sliding window."""
    refused: int
    """Requests above the limit."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known."""

    submissions: Mapping[int, Submission]
    rows: tuple[Row, ...]
    requests: tuple[Request, ...]
    ledger: tuple[Text, ...]
    window: Window
    dropped: frozenset[Dropped] = frozenset()
    stops_held: bool = False
    """Something is still paused, so `held` is a valid last state."""
    ended: tuple[str, ...] = field(default=())
    """Replicas that ended without being stopped."""


def read_ledger(path: Path) -> tuple[tuple[Text, ...], frozenset[Dropped]]:
    """Return the texts in the order in which they were sent, and what was dropped."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    entries = [json.loads(line) for line in lines]
    texts = (Text(e["external_id"], e["number"], e["text"], e["sent_at"]) for e in entries if "sent_at" in e)
    dropped = (Dropped(e["external_id"], e["number"]) for e in entries if "dropped_at" in e)
    return tuple(texts), frozenset(dropped)


async def read_rows(connection: Any) -> tuple[Row, ...]:
    """Return every message."""
    found = await connection.fetch(
        "select m.id, m.reference, m.to_number, m.state, m.reason, o.generation, m.tenant, o.order_key, "
        "extract(epoch from m.expires_at)::double precision as expires_at, m.external_id "
        "from smsgw.message as m inner join smsgw.outbox as o on o.id = m.id order by m.id"
    )
    return tuple(
        Row(
            r["id"], _mark(r["reference"]), r["to_number"], r["state"], r["reason"], r["generation"], r["tenant"],
            r["order_key"], r["expires_at"], r["external_id"],
        )
        for r in found
    )  # fmt: skip


async def read_requests(connection: Any) -> tuple[Request, ...]:
    """Return every request with its attempts."""
    found = await connection.fetch(
        "select r.external_id, r.generation, r.members, r.status::text, r.verify_reason, r.reason, "
        "array(select a.outcome from smsgw.attempt as a where a.request_id = r.id order by a.number) as outcomes "
        "from smsgw.request as r"
    )
    return tuple(
        Request(
            r["external_id"], r["generation"], tuple(r["members"]), r["status"], r["verify_reason"], r["reason"],
            tuple(r["outcomes"]),
        )
        for r in found
    )  # fmt: skip


async def gather(
    connection: Any, *, submissions: Iterable[Submission], ledger: Path, window: Window, ended: Iterable[str] = ()
) -> Evidence:
    """Return everything that is known now."""
    held = await connection.fetchval(
        "select exists(select from smsgw.pause where expires_at is null or expires_at > now())"
    )
    rows, requests = await read_rows(connection), await read_requests(connection)
    # The ledger is read last, so that it has every text that the rows know of.
    texts, dropped = read_ledger(ledger)
    return Evidence(
        {submission.mark: submission for submission in submissions},
        rows,
        requests,
        texts,
        window,
        dropped,
        bool(held),
        tuple(ended),
    )


def _mark(reference: str | None) -> int:
    found = MARK.search(reference or "")
    return -1 if found is None else int(found[1])
