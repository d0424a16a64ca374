"""What certainly never left, and what may have arrived: proven against raw sockets."""

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import structlog

from gateway.clock import monotonic
from gateway.domain.outcome import Answer, Phase
from gateway.provider.errors import KeyRefused, ProviderUnreachable
from gateway.provider.mta.client import MobileTextAlerts

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

KEY = "k-very-secret"
ACCEPTED = b'{"message":"ok","data":{"messageId":"m-1","totalSent":1,"outboundIds":[1]}}'


def client(base: str, *, timeout: float = 2.0, connections: int = 4) -> MobileTextAlerts:
    return MobileTextAlerts(base, KEY, timeout=timeout, window=15.0, connections=connections)


@asynccontextmanager
async def server(behave: Behaviour) -> AsyncIterator[str]:
    async def tidy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        finally:
            writer.close()

    running = await asyncio.start_server(tidy, "127.0.0.1", 0)
    async with running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/v3"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


def response(status: str, body: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), len(body), extra, body)


async def send_to(behave: Behaviour, **settings: float) -> Answer:
    async with server(behave) as base:
        provider = client(base, timeout=settings.get("timeout", 2.0))
        try:
            return await provider.send("a" * 32, b'{"message":"private text"}')
        finally:
            await provider.close()


async def test_an_accepted_request_gives_its_ids() -> None:
    seen: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(response("200 OK", ACCEPTED))
        writer.close()

    answer = await send_to(behave)
    assert (answer.phase, answer.status, answer.readable, answer.total_sent) == (Phase.ANSWERED, 200, True, 1)
    assert (answer.provider_message_id, answer.outbound_ids) == ("m-1", (1,))
    head = seen[0].split(b"\r\n\r\n")[0].lower()
    assert b"x-request-id: " + b"a" * 32 in head
    assert b"authorization: bearer " + KEY.encode() in head
    assert b"content-type: application/json" in head


async def test_a_refused_connection_never_left() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    provider = client(f"http://127.0.0.1:{port}")
    answer = await provider.send("a" * 32, b"{}")
    await provider.close()
    assert (answer.phase, answer.error) == (Phase.NOT_SENT, "connect")


async def test_a_name_that_does_not_resolve_never_left() -> None:
    provider = client("http://no-such-host.invalid/v3", timeout=20.0)
    answer = await provider.send("a" * 32, b"{}")
    await provider.close()
    assert answer.phase is Phase.NOT_SENT


async def test_a_failed_tls_handshake_never_left() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"this is no TLS")
        writer.close()

    async with server(behave) as base:
        provider = client(base.replace("http://", "https://"))
        answer = await provider.send("a" * 32, b"{}")
        await provider.close()
    assert answer.phase is Phase.NOT_SENT


