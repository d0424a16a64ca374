"""`smsgw run`: one process with some or all components, from the check of the key to the last answer in flight."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog
from aiohttp import web

from gateway.app.client import has_key, rate_limited_client
from gateway.app.dispatch import build_engine, sending_pool
from gateway.app.doctor import examine
from gateway.app.lifecycle import Handler, background, listening, on_hangup, stop_on_signals
from gateway.app.limits import sending_limits
from gateway.app.startup import StartError, check_account, direct_dsn, prepare_database, require_dsn
from gateway.console.auth import AuthSettings
from gateway.console.server import build_ops_app
from gateway.dispatch.engine import Engine
from gateway.domain.components import Component
from gateway.domain.ids import ExternalIds
from gateway.maintenance.feed_pruning import FeedPruning
from gateway.maintenance.heartbeat import Heartbeat, worker_name
from gateway.maintenance.retention import Retention
from gateway.metrics.backlog import BacklogGauges
from gateway.metrics.observers import DispatchMetrics, ReceiptMetrics
from gateway.metrics.registry import Metrics
from gateway.provider.mta.client import MobileTextAlerts
from gateway.provider.protocol import Provider
from gateway.receipts.applier import ReceiptApplier
from gateway.receipts.journal import Journal
from gateway.receipts.listener import Listener
from gateway.receipts.poller import Poller
from gateway.settings import Settings, SettingsError, load
from gateway.store import health, pauses
from gateway.store.leadership import RECONCILE, Leadership
from gateway.store.pauses import Scope
from gateway.store.pool import UNAVAILABLE, Pool, close_pool, lazy_pool

DATABASE_RETRY = 1.0

READY_TIMEOUT = 2.0
"""Seconds in which the database must answer a readiness probe."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class _Stopped(Exception):
    """The process was stopped before it had started."""


class ComponentFailed(Exception):
    """A part of the gateway failed by a bug and the rest was stopped; the process should be restarted."""


