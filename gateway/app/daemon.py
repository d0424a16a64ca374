"""`smsgw run`: one process with some or all duties, from the key's check to the last answer in the air."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import asyncpg
import structlog
from aiohttp import web

from gateway.app.client import rate_limited_client
from gateway.app.dispatch import build_engine, sending_pool
from gateway.app.doctor import examine
from gateway.app.lifecycle import Handler, background, listening, on_hangup, stop_on_signals
from gateway.app.limits import sending_limits
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
from gateway.provider.errors import KeyRefused, ProviderError
from gateway.provider.mta.client import MobileTextAlerts
from gateway.provider.protocol import Provider
from gateway.receipts.applier import ReceiptApplier
from gateway.receipts.journal import Journal
from gateway.receipts.listener import Listener
from gateway.receipts.poller import Poller
from gateway.settings import Settings, SettingsError, load
from gateway.store import health, installation, pauses
from gateway.store.leadership import RECONCILE, Leadership
from gateway.store.migrate import MigrationError, pending
from gateway.store.pauses import Scope
from gateway.store.pool import UNAVAILABLE, Pool, close_pool, lazy_pool

DATABASE_RETRY = 1.0

READY_TIMEOUT = 2.0
"""Seconds in which the database must answer a readiness probe."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class StartError(Exception):
    """The gateway cannot start as it is set up; the message is one line that says what to do."""


class _Stopped(Exception):
    """Told to stop while still starting."""


class ComponentFailed(Exception):
    """A part of the gateway ended by a bug, and the rest was stopped: whoever runs it should start it anew."""


