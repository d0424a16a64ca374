"""A provider that is never the bottleneck: a raw protocol, one process, no framework.

It counts arrivals by recipient, so a message that is lost or sent twice shows in every benchmark. It is not the
simulator: it keeps no rules, refuses nothing, and its answers are the same but for the number of ids.

    python -m gateway.bench.server --delay 0.01

`GET /stats?skip=0.1` tells what came, `GET /arrivals` when each recipient came, `POST /reset` forgets everything.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_RATE = b"X-RateLimit-Limit: 1000000\r\nX-RateLimit-Remaining: 999999\r\nX-RateLimit-Reset: 1000\r\n"
_MESSAGE_ID = "2f0c7b5e-8d7f-4c57-9c66-3c1a0f3f2a10"


@dataclass(slots=True)
class Counts:
    """The requests so far. Times are of the system's monotonic clock, which all processes of a machine share."""

    first: dict[bytes, float] = field(default_factory=dict)
    """When each recipient came first."""
    messages: int = 0
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    """Each request: when, and how many messages it brought."""

    def add(self, recipients: list[bytes]) -> None:
        """Count one request."""
        now = time.monotonic()
        for one in recipients:
            self.first.setdefault(one, now)
        self.messages += len(recipients)
        self.arrivals.append((now, len(recipients)))

    def summary(self, skip: float) -> dict[str, Any]:
        """Return the totals, and the rate without the first `skip` of the messages, which are the warm-up."""
        found: dict[str, Any] = {
            "requests": len(self.arrivals),
            "messages": self.messages,
            "distinct": len(self.first),
            "doubled": self.messages - len(self.first),
        }
        if self.arrivals:
            begun, ended = self.arrivals[0][0], self.arrivals[-1][0]
            found |= {"first": begun, "last": ended, "rate": self._rate(skip)}
        return found

    def _rate(self, skip: float) -> float | None:
        seen = 0
        for when, count in self.arrivals:
            seen += count
            if seen >= skip * self.messages:
                rest, seconds = self.messages - seen, self.arrivals[-1][0] - when
                return rest / seconds if seconds > 0 else None
        return None


def recipients(body: bytes) -> list[bytes]:
    """Return the recipients of a send, which are first in our bodies, without reading the rest."""
    start = body.find(b'"subscribers":[')
    if start < 0:
        return []
    end = body.find(b"]", start)
    return [one.strip(b'" ') for one in body[start + 15 : end].split(b",")]


class Provider(asyncio.Protocol):
    """One connection; requests on it are answered in their order."""

    def __init__(self, counts: Counts, delay: float) -> None:
        self._counts = counts
        self._delay = delay
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Handle every complete request in the buffer."""
        buffer = self._buffer + data if self._buffer else data
        while (head_end := buffer.find(_HEAD_END)) >= 0:
            head = buffer[:head_end]
            end = head_end + 4 + _length(head)
            if len(buffer) < end:
                break
            self._serve(head, buffer[head_end + 4 : end])
            buffer = buffer[end:]
        self._buffer = buffer

    def _serve(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST") and b"/reset" not in head[:64]:
            to = recipients(body)
            self._counts.add(to)
            self._answer(_accepted(len(to)), self._delay)
            return
        target = urlsplit(head.split(b" ", 2)[1].decode())
        self._answer(json.dumps(self._tell(target.path, parse_qs(target.query))).encode(), 0.0)

    def _tell(self, path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if path == "/stats":
            return self._counts.summary(float(query.get("skip", ["0"])[0]))
        if path == "/arrivals":
            return {key.decode(): when for key, when in self._counts.first.items()}
        if path == "/requests":
            return {"requests": self._counts.arrivals}
        if path == "/reset":
            self._counts.first.clear()
            self._counts.arrivals.clear()
            self._counts.messages = 0
        return {"message": "OK", "data": {"name": "bench"}}

    def _answer(self, body: bytes, delay: float) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
            _RATE,
            len(body),
            body,
        )
        if delay:
            asyncio.get_running_loop().call_later(delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(_LENGTH)
    if start < 0:
        return 0
    end = lower.find(b"\r\n", start)
    return int(lower[start + len(_LENGTH) : end if end >= 0 else None])


_ANSWERS: dict[int, bytes] = {}


def _accepted(count: int) -> bytes:
    """Return the body of an accepted send, with an id for each recipient."""
    if count not in _ANSWERS:
        data = {
            "messageId": _MESSAGE_ID,
            "outboundIds": list(range(7_000_000_000, 7_000_000_000 + count)),
            "totalSent": count,
            "totalFailedInternationalRecipients": 0,
        }
        _ANSWERS[count] = json.dumps({"message": "Message sent", "data": data}).encode()
    return _ANSWERS[count]


async def serve(port: int, delay: float) -> None:
    """Serve until cancelled; prints the address first."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(counts, delay), "127.0.0.1", port, backlog=1024)
    print(f"ready at http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run the server."""
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="Seconds before each answer.")
    given = parser.parse_args()
    uvloop.run(serve(given.port, given.delay))


if __name__ == "__main__":
    main()