async def test_waiting_for_a_free_connection_never_left() -> None:
    async def behave(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(behave) as base:
        provider = client(base, timeout=1.0, connections=1)
        first, second = await asyncio.gather(provider.send("a" * 32, b"{}"), provider.send("b" * 32, b"{}"))
        await provider.close()
    assert {first.phase, second.phase} == {Phase.MAYBE_SENT, Phase.NOT_SENT}


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def test_a_reset_after_the_request_was_read_may_have_arrived() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        reset(writer)

    assert (await send_to(behave)).phase is Phase.MAYBE_SENT


async def test_a_reset_of_an_open_connection_may_have_arrived() -> None:
    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    assert (await send_to(behave)).phase is Phase.MAYBE_SENT


async def test_no_answer_in_time_may_have_arrived() -> None:
    async def behave(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    answer = await send_to(behave, timeout=0.3)
    assert (answer.phase, answer.error) == (Phase.MAYBE_SENT, "timeout_read")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", b"HTTP/1.1 200 OK\r\nConte", b"garbage\r\n\r\n"]
)
async def test_half_an_answer_may_have_arrived(answer: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        writer.close()

    assert (await send_to(behave)).phase is Phase.MAYBE_SENT


async def test_a_request_is_never_repeated_by_the_library() -> None:
    arrived = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        while True:
            try:
                await read_request(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            arrived += 1
            if arrived > 1:
                # The kept connection dies just as the second request is on it.
                reset(writer)
                return
            writer.write(response("200 OK", ACCEPTED))

    async with server(behave) as base:
        provider = client(base)
        await provider.send("a" * 32, b"{}")
        second = await provider.send("b" * 32, b"{}")
        await provider.close()
    assert (arrived, second.phase) == (2, Phase.MAYBE_SENT)


async def test_a_redirect_is_not_followed() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response("307 Temporary Redirect", b"", b"Location: /elsewhere\r\n"))
        writer.close()

    assert (await send_to(behave)).status == 307


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"data":', b"[]", b"null", b'{"data":{}}', b"\xff"])
async def test_a_yes_that_cannot_be_read_is_no_proof(body: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response("200 OK", body))
        writer.close()

    answer = await send_to(behave)
    assert (answer.status, answer.readable) == (200, False)


async def test_nothing_private_is_logged_or_shown() -> None:
    with structlog.testing.capture_logs() as lines:
        provider = client("http://127.0.0.1:1")
        answer = await provider.send("a" * 32, b"private text")
        shown = f"{provider!r} {answer!r} {lines!r}"
        await provider.close()
    assert KEY not in shown
    assert "private" not in shown


async def test_a_wrong_key_and_a_silent_provider_are_told_apart() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response("401 Unauthorized", b"{}"))
        writer.close()

    async with server(behave) as base:
        provider = client(base)
        with pytest.raises(KeyRefused, match="SMSGW_MTA_API_KEY"):
            await provider.verify()
        await provider.close()
    provider = client("http://127.0.0.1:1")
    with pytest.raises(ProviderUnreachable, match="did not answer"):
        await provider.verify()
    await provider.close()


async def test_a_connection_that_took_too_long_is_not_written_on_and_is_kept() -> None:
    connections = arrived = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, arrived
        connections += 1
        await read_request(reader)
        arrived += 1
        writer.write(response("200 OK", ACCEPTED))

    async with server(behave) as base:
        provider = client(base)
        late = await provider.send("a" * 32, b"{}", by=monotonic() - 0.001)
        assert (late.phase, late.error, arrived) == (Phase.HELD_BACK, "late", 0)
        again = await provider.send("a" * 32, b"{}", by=monotonic() + 60.0)
        await provider.close()
    assert (again.status, connections, arrived) == (200, 1, 1)


async def test_the_deadline_of_one_call_is_not_that_of_the_next() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response("200 OK", ACCEPTED))

    async with server(behave) as base:
        provider = client(base)
        await provider.send("a" * 32, b"{}", by=monotonic() - 1.0)
        assert (await provider.send("b" * 32, b"{}")).status == 200
        await provider.close()


async def test_a_reset_before_the_request_was_written_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side hangs up while the connection is being handed over."""
    came = asyncio.Event()

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)
        came.set()

    connect = aiohttp.TCPConnector.connect

    async def slowly(self: aiohttp.TCPConnector, *arguments: object) -> aiohttp.connector.Connection:
        connection = await connect(self, *arguments)  # type: ignore[arg-type]
        await came.wait()
        while connection.transport is not None and not connection.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", slowly)
    answer = await send_to(behave)
    assert (answer.phase, answer.error) == (Phase.NOT_SENT, "lost_beforehand")


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return the context of a server whose certificate nobody vouches for."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command + files, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_a_certificate_that_nobody_vouches_for_never_left(tmp_path: Path) -> None:
    """The handshake fails on our side: nothing of the request was written on that connection."""
    context = self_signed(tmp_path)
    received: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        received.append(await reader.read(100))

    running = await asyncio.start_server(behave, "127.0.0.1", 0, ssl=context)
    async with running:
        provider = client(f"https://127.0.0.1:{running.sockets[0].getsockname()[1]}")
        answer = await provider.send("a" * 32, b"private text")
        await provider.close()
    assert (answer.phase, answer.error) == (Phase.NOT_SENT, "tls")
    assert b"".join(received) == b""
