"""Whether the listener takes signed receipts and refuses others: one round trip, which registers nothing."""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from gateway.operations.doctor.checks import Check, fail, ok, warn
from gateway.provider.protocol import WebhookReader

BODY = b'{"type":"smsgw-doctor"}'
"""Not an event of the provider: it is journalled once and belongs to no message."""

TIMEOUT = 10.0
NAME = "webhook round trip"


def probe_url(url: str, path: str) -> str:
    """Return an address next to a registered one at which a body is not taken for a receipt."""
    parts = urlsplit(url)
    head, _, last = parts.path.rstrip("/").rpartition("/")
    base = f"{head}/{last}" if last == path.rpartition("/")[2] else head
    return urlunsplit((parts.scheme, parts.netloc, f"{base}/doctor", "", ""))


async def check_round_trip(reader: WebhookReader, url: str, secrets: Sequence[str]) -> Check:
    """Check a listener: it must take a signed body, and refuse the same body with a wrong signature."""
    shown = urlsplit(url).netloc
    if not secrets:
        return warn(
            NAME,
            "not checked: SMSGW_WEBHOOK_SECRET is not set here; a gateway without it refuses every receipt",
            "set SMSGW_WEBHOOK_SECRET to the gateway's secret; to create one: openssl rand -hex 64",
        )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
            taken = [await _post(session, url, reader.sign(secret, BODY)) for secret in secrets]
            refused = await _post(session, url, reader.sign(token_hex(32), BODY))
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return fail(
            NAME,
            f"{shown} does not answer ({type(error).__name__})",
            "start smsgw run, and check that your proxy forwards the address to SMSGW_WEBHOOK_LISTEN",
        )
    if refused == 200:
        return fail(
            NAME, f"{shown} takes a body with a wrong signature", "check the address: another program answers there"
        )
    if 503 in taken:
        return fail(NAME, f"{shown} cannot store receipts now", "check the database and the listener's log")
    if 401 in taken:
        return fail(
            NAME,
            f"{shown} refuses the signature of this secret",
            "use the same SMSGW_WEBHOOK_SECRET for the listener and this command, and let no proxy change the body",
        )
    if any(status != 200 for status in taken) or refused != 401:
        return fail(
            NAME, f"{shown} answers {taken[0]} and {refused}", "check the address: another program answers there"
        )
    return ok(NAME, f"{shown} takes signed receipts and refuses others")


async def _post(session: aiohttp.ClientSession, url: str, signature: Mapping[str, str]) -> int:
    headers = {"Content-Type": "application/json", **signature}
    async with session.post(url, data=BODY, headers=headers, allow_redirects=False) as response:
        await response.read()
        return response.status
