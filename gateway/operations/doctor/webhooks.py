"""Whether receipts reach the listener, and only those that are signed: one round trip, which registers nothing."""

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from gateway.operations.doctor.checks import Check, fail, ok, warn
from gateway.receipts.signature import sign

BODY = b'{"type":"smsgw-doctor"}'
"""No event of the provider's: it is journalled once, as something that says nothing of any message."""

TIMEOUT = 10.0
NAME = "webhook round trip"


def probe_url(url: str) -> str:
    """Return the address beside a registered one at which a body is nobody's receipt."""
    parts = urlsplit(url)
    head, _, last = parts.path.rstrip("/").rpartition("/")
    base = f"{head}/{last}" if last == "mta" else head
    return urlunsplit((parts.scheme, parts.netloc, f"{base}/doctor", "", ""))


async def examine(url: str, secrets: Sequence[str]) -> Check:
    """Return the line about one listener: a signed body must be taken, the same one with a wrong signature refused."""
    shown = urlsplit(url).netloc
    if not secrets:
        return warn(
            NAME,
            "SMSGW_WEBHOOK_SECRET is not set here, so nobody looked; a gateway without it refuses every receipt",
            "give this command the gateway's secret; there is none yet? make one: openssl rand -hex 64",
        )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
            taken = [await _post(session, url, sign(secret, BODY)) for secret in secrets]
            refused = await _post(session, url, "0" * 64)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return fail(
            NAME,
            f"{shown} does not answer ({type(error).__name__})",
            "start smsgw run (duty webhook), and lead the address through your proxy to SMSGW_WEBHOOK_LISTEN",
        )
    if refused == 200:
        return fail(
            NAME, f"{shown} takes a body with a wrong signature", "something else than the gateway answers there"
        )
    if 503 in taken:
        return fail(NAME, f"{shown} cannot store receipts now", "look at the database, and at the listener's log")
    if 401 in taken:
        return fail(
            NAME,
            f"{shown} refuses the signature of this secret",
            "give the listener and this command the same SMSGW_WEBHOOK_SECRET, and let no proxy change the body",
        )
    if any(status != 200 for status in taken) or refused != 401:
        return fail(NAME, f"{shown} answers {taken[0]} and {refused}", "something else than the gateway answers there")
    return ok(NAME, f"{shown} takes what is signed and refuses what is not")


async def _post(session: aiohttp.ClientSession, url: str, signature: str) -> int:
    headers = {"X-Signature": signature, "Content-Type": "application/json"}
    async with session.post(url, data=BODY, headers=headers, allow_redirects=False) as response:
        await response.read()
        return response.status
