"""Whether the account with the provider is as the settings say."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.operations.doctor.checks import Check, fail, ok, warn
from gateway.provider.errors import KeyRefused, ProviderError
from gateway.provider.protocol import Account, Event, Provider, Webhook

CLOCK_WARN = 5.0
"""Seconds; the provider's header has whole ones."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the settings say."""

    sender_id: int | None
    management_limit: int
    """Calls a minute."""


async def examine(
    provider: Provider, expected: Expected, *, clock: Callable[[], float] = time.time
) -> tuple[list[Check], list[Webhook]]:
    """Return the lines about the account, and its webhook registrations."""
    try:
        before = clock()
        account = await provider.verify()
        after = clock()
    except KeyRefused as error:
        return [fail("key", str(error), "make a new key in the provider's dashboard and set SMSGW_MTA_API_KEY")], []
    except ProviderError as error:
        return [fail("key", str(error), "try again; then look at the provider's status page")], []
    lines = [ok("key", "the provider accepts it"), ok("account", account.name or "the provider gives no name")]
    lines.append(_rate(account, expected))
    lines += _clock(account, before, after)
    try:
        lines.append(_sender(await provider.sender_numbers(), expected))
        registered = await provider.webhooks()
    except ProviderError as error:
        return [*lines, warn("listings", str(error), "try again in a minute")], []
    return [*lines, _registered(registered)], registered


def _rate(account: Account, expected: Expected) -> Check:
    name = "rate headers"
    rate = account.rate
    if rate is None or rate.limit is None:
        return warn(
            name,
            "the provider sends none: the limiter learns of a full window only from a refusal",
            "nothing; keep SMSGW_REQUEST_SPARE above 0 if other programs use the account",
        )
    if rate.limit < expected.management_limit:
        return warn(
            name,
            f"the provider allows {rate.limit} such calls, SMSGW_MANAGEMENT_LIMIT is {expected.management_limit}",
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
    says = f"{difference:.0f} s between this host and the provider"
    if difference > CLOCK_WARN:
        return [warn("provider's clock", says, "set this host's clock by NTP: receipts carry the provider's times")]
    return [ok("provider's clock", says)]


def _sender(numbers: Sequence[int], expected: Expected) -> Check:
    name = "sending number"
    if not numbers:
        return fail(name, "the account has none", "get one from the provider")
    if expected.sender_id is None:
        return warn(
            name,
            f"SMSGW_SENDER_ID is not set; the first of the account's {len(numbers)} is used, and may move",
            f"set SMSGW_SENDER_ID={numbers[0]}",
        )
    if expected.sender_id not in numbers:
        return fail(
            name,
            f"{expected.sender_id} is none of the account's {len(numbers)}",
            f"set SMSGW_SENDER_ID to one of: {', '.join(map(str, numbers[:5]))}",
        )
    return ok(name, f"{expected.sender_id} is the account's")


def _registered(found: Sequence[Webhook]) -> Check:
    name = "registrations"
    events = {row.event for row in found}
    missing = [event.value for event in (Event.DELIVERY_STATUS, Event.MESSAGE_REPLY) if event.value not in events]
    if missing:
        return warn(
            name,
            f"nothing is registered for {' and '.join(missing)}: receipts come by polling only",
            "smsgw webhook register --url https://…",
        )
    return ok(name, f"{len(found)}, for {', '.join(sorted(events))}")
