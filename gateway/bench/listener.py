"""A bare listener in its own process: records when each notification came.

    python -m gateway.bench.listener DSN

Says `listening`, then, on a notification with the payload `end`, a JSON list of times of the monotonic clock.
"""

import asyncio
import json
import sys
import time

from gateway.store.pool import connect

CHANNEL = "bench"


async def listen(dsn: str) -> list[float]:
    """Return when each notification came, until the last."""
    connection = await connect(dsn, purpose="bench listener")
    heard: list[float] = []
    ended = asyncio.Event()

    def ring(*words: object) -> None:
        if words[-1] == "end":
            ended.set()
        else:
            heard.append(time.monotonic())

    await connection.add_listener(CHANNEL, ring)
    print("listening", flush=True)
    await ended.wait()
    await connection.close()
    return heard


def main() -> None:
    """Run it."""
    import uvloop

    print(json.dumps({"heard": uvloop.run(listen(sys.argv[1]))}))


if __name__ == "__main__":
    main()
