"""Stands between the provider and the listener, and loses calls: answered with 200, and never passed on."""

import json
import random
from typing import Any

import aiohttp
from aiohttp import web


class DroppingProxy:
    """Passes webhooks on to a port, but for a share of them."""

    def __init__(self, target: int, share: float, *, seed: int = 1) -> None:
        self._target = target
        self._share = share
        self._rng = random.Random(seed)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.lost: list[dict[str, Any]] = []
        self.passed = 0

    async def start(self, port: int) -> "DroppingProxy":
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return self

    async def stop(self) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.Response:
        assert self._session is not None
        body = await request.read()
        if self._rng.random() < self._share:
            self.lost.append(json.loads(body))
            return web.Response()
        headers = {"X-Signature": request.headers["X-Signature"]}
        try:
            address = f"http://127.0.0.1:{self._target}{request.path}"
            async with self._session.post(address, data=body, headers=headers) as response:
                self.passed += response.status == 200
                return web.Response(status=response.status)
        except aiohttp.ClientError:
            return web.Response(status=503)
