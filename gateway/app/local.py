"""`smsgw up`: an embedded Postgres, the simulator and the daemon as children, and samples to look at."""

import asyncio
import os
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from gateway.app.client import has_key
from gateway.embedded import EmbeddedError, EmbeddedPostgres, dated_names, default_state, set_aside
from gateway.embedded.account import child_options
from gateway.provider.registry import DEFAULT
from gateway.settings import Settings
from gateway.store import messages
from gateway.store.migrate import DevelopmentSchemaError, MigrationError, migrate
from gateway.store.pool import UNAVAILABLE, connect

START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0
SAMPLES_TIMEOUT = 30.0
SAMPLES = (
    ("otp", "+12025550101", "Your code is 493012."),
    ("default", "+12025550102", "Order 1042 has shipped."),
    ("bulk", "+12025550103", "This week: everything at half price."),
)
"""Numbers of the range that is reserved for fiction."""


class LocalError(Exception):
    """It cannot start; the message names the cause and the remedy."""


class OldDatabaseError(LocalError):
    """An older development version made the database in our own folder. `question` offers to start afresh."""

    def __init__(self) -> None:
        state = default_state(Path.cwd())
        made = f"the database in {_shown(state)} was made by an older development version"
        super().__init__(f"{made}; to start afresh and keep the old folder: {_command()} up --fresh")
        kept = _shown(dated_names(state)[state])
        self.question = f"{made[:1].upper()}{made[1:]}. Start afresh? The old folder is kept as {kept}."


async def run_locally(settings: Settings, *, fresh: bool = False) -> None:
    """Start everything, print what a newcomer needs, and stay until Ctrl-C or SIGTERM.

    `fresh` renames the folder of an earlier start first. Raises `LocalError`.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await _refuse_taken(*settings.ops_listen)
    folder = Path.cwd() / ".smsgw"
    if fresh:
        _start_afresh(settings, folder)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)  # the ledger and the address of the database are in it
    async with AsyncExitStack() as stack:
        dsn = await _database(stack, settings)
        _remember(folder, dsn)
        try:
            await migrate(dsn)
        except (MigrationError, *UNAVAILABLE) as error:
            if isinstance(error, DevelopmentSchemaError) and settings.database_url is None:
                raise OldDatabaseError from None
            raise LocalError(f"the schema could not be brought up to date: {error}") from None
        environment = dict(os.environ) | {"SMSGW_DATABASE_URL": dsn, "SMSGW_LOG_FORMAT": "json"}
        simulated = not has_key(settings)
        if simulated:
            environment |= await _simulator(stack, settings, folder)
        died = await _gateway(stack, settings, environment, folder)
        _introduce(settings, dsn, folder, provider=environment["SMSGW_MTA_BASE_URL"] if simulated else None)
        if simulated:
            await _samples(dsn, stop)
        print("\nCtrl-C stops everything.", flush=True)
        waiting = {asyncio.create_task(stop.wait()), died}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            raise LocalError(f"the gateway stopped; the reason is in {folder / 'gateway.log'}")
        print("\nstopping", flush=True)


def _start_afresh(settings: Settings, folder: Path) -> None:
    """Set the folders of an earlier start aside. Those of root are two: the server's own user cannot enter ours."""
    if settings.database_url is not None:
        raise LocalError(
            "--fresh changes nothing, because SMSGW_DATABASE_URL names a database of your own. To delete the schema "
            "with all its messages yourself: DROP SCHEMA smsgw CASCADE;"
        )
    try:
        for kept in set_aside(default_state(Path.cwd()), folder):
            print(f"kept          the old folder, as {_shown(kept)}", flush=True)
    except EmbeddedError as error:
        raise LocalError(str(error)) from None