@dataclass(slots=True)
class Daemon:
    """One process."""

    settings: Settings
    components: frozenset[Component] = frozenset(Component)
    engine: Engine | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    schema_current: bool = False
    failed: bool = False

    def stop(self) -> None:
        """Stop the process in order."""
        self.stopping.set()
        if self.engine is not None:
            self.engine.stop()

    def component_failed(self) -> None:
        """Stop, and make `run` raise `ComponentFailed`."""
        self.failed = True
        self.stop()

    def reload(self) -> None:
        """Read the settings again and apply their limits. Other settings take effect at the next start.

        The limits are rows of the database, so reloading one replica changes them for all.
        """
        try:
            limits = sending_limits(load(), MobileTextAlerts.route)
        except SettingsError as error:
            log.error("settings_not_reloaded", reason=str(error))
            return
        if self.engine is not None:
            self.engine.change_limits(limits)
        log.info("limits_reloaded")

    async def run(self) -> None:
        """Run until stopped; raises `StartError` if the start fails, `ComponentFailed` if a bug ended the process.

        The stack closes in reverse order: sending stops and drains first, while receipts still arrive and metrics are
        still served; then the listeners close, then the pool.
        """
        stop_on_signals(self.stop)
        on_hangup(self.reload)
        dsn = require_dsn(self.settings)
        metrics = Metrics()
        worker = worker_name()
        with suppress(_Stopped):
            await self._run(dsn, metrics, worker)
        log.info("stopped")
        if self.failed:
            raise ComponentFailed("a part of the gateway failed; see component_failed in the log and restart")

    async def _run(self, dsn: str, metrics: Metrics, worker: str) -> None:
        async with AsyncExitStack() as stack:
            pooler = self.settings.listen_url is not None
            pool = await lazy_pool(dsn, purpose="run", max_size=10, pooler=pooler)
            stack.push_async_callback(close_pool, pool)
            if Component.CONSOLE in self.components:
                await self._console(stack, pool, metrics)
            if not await self._await_database(pool):
                return
            heartbeat = Heartbeat(pool, worker, sorted(self.components))
            stack.push_async_callback(heartbeat.leave)
            await stack.enter_async_context(background("heartbeat", heartbeat.run, self.component_failed))
            gauges = BacklogGauges(pool, metrics, max_recipients=self.settings.max_recipients)
            await stack.enter_async_context(background("gauges", gauges.run, self.component_failed))
            if self.settings.retention:
                retention = Retention(pool, self.settings.retention)
                await stack.enter_async_context(background("retention", retention.run, self.component_failed))
            pruning = FeedPruning(pool)
            await stack.enter_async_context(background("feed_pruning", pruning.run, self.component_failed))
            if Component.WEBHOOK in self.components:
                await self._webhook(stack, pool, metrics)
            needs_provider = bool(self.components & {Component.DISPATCH, Component.RECONCILE})
            provider = await self._provider(stack, pool) if needs_provider else None
            if provider is not None and Component.RECONCILE in self.components:
                await self._reconcile(stack, pool, provider)
            if provider is not None and Component.DISPATCH in self.components:
                sending = await sending_pool(dsn, pooler=pooler)
                stack.push_async_callback(close_pool, sending)
                await self._dispatch(pool, sending, metrics, provider, worker)
            else:
                await self.stopping.wait()

    async def _await_database(self, pool: Pool) -> bool:
        """Wait for the database, however long; return False if the process was stopped before it answered."""
        reported = False
        while not self.stopping.is_set():
            try:
                await prepare_database(self.settings, pool)
            except UNAVAILABLE as error:
                if not reported:
                    log.warning("database_unavailable", error=type(error).__name__)
                reported = True
                await asyncio.sleep(DATABASE_RETRY)
                continue
            self.schema_current = True
            return True
        return False

    async def _retry_while_unavailable(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns, repeated for as long as the database is unavailable.

        It may become so at any moment of the start, and a failover must not end replicas that are just starting.
        """
        while True:
            try:
                return await work()
            except UNAVAILABLE as error:
                log.warning("database_unavailable", error=type(error).__name__)
                await asyncio.sleep(DATABASE_RETRY)
            if self.stopping.is_set():
                raise _Stopped

    async def _console(self, stack: AsyncExitStack, pool: Pool, metrics: Metrics) -> None:
        async def readiness() -> Mapping[str, bool]:
            claiming = Component.DISPATCH not in self.components or (self.engine is not None and self.engine.claiming)
            return {
                "database": await health.reachable(pool, READY_TIMEOUT),
                "schema": self.schema_current,
                "claiming": claiming,
            }

        app = build_ops_app(
            pool,
            metrics,
            readiness,
            AuthSettings.from_settings(self.settings),
            max_recipients=self.settings.max_recipients,
            doctor=partial(examine, self.settings, pool),
        )
        await _listen(stack, "console", app, self.settings.ops_listen, "SMSGW_OPS_LISTEN")

    async def _webhook(self, stack: AsyncExitStack, pool: Pool, metrics: Metrics) -> None:
        observer = ReceiptMetrics(metrics)
        external_ids = ExternalIds(self.settings.external_id_prefix)
        journal = Journal(pool)
        applier = ReceiptApplier(pool, observer, busy=lambda: journal.busy)
        listener = Listener(
            journal,
            MobileTextAlerts.kind.webhooks,
            [secret.get_secret_value() for secret in self.settings.webhook_secret],
            observer,
            external_ids=external_ids,
            on_stored=applier.hint,
        )
        await stack.enter_async_context(background("applier", applier.run, self.component_failed))
        await stack.enter_async_context(background("journal", journal.run, self.component_failed))
        await _listen(stack, "webhook", listener.handle, self.settings.webhook_listen, "SMSGW_WEBHOOK_LISTEN")

    async def _provider(self, stack: AsyncExitStack, pool: Pool) -> MobileTextAlerts:
        if not has_key(self.settings):
            setting = MobileTextAlerts.kind.key_setting
            raise StartError(f"{setting} is not set; set it, or try the gateway without a key: smsgw up")
        provider = await self._retry_while_unavailable(
            lambda: rate_limited_client(self.settings, pool, connections=self.settings.concurrency)
        )
        stack.push_async_callback(provider.close)
        return provider

    async def _reconcile(self, stack: AsyncExitStack, pool: Pool, provider: Provider) -> None:
        poller = Poller(
            pool,
            provider,
            Leadership(direct_dsn(self.settings), RECONCILE),
            external_ids=ExternalIds(self.settings.external_id_prefix),
            interval=self.settings.reconcile_interval,
            until=self.settings.unconfirmed_after,
        )
        await stack.enter_async_context(background("poller", poller.run, self.component_failed))

    async def _dispatch(
        self, pool: Pool, sending: Pool, metrics: Metrics, provider: MobileTextAlerts, worker: str
    ) -> None:
        await self._retry_while_unavailable(lambda: check_account(self.settings, provider))

        async def resume() -> None:
            # The key was just accepted, so a pause after an earlier refusal ends. If its cause still exists, the first
            # answer pauses the route again. An operator's pause stays.
            async with pool.acquire() as connection:
                await pauses.resume(connection, Scope.ROUTE, provider.route, made_by="gateway")

        await self._retry_while_unavailable(resume)
        self.engine = build_engine(
            self.settings,
            sending,
            provider,
            DispatchMetrics(metrics),
            dsn=direct_dsn(self.settings),
            worker=worker,
        )
        if not self.stopping.is_set():
            await self.engine.run()


async def _listen(
    stack: AsyncExitStack, name: str, app: web.Application | Handler, address: tuple[str, int], setting: str
) -> None:
    try:
        await stack.enter_async_context(listening(name, app, address))
    except OSError as error:
        raise StartError(f"{setting}: cannot listen on {address[0]}:{address[1]}: {error.strerror}") from None
