"""A Prometheus from Debian's packages scrapes the gateway and has nothing to complain about."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.processes import free_port, poll

CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: smsgw
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
async def test_prometheus_scrapes_without_a_warning(world: Any, tmp_path: Path) -> None:
    config, log, port = tmp_path / "prometheus.yml", tmp_path / "prometheus.log", free_port()
    config.write_text(CONFIG.format(port=world.gateway.ops_port))
    with log.open("wb") as file:
        prometheus = await asyncio.create_subprocess_exec(
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}", stdout=file, stderr=file,
        )  # fmt: skip

    async def scraped() -> bool:
        address = f"http://127.0.0.1:{port}/api/v1/query"
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(address, params={"query": "smsgw_build_info * on() up"}) as response,
            ):
                return bool((await response.json())["data"]["result"])
        except aiohttp.ClientError:
            return False

    try:
        await poll(scraped)
    finally:
        prometheus.terminate()
        await prometheus.wait()
    complaints = [line for line in log.read_text().splitlines() if "level=warn" in line or "level=error" in line]
    assert [line for line in complaints if "smsgw" in line or "scrape" in line] == []