@dataclass(slots=True)
class Daemon:
    """One process."""

    settings: Settings
    duties: frozenset[Component] = frozenset(Component)
    engine: Engine | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    schema_current: bool = False
    broken: bool = False

    def stop(self) -> None:
        """Bring the process to an orderly end."""
        self.stopping.set()
        if self.engine is not None:
            self.engine.stop()

    def component_failed(self) -> None:
        """Stop, and have `run` say that it was no orderly end."""
        self.broken = True
        self.stop()

    def reload(self) -> None:
        """Read the settings anew and take the limits from them: the one thing worth changing without a restart.

        The limits are rows of the database, so one replica that is told tells all. The rest of the settings waits for
        the next start.
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
        """Run until stopped; raises `StartError` when that cannot begin, `ComponentFailed` when a bug ended it.

        The order of the stack is the order of the end: sending stops and drains first, while receipts still come in and
        the metrics still tell, then the listeners close, then the pool.
        """
        stop_on_signals(self.stop)
        on_hangup(self.reload)
        dsn = _dsn(self.settings)
        metrics = Metrics()
        worker = worker_name()
        with suppress(_Stopped):
            await self._run(dsn, metrics, worker)
        log.info("stopped")
        if self.broken:
            raise ComponentFailed("a part of the gateway broke; the log says which")

    async def _run(self, dsn: str, metrics: Metrics, worker: str) -> None:
        async with AsyncExitStack() as stack:
            pooler = self.settings.listen_url is not None
            pool = await lazy_pool(dsn, purpose="run", most=10, pooler=pooler)
            stack.push_async_callback(close_pool, pool)
            if Component.CONSOLE in self.duties:
                await self._console(stack, pool, metrics)
            if not await self._await_database(pool):
                return
            heartbeat = Heartbeat(pool, worker, sorted(self.duties))
            stack.push_async_callback(heartbeat.leave)
            await stack.enter_async_context(background("heartbeat", heartbeat.run, self.component_failed))
            gauges = BacklogGauges(pool, metrics, max_recipients=self.settings.max_recipients)
            await stack.enter_async_context(background("gauges", gauges.run, self.component_failed))
            if self.settings.retention:
                retention = Retention(pool, self.settings.retention)
                await stack.enter_async_context(background("retention", retention.run, self.component_failed))
            pruning = FeedPruning(pool)
            await stack.enter_async_context(background("feed_pruning", pruning.run, self.component_failed))
            if Component.WEBHOOK in self.duties:
                await self._webhook(stack, pool, metrics)
            provider = (
                await self._provider(stack, pool) if self.duties & {Component.DISPATCH, Component.RECONCILE} else None
            )
            if provider is not None and Component.RECONCILE in self.duties:
                await self._reconcile(stack, pool, provider)
            if provider is not None and Component.DISPATCH in self.duties:
                sending = await sending_pool(dsn, pooler=pooler)
                stack.push_async_callback(close_pool, sending)
                await self._dispatch(pool, sending, metrics, provider, worker)
            else:
                await self.stopping.wait()

    async def _await_database(self, pool: Pool) -> bool:
        """Wait for the database, however long; False when told to stop meanwhile."""
        told = False
        while not self.stopping.is_set():
            try:
                async with pool.acquire() as connection:
                    missing = await pending(connection)
                    if missing:
                        raise StartError(f"the schema lacks {', '.join(missing)}; run: smsgw migrate")
                    await installation.configure(
                        connection,
                        unconfirmed_after=self.settings.unconfirmed_after,
                        horizon=self.settings.idempotency_horizon,
                    )
            except MigrationError as error:
                raise StartError(str(error)) from None
            except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
                raise StartError(f"SMSGW_DATABASE_URL: Postgres refuses it: {type(error).__name__}") from None
            except asyncpg.InsufficientPrivilegeError:
                raise StartError(
                    "SMSGW_DATABASE_URL: this role may not run the gateway; grant it smsgw_gateway"
                ) from None
            except UNAVAILABLE as error:
                if not told:
                    log.warning("database_unavailable", error=type(error).__name__)
                told = True
                await asyncio.sleep(DATABASE_RETRY)
                continue
            self.schema_current = True
            return True
        return False

    async def _retry_while_unavailable(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns, tried again for as long as the database hangs up.

        It may do so at any moment of the start, and a failover must not end the replicas that are just starting.
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
            claiming = Component.DISPATCH not in self.duties or (self.engine is not None and self.engine.claiming)
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
        folder = ReceiptApplier(pool, observer, busy=lambda: journal.busy)
        listener = Listener(
            journal,
            MobileTextAlerts.kind.webhooks,
            [secret.get_secret_value() for secret in self.settings.webhook_secret],
            observer,
            external_ids=external_ids,
            on_stored=folder.hint,
        )
        await stack.enter_async_context(background("folder", folder.run, self.component_failed))
        await stack.enter_async_context(background("journal", journal.run, self.component_failed))
        await _listen(stack, "webhook", listener.handle, self.settings.webhook_listen, "SMSGW_WEBHOOK_LISTEN")

    async def _provider(self, stack: AsyncExitStack, pool: Pool) -> MobileTextAlerts:
        if self.settings.mta_api_key is None:
            raise StartError("SMSGW_MTA_API_KEY: not set; set it, or try everything without a key by: smsgw up")
        provider = await self._retry_while_unavailable(
            lambda: rate_limited_client(self.settings, pool, connections=self.settings.concurrency)
        )
        stack.push_async_callback(provider.close)
        return provider

    async def _reconcile(self, stack: AsyncExitStack, pool: Pool, provider: Provider) -> None:
        poller = Poller(
            pool,
            provider,
            Leadership(self._direct_dsn(), RECONCILE),
            external_ids=ExternalIds(self.settings.external_id_prefix),
            interval=self.settings.reconcile_interval,
            until=self.settings.unconfirmed_after,
        )
        await stack.enter_async_context(background("poller", poller.run, self.component_failed))

    def _direct_dsn(self) -> str:
        """Return the way to Postgres that leads through no pooler, for sessions that hold a lock."""
        direct = self.settings.direct_url
        return _dsn(self.settings) if direct is None else direct.get_secret_value()

    async def _dispatch(
        self, pool: Pool, sending: Pool, metrics: Metrics, provider: MobileTextAlerts, worker: str
    ) -> None:
        await self._retry_while_unavailable(lambda: self._check_account(provider))

        async def resume() -> None:
            # The key was just accepted. What an earlier refusal paused may try again; if the cause is still there,
            # the first answer pauses it anew. A person's pause stays.
            async with pool.acquire() as connection:
                await pauses.resume(connection, Scope.ROUTE, provider.route, made_by="gateway")

        await self._retry_while_unavailable(resume)
        self.engine = build_engine(
            self.settings,
            sending,
            provider,
            DispatchMetrics(metrics),
            dsn=self._direct_dsn(),
            worker=worker,
        )
        if not self.stopping.is_set():
            await self.engine.run()

    async def _check_account(self, provider: Provider) -> None:
        """Check the key, and choose a sending number where the settings name none.

        The gateway starts even if the provider does not answer: messages can wait in a running gateway too.
        """
        try:
            await provider.verify()
            log.info("key_verified", route=provider.route)
            if self.settings.sender_id is not None:
                return
            sender = await provider.choose_default_sender()
        except KeyRefused as error:
            raise StartError(str(error)) from None
        except ProviderError as error:
            log.warning("provider_unavailable", status=error.status, sentence=str(error))
            return
        log.warning(
            "sender_chosen",
            sender_id=sender,
            advice="set SMSGW_SENDER_ID: the provider may change the account's first number",
        )


async def _listen(
    stack: AsyncExitStack, name: str, app: web.Application | Handler, address: tuple[str, int], setting: str
) -> None:
    try:
        await stack.enter_async_context(listening(name, app, address))
    except OSError as error:
        raise StartError(f"{setting}: cannot listen on {address[0]}:{address[1]}: {error.strerror}") from None


def _dsn(settings: Settings) -> str:
    if settings.database_url is None:
        raise StartError("SMSGW_DATABASE_URL: not set; set it, or try everything without a database by: smsgw up")
    return settings.database_url.get_secret_value()
