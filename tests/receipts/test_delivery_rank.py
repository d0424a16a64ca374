"""The database ranks delivery statuses in the order in which a message may pass through them."""

from typing import Any

from gateway.domain.status import DeliveryStatus

LOWEST_FIRST = [
    {DeliveryStatus.NONE},
    {DeliveryStatus.SENT},
    {DeliveryStatus.UNKNOWN},
    {DeliveryStatus.UNDELIVERED, DeliveryStatus.UNDELIVERABLE, DeliveryStatus.REJECTED, DeliveryStatus.FAILED},
    {DeliveryStatus.DELIVERED},
]
"""The four failures share a rank, so the first of them stays."""


async def test_every_delivery_status_has_its_rank(connection: Any) -> None:
    found = [
        {await connection.fetchval("select smsgw.delivery_rank($1)", status.value) for status in statuses}
        for statuses in LOWEST_FIRST
    ]
    assert found == [{rank} for rank in range(1, len(LOWEST_FIRST) + 1)]
    assert set().union(*LOWEST_FIRST) == set(DeliveryStatus)
