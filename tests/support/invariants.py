"""What must be true of every message at the end of a run, whatever happened in it."""

from typing import Any

RECIPIENTS = {None: 1, 601: 3}
"""How many recipients a message has, by its group at the simulator."""

NEVER = {
    "select m.id, m.state, array_agg(f.state order by f.position) as told "
    "from smsgw.message as m left join smsgw.final_feed as f on f.message_id = m.id "
    "where m.final_at is not null group by m.id, m.state having array_agg(f.state) <> array[m.state]": (
        "the feed has a wrong state of a message"
    ),
    "select o.id, o.request_id from smsgw.outbox as o left join smsgw.request as r on r.id = o.request_id "
    "where o.request_id is not null and (r.id is null or not o.id = any(r.members))": (
        "a message is bound to a request that does not carry it"
    ),
    "select a.request_id, a.number from smsgw.attempt as a join smsgw.request as r on r.id = a.request_id "
    "where a.finished_at is null and r.claim_token is null and r.status <> 'in_flight' and a.number > r.attempts": (
        "an attempt is open that its request does not know"
    ),
}
"""Queries that must never find a row."""


def contradiction(row: Any, count: int, states: frozenset[str], *, copies: int = 1) -> str | None:
    """Return how a message's state contradicts the ledger, None if it does not.

    `copies` is how many copies its lane allows.
    """
    state, recipients = row["state"], RECIPIENTS[row["to_group_id"]]
    if state not in states:
        return f"ended {state}: {row['reason']}"
    if count > recipients * copies:
        return f"was sent {count} times"
    if state == "delivered" and not recipients <= count <= recipients * copies:
        return f"is delivered and was sent {count} times"
    if state in {"failed", "expired", "suppressed"} and count:
        return f"is {state} and was sent {count} times"
    if state == "uncertain" and not row["reason"]:
        return "is uncertain without a reason"
    return None
