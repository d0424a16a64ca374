"""What tests do with rows: enqueue, read the state, and let time pass without waiting."""

import json
from datetime import timedelta
from typing import Any

from support.leaks import MARK

from gateway.domain.outcome import Answer, Phase
from gateway.provider.mta.response import MtaAnswer

ACCEPTED = Answer(Phase.ANSWERED, 0.01, status=200, readable=True, total_sent=1, provider_message_id="m")
LOST = Answer(Phase.MAYBE_SENT, 0.01, error="timeout_read")
UNREACHED = Answer(Phase.NOT_SENT, 0.01, error="connect")


def status(code: int, **changes: Any) -> Answer:
    """Return a complete and readable answer."""
    return MtaAnswer(Phase.ANSWERED, 0.01, status=code, readable=True, **changes)


async def enqueue(connection: Any, number: int = 123, **columns: Any) -> int:
    """Enqueue a message to +1202555 followed by the four digits of `number`."""
    values: dict[str, Any] = {"to_number": f"+1202555{number:04}", "body": MARK} | columns
    kinds = {"tags": "::text::jsonb", "variables": "::text::jsonb"}
    names = ", ".join(f"{name} => ${index}{kinds.get(name, '')}" for index, name in enumerate(values, 1))
    given = [json.dumps(value) if name in kinds else value for name, value in values.items()]
    return int(await connection.fetchval(f"select smsgw.enqueue({names})", *given))


async def state(connection: Any, message_id: int) -> str:
    """Return the state of a message in the view."""
    return str(await connection.fetchval("select state from smsgw.message where id = $1", message_id))


async def make_due(connection: Any) -> None:
    """Make every retry due and every lease end now. Rows are locked in the same order as in the gateway."""
    await connection.execute(
        "update smsgw.request "
        "set available_at = now(), lease_expires_at = case when claim_token is not null then now() end where id in "
        "(select id from smsgw.request where status = 'in_flight' order by id for update)"
    )


async def age(connection: Any, message_id: int, seconds: float) -> None:
    """Make a message older, as if it had waited through an outage."""
    await connection.execute(
        "update smsgw.outbox set created_at = created_at - $2::interval, not_before = not_before - $2::interval, "
        "expires_at = expires_at - $2::interval where id = $1",
        message_id,
        timedelta(seconds=seconds),
    )


async def grant(connection: Any, bucket: str, tokens: float) -> None:
    """Set the tokens that a bucket of the limiter has now; the others of a window stay spent for long."""
    await connection.execute(
        "update smsgw.bucket set tokens = $2, counted_at = now(), "
        "spent_bounds = array[now() + interval '30 minutes'], spent_urgent = array[0], "
        "spent_others = array[greatest(0, floor(allowance - $2::float8))::integer] where name = $1",
        bucket,
        tokens,
    )
