"""The API matches its OpenAPI description: every response to generated requests is one that it describes."""

import asyncio
from typing import Any

import pytest

from gateway.console.api.openapi import ENDPOINTS, describe

TOKEN = "the-token-of-the-console"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FEW = {"positive": 2, "negative": 2}
MANY = {"positive": 20, "negative": 12}
"""Examples per endpoint, in the fast tier and in the slow one."""


def fuzz(base: str, operation: Any, mode: Any, examples: int) -> None:
    """Send generated requests to one endpoint and check every response against the description."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    @seed(7)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(base_url=base, headers=BEARER)

    check()


@pytest.mark.xdist_group("schemathesis")
@pytest.mark.parametrize(
    "examples", [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow("fuzz"))]
)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
async def test_every_endpoint_responds_as_described(open_console: Any, endpoint: Any, examples: dict[str, int]) -> None:
    # Imported only by the worker that runs these tests: it is the largest import of all.
    import schemathesis

    client = await open_console(token=TOKEN)
    schema = schemathesis.openapi.from_dict(describe(ENDPOINTS))
    operation = schema[endpoint.path][endpoint.method]
    for name, count in examples.items():
        mode = schemathesis.GenerationMode(name)
        if mode is schemathesis.GenerationMode.NEGATIVE and endpoint.input_type is None:
            continue
        await asyncio.to_thread(fuzz, str(client.make_url("")).rstrip("/"), operation, mode, count)


async def test_the_description_is_served(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    answer = await client.get("/api/openapi.json", headers=BEARER)
    found = await answer.json()
    assert found["openapi"].startswith("3.1")
    assert set(found["paths"]) == {endpoint.path for endpoint in ENDPOINTS}
