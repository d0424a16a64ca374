"""Failpoints on the wire: how many bytes of a request or an answer are out when the process dies."""

import os
from collections.abc import Callable
from typing import Any

WIRE = ("0 bytes", "1 byte", "headers", "half", "all but 1 byte", "all")
"""How much of an HTTP message is on the wire when the process dies."""

SENDS = tuple(f"wire: the call of a send, {moment}" for moment in WIRE)
ANSWERS = tuple(f"wire: the answer to a webhook, {moment}" for moment in WIRE)
READS = ("wire: the answer to a send, before", "wire: the answer to a send, after")
WIRE_STEPS = (*SENDS, *ANSWERS, *READS)


DIED = 86
"""Exit code of a process that died at its step."""


def install(step: Callable[[str], bool]) -> None:
    """Add failpoints to aiohttp: how much of a send, of its answer, or of the answer to a webhook is on the wire.

    `step` returns whether to die here. This patches private methods of aiohttp; no public hook sees single bytes.
    """
    from aiohttp import http_writer
    from aiohttp.client_proto import ResponseHandler

    wire = _Wire(step, ResponseHandler)
    writer = http_writer.StreamWriter
    one, many, received = writer._write, writer._writelines, ResponseHandler.data_received

    def write_one(self: Any, chunk: Any) -> None:
        wire.write(self._protocol, bytes(chunk))
        one(self, chunk)

    def write_many(self: Any, chunks: Any) -> None:
        chunks = tuple(chunks)
        wire.write(self._protocol, b"".join(bytes(chunk) for chunk in chunks))
        many(self, chunks)

    def read(self: Any, data: bytes) -> None:
        wire.read(self, 0)
        received(self, data)
        wire.read(self, 1)

    writer._write, writer._writelines = write_one, write_many  # type: ignore[method-assign]
    ResponseHandler.data_received = read  # type: ignore[method-assign]


class _Wire:
    """Tracks which connections carry a send: the same connection may carry another call later."""

    def __init__(self, step: Callable[[str], bool], client: type) -> None:
        self._step = step
        self._client = client
        self._sending: set[Any] = set()

    def write(self, protocol: Any, data: bytes) -> None:
        """Die with a part of these bytes on the wire, if this failpoint is the chosen one."""
        for name, end in zip(self._steps(protocol, data), _ends(data), strict=False):
            if self._step(name):
                # uvloop would buffer them until the end of its iteration, so they go to the kernel directly.
                os.write(protocol.transport.get_extra_info("socket").fileno(), data[:end])
                os._exit(DIED)

    def read(self, protocol: Any, moment: int) -> None:
        """Die before or after the client receives bytes of an answer."""
        if protocol in self._sending and self._step(READS[moment]):
            os._exit(DIED)

    def _steps(self, protocol: Any, data: bytes) -> tuple[str, ...]:
        if not isinstance(protocol, self._client):
            return ANSWERS
        sends = data.startswith(b"POST /v3/send ")
        if data.startswith((b"POST ", b"GET ", b"DELETE ")):
            (self._sending.add if sends else self._sending.discard)(protocol)
        return SENDS if sends else ()


def _ends(data: bytes) -> tuple[int, ...]:
    """Return the number of bytes for each moment of `WIRE`."""
    head = data.find(b"\r\n\r\n") + 4
    return 0, 1, head, (head + len(data)) // 2, len(data) - 1, len(data)
