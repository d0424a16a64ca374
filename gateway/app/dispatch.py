"""Builds the engine from the settings."""

from collections.abc import Sequence

from gateway.app.limits import sending_limits
from gateway.dispatch.attempt import Attempt
from gateway.dispatch.budget import ClaimSettings
from gateway.dispatch.circuit_breaker import RouteBreaker
from gateway.dispatch.claimer import Claimer
from gateway.dispatch.completer import Completer
from gateway.dispatch.encoder import RequestEncoder
from gateway.dispatch.engine import Engine
from gateway.dispatch.leases import Leases
from gateway.dispatch.sender import Sender
from gateway.dispatch.splitter import Splitter
from gateway.dispatch.suppression_recheck import SuppressionRecheck
from gateway.dispatch.waker import Waker
from gateway.domain.ids import ExternalIds
from gateway.domain.observers import DispatchObserver
from gateway.provider.protocol import TRANSIT_SECONDS, Provider
from gateway.settings import Settings
from gateway.store.doorbell import Doorbell
from gateway.store.pool import Pool, lazy_pool

MAX_CONNECTIONS = 6
"""Sessions of the engine: one claims, one writes results, one renews leases, and the rest check suppressions."""


async def sending_pool(dsn: str, *, pooler: bool) -> Pool:
    """Return the sessions of the engine; `pooler` as in `gateway.store.pool.open_pool`.

    They are separate from those of receipts and the console, so that neither makes a message wait for a session. There
    are few statements, and each has one good plan (tests/store/test_claim_plan.py). So each is planned once in a
    session: planning took longer than running, 2 ms of the 5 between the commit of a single message and its first byte.
    Behind a pooler no statement stays prepared, and each is planned every time.

    On a fresh or just vacuumed database the statistics say that the tables are empty. Such a plan would read growing
    tables from start to end until the first autoanalyze, so the sessions read by index from the start. The estimated
    cost of what must be read from start to end is then so high that Postgres would compile each statement first, which
    takes seconds. So that is off too.
    """
    plans = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}
    return await lazy_pool(dsn, purpose="send", max_size=MAX_CONNECTIONS, pooler=pooler, settings=plans)


def build_engine(
    settings: Settings,
    pool: Pool,
    provider: Provider,
    observer: DispatchObserver,
    *,
    dsn: str,
    worker: str,
) -> Engine:
    """Return an engine that is ready to run. `dsn` leads to Postgres without a pooler, for the doorbell's session."""
    claim_settings = ClaimSettings(
        worker=worker,
        max_recipients=settings.max_recipients,
        lease=settings.lease,
        horizon=settings.idempotency_horizon,
        send_within=settings.send_within,
        transit=TRANSIT_SECONDS,
    )
    breaker = RouteBreaker(pool, provider.route)
    leases = Leases(pool, seconds=settings.lease)
    encoder = RequestEncoder(provider, ExternalIds(settings.external_id_prefix))
    claimer = Claimer(
        pool, provider, encoder, claim_settings, sending_limits(settings, provider.route), breaker, observer
    )
    waker = Waker(Doorbell(dsn), poll_interval=settings.poll_interval)

    def written(attempts: Sequence[Attempt]) -> None:
        leases.drop(attempts)
        if claimer.some_parked_by_order:
            # A message that was parked behind one of these may be sent now. Nothing else would wake the engine for it.
            waker.wake()

    return Engine(
        claimer=claimer,
        sender=Sender(provider, observer, call_limit=settings.request_timeout),
        completer=Completer(
            pool,
            provider,
            Splitter(encoder),
            breaker,
            observer,
            worker=worker,
            window=settings.request_window,
            request_limit=settings.request_limit,
            lease_until=leases.until,
            on_written=written,
            on_work_available=waker.wake,
        ),
        leases=leases,
        waker=waker,
        recheck=SuppressionRecheck(pool),
        observer=observer,
        concurrency=settings.concurrency,
        drain_timeout=settings.drain_timeout,
    )
