"""Whether the account at the provider matches the settings."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.domain.receipt import Event
from gateway.operations.doctor.checks import Check, fail, ok, warn
from gateway.provider.errors import KeyRefused, ProviderError
from gateway.provider.protocol import Account, Provider, Webhook

CLOCK_WARN = 5.0
"""Seconds; the provider's header has whole ones."""


@dataclass(frozen=True, slots=True)
class ExpectedAccount:
    """What the settings expect of the account."""

    sender_id: int | None
    management_limit: int
    """Calls a minute."""


async def run_checks(
    provider: Provider, expected: ExpectedAccount, *, clock: Callable[[], float] = time.time
) -> tuple[list[Check], list[Webhook]]:
    """Return the checks of the account, and its webhook registrations."""
    try:
        before = clock()
        account = await provider.verify()
        after = clock()
    except KeyRefused as error:
        remedy = f"create a key in the provider's dashboard and set {provider.kind.key_setting}"
        return [fail("key", str(error), remedy)], []
    except ProviderError as error:
        return [fail("key", str(error), "try again; if it still fails, check the provider's status page")], []
    lines = [
        ok("key", "accepted by the provider"),
        ok("account", account.name or "the provider returns no account name"),
    ]
    lines.append(_rate(account, expected))
    lines += _clock(account, before, after)
    try:
        lines.append(_sender(await provider.sender_numbers(), expected))
        registered = await provider.webhooks()
    except ProviderError as error:
        return [*lines, warn("listings", str(error), "try again in a minute")], []
    return [*lines, _registered(registered)], registered


def _rate(account: Account, expected: ExpectedAccount) -> Check:
    name = "rate headers"
    rate = account.rate
    if rate is None or rate.limit is None:
        return warn(
            name,
            "the provider sends none, so the limiter notices a full window only from a 429",
            "if other programs use the account, keep SMSGW_REQUEST_SPARE above 0",
        )
    if rate.limit < expected.management_limit:
        return warn(
            name,
            f"the provider allows {rate.limit} management calls; SMSGW_MANAGEMENT_LIMIT is {expected.management_limit}",
            f"set SMSGW_MANAGEMENT_LIMIT={rate.limit}",
        )
    left = "" if rate.remaining is None else f", {rate.remaining} left in this window"
    return ok(name, f"{rate.limit} management calls allowed{left}")


def _clock(account: Account, before: float, after: float) -> list[Check]:
    if account.clock is None:
        return []
    there = account.clock.timestamp()
    # The header is cut to whole seconds.
    difference = max(before - there - 1.0, there - after, 0.0)
    message = f"{difference:.0f} s between this host and the provider"
    if difference > CLOCK_WARN:
        return [
            warn(
                "provider's clock",
                message,
                "synchronise this host's clock with NTP; receipts carry the provider's times",
            )
        ]
    return [ok("provider's clock", message)]


def _sender(numbers: Sequence[int], expected: ExpectedAccount) -> Check:
    name = "sending number"
    if not numbers:
        return fail(name, "the account has none", "get a number from the provider")
    if expected.sender_id is None:
        return warn(
            name,
            f"SMSGW_SENDER_ID is not set; the first of the account's {len(numbers)} numbers is used, and may change",
            f"set SMSGW_SENDER_ID={numbers[0]}",
        )
    if expected.sender_id not in numbers:
        return fail(
            name,
            f"{expected.sender_id} is not one of the account's {len(numbers)} numbers",
            f"set SMSGW_SENDER_ID to one of: {', '.join(map(str, numbers[:5]))}",
        )
    return ok(name, f"{expected.sender_id} belongs to the account")


def _registered(found: Sequence[Webhook]) -> Check:
    name = "registrations"
    events = {row.event for row in found}
    missing = [event.value for event in (Event.DELIVERY_STATUS, Event.MESSAGE_REPLY) if event.value not in events]
    if missing:
        return warn(
            name,
            f"nothing is registered for {' and '.join(missing)}; receipts arrive by polling only",
            "smsgw webhook register --url https://sms.example.org",
        )
    return ok(name, f"{len(found)}, for {', '.join(sorted(events))}")
