"""The steps that no scenario reaches, or not always, and why that is no gap."""

import re
from collections.abc import Iterable

from support.failpoints import static_steps
from support.wire_failpoints import WIRE_STEPS

BY_COMMAND = "only an operator's command calls this, and its change is one transaction"

REASONS = {
    r"provider\.mta\.client MobileTextAlerts\.(webhooks|register_webhook|delete_webhook|unsubscribed): .*": BY_COMMAND,
    r"store\.actions list_actions: .*": BY_COMMAND,
    r"store\.receipts requeue: .*": BY_COMMAND,
    r"store\.suppressions (list_numbers|newest|one): .*": BY_COMMAND,
    r"provider\.mta\.client _bounded: await 2 read, .*": (
        "only for an answer in several pieces; a crash between two pieces is the crash at `await 1`"
    ),
    r"receipts\.journal Journal\._commit: await 2 _commit, .*": (
        "only for a receipt that Postgres refuses; each one of the batch is then committed by `await 1`"
    ),
    r"provider\.mta\.client MobileTextAlerts\.deliveries: await 2 _delivery_page, .*": (
        "the call of `await 1` for another page, of a listing that counts from 1"
    ),
    r"store\.limiter one_token: await 2 sleep, .*": "the token was not taken, so nothing was changed",
    r"dispatch\.tokens TokenTaker\.take: await (3 _configure|4 _take), .*": (
        "only after somebody deleted the bucket; these are the calls of `await 1` and `await 2` once more"
    ),
}
"""Steps that no scenario reaches."""

SOMETIMES = {
    r"store\.limiter note_foreign_use: .*": (
        "where an answer reports less than our own requests explain, as after a 429; it lowers what may be sent"
    ),
    r"dispatch\.(engine|completer) .*: await \d+ sleep, .*": (
        "a pause after Postgres closed the session; nothing is open then"
    ),
    r"receipts\.(applier|poller) .*: await \d+ _?sleep, .*": "a pause; nothing is open during it",
    r"dispatch\.circuit_breaker RouteBreaker\.probe_cancelled: .*": (
        "only when the probe of an open circuit breaker is released before it is sent; a crash here delays the next "
        "probe by a lease"
    ),
    r"store\.doorbell .*: await \d+ (_close|_close_session|close), .*": (
        "the session is lost or abandoned, and closing it changes nothing"
    ),
    r"store\.doorbell _LockQueue\.close: await 1 wait, .*": (
        "only where an open transaction kept the doorbell from being armed; the wait changes nothing"
    ),
    r"store\.leadership Leadership\..*: await \d+ close, .*": "the same",
}
"""Steps that a scenario reaches by chance, for instance where Postgres happens to close the session."""


def is_listed(step: str, reasons: dict[str, str]) -> bool:
    return any(re.fullmatch(pattern, step) for pattern in reasons)


def unexplained(reached: Iterable[str]) -> list[str]:
    """Return the steps that are neither reached nor listed here."""
    missing = {*static_steps(), *WIRE_STEPS}.difference(reached)
    return sorted(step for step in missing if not is_listed(step, REASONS | SOMETIMES))
