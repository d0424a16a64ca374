"""A bare aiohttp client: posts the bytes of a send, reads the answer, and does nothing else.

python -m gateway.bench.rawclient http://127.0.0.1:8025 10000 64
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from uuid import uuid4

import aiohttp


def body(number: int) -> bytes:
    """Return the bytes that the gateway would send for message `number` of a benchmark."""
    text = f"Your order {number} is on its way and will be with you tomorrow between 9 and 12. Thank you!"
    content = {"subscribers": [f"+999{number:011}"], "message": text, "longcodeId": 1, "externalId": uuid4().hex}
    return json.dumps(content, separators=(",", ":")).encode()


async def post_all(base: str, requests: int, concurrency: int) -> None:
    """Post a number of messages at a given concurrency."""
    numbers: Iterator[int] = iter(range(1, requests + 1))
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def worker() -> None:
            for number in numbers:
                headers = {
                    "Authorization": "Bearer bench-key",
                    "Content-Type": "application/json",
                    "X-Request-Id": uuid4().hex,
                }
                async with session.post(f"{base}/v3/send", data=body(number), headers=headers) as response:
                    await response.read()

        await asyncio.gather(*(worker() for _ in range(concurrency)))


def main() -> None:
    """Run it, and print its processor time."""
    import uvloop

    uvloop.run(post_all(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    print(json.dumps({"cpu": time.process_time()}))


if __name__ == "__main__":
    main()