async def _database(stack: AsyncExitStack, settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    try:
        state = default_state(Path.cwd())
        postgres = EmbeddedPostgres(state)
        cluster = postgres.start()
    except EmbeddedError as error:
        raise LocalError(str(error)) from None
    stack.callback(postgres.stop)
    print(f"Postgres {cluster.version} ({cluster.provider}), its state in {state}", flush=True)
    return cluster.dsn


def _remember(folder: Path, dsn: str) -> None:
    """Leave the database's address for commands in other terminals; it holds a password."""
    path = folder / "dsn"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(dsn)


async def _simulator(stack: AsyncExitStack, settings: Settings, folder: Path) -> dict[str, str]:
    host, port = settings.webhook_listen
    secret = secrets.token_hex(32)
    arguments = [
        "-m", "gateway.cli", "simulate", "--port", "0", "--ledger-file", str(folder / "ledger.jsonl"),
        "--webhook-url", f"http://{_connectable(host)}:{port}{DEFAULT.webhooks.path}",
    ]  # fmt: skip
    # In the environment and not on the command line, which every user of the machine may read.
    environment = dict(os.environ) | {"SMSGW_WEBHOOK_SECRET": secret}
    process = await stack.enter_async_context(_child(arguments, environment, folder / "simulator.log", pipe=True))
    assert process.stdout is not None  # noqa: S101  piped just above
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT)).decode()
    except TimeoutError:
        line = ""
    if "ready at" not in line:
        raise LocalError(f"the simulator did not start; the reason is in {folder / 'simulator.log'}")
    base = line.split()[-1]
    print(f"provider      simulated, at {base} (set SMSGW_MTA_API_KEY for the real one)", flush=True)
    return {"SMSGW_MTA_BASE_URL": base, "SMSGW_MTA_API_KEY": "simulator-key", "SMSGW_WEBHOOK_SECRET": secret}


async def _gateway(
    stack: AsyncExitStack, settings: Settings, environment: dict[str, str], folder: Path
) -> "asyncio.Task[int]":
    host, port = settings.ops_listen
    process = await stack.enter_async_context(_child(["-m", "gateway.cli", "run"], environment, folder / "gateway.log"))
    died = asyncio.create_task(process.wait())
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT
    while not await _answers(_connectable(host), port):
        if died.done() or asyncio.get_running_loop().time() > deadline:
            last = (folder / "gateway.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise LocalError(f"the gateway did not start: {''.join(last)}")
        await asyncio.sleep(0.05)
    return died


async def _refuse_taken(host: str, port: int) -> None:
    """Raise `LocalError` where something listens: its answers would be taken for those of our gateway."""
    try:
        _, writer = await asyncio.open_connection(_connectable(host), port)
    except OSError:
        return
    writer.close()
    raise LocalError(f"{host}:{port} is in use, perhaps by another smsgw up; stop it, or set SMSGW_OPS_LISTEN")


async def _answers(host: str, port: int) -> bool:
    """Whether the gateway reports that it is ready, asked as a load balancer asks."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return b" 200 " in await asyncio.wait_for(reader.readline(), 2.0)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


def _introduce(settings: Settings, dsn: str, folder: Path, *, provider: str | None) -> None:
    host, port = settings.ops_listen
    print(f"console       http://{_connectable(host)}:{port}/")
    print(f"DSN           {dsn}")
    print(f"logs          {folder / 'gateway.log'}")
    if provider is not None:
        print(f"ledger        what left: {_command()} simulate --ledger --url {provider.removesuffix('/v3')}")
    print("\nSend one, from any language, in your own transaction:\n")
    print(
        "  INSERT INTO smsgw.outbox (to_number, body) VALUES ('+12025550123', 'Hello from my transaction');\n",
        flush=True,
    )


async def _samples(dsn: str, stop: asyncio.Event) -> None:
    """Put samples in and show how they go from ready to delivered."""
    connection = await connect(dsn, purpose="samples")
    try:
        ids = [
            await messages.enqueue(connection, to_number=number, body=body, lane=lane, reference="sample")
            for lane, number, body in SAMPLES
        ]
        seen: dict[int, str] = {}
        deadline = asyncio.get_running_loop().time() + SAMPLES_TIMEOUT
        while not stop.is_set() and asyncio.get_running_loop().time() < deadline:
            for message_id in ids:
                message = await messages.one_message(connection, message_id)
                state = str(message["state"]) if message is not None else "gone"
                if seen.get(message_id) != state:
                    seen[message_id] = state
                    print(f"  message {message_id:<6} {state}", flush=True)
            if set(seen.values()) == {"delivered"}:
                print(f"\nThe story of one: {_command()} messages show {ids[0]}", flush=True)
                return
            await asyncio.sleep(0.02)
    finally:
        await connection.close()


@asynccontextmanager
async def _child(
    arguments: list[str], environment: dict[str, str], log: Path, *, pipe: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python child that ends with this process, however that ends; its output goes to a log."""
    with log.open("w", encoding="utf-8") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if pipe else file,
            stderr=file,
            start_new_session=True,
            **child_options(None),
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
            except TimeoutError:
                process.kill()
                await process.wait()


def _command() -> str:
    """Return how this was called, for commands that a newcomer copies: the folder may not be on the path."""
    called = Path(sys.argv[0])
    return sys.argv[0] if called.name == "smsgw" and shutil.which("smsgw") != str(called) else "smsgw"


def _shown(path: Path) -> str:
    """Return a path as people write it: relative if it is in the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _connectable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  compared, not bound
