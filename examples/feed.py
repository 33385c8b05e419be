"""A feed of prices: what has changed goes to all subscribers, ten times a second.

    python examples/feed.py [PORT]
    python -m wsfast echo --connect ws://127.0.0.1:8765/ --wait inf </dev/null

A subscriber gets all prices first, and then changes. One that reads too slowly must not hold up the
others, nor fill our memory: it misses changes until it has read what was sent, and then gets all
prices again. One that hasn't done so within PATIENCE seconds is sent away.

What "slow" means here: LIMIT octets that the kernel didn't take. The kernel takes some 100 KiB to
some MiB on each side before that, and nobody can call them back: a slow subscriber reads prices
that are that old, and a little slowness isn't seen at all. Where that is too much, make SO_SNDBUF
smaller, or let subscribers confirm what they have read.
"""

import asyncio
import json
import sys
from random import gauss, sample

from wsfast.aio import ConnectionClosed, WebSocket, broadcast, serve

INTERVAL, PATIENCE, LIMIT = 0.1, 10.0, 64 * 1024

prices = {f"S{number:03}": 100.0 for number in range(500)}
subscribers: set[WebSocket] = set()
late: set[WebSocket] = set()  # those of them that miss changes
tasks: set[asyncio.Task[None]] = set()


async def handle(ws: WebSocket) -> None:
    ws.write(json.dumps(prices))
    subscribers.add(ws)
    try:
        async for _ in ws:
            await ws.close(1003, "this feed doesn't listen")
    finally:
        subscribers.remove(ws)


async def publish() -> None:
    names = list(prices)
    while True:
        await asyncio.sleep(INTERVAL)
        changes = {name: round(prices[name] * gauss(1, 0.001), 4) for name in sample(names, 100)}
        prices.update(changes)
        for ws in subscribers - late:
            if ws.transport.get_write_buffer_size() > LIMIT:
                late.add(ws)
                task = asyncio.create_task(catch_up(ws))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        broadcast(subscribers - late, json.dumps(changes))


async def catch_up(ws: WebSocket) -> None:
    try:
        await asyncio.wait_for(ws.drain(), PATIENCE)
        ws.write(json.dumps(prices))
    except asyncio.TimeoutError:
        await ws.close(1013, "too slow")
    except ConnectionClosed:
        pass
    finally:
        late.remove(ws)


async def main(port: int) -> None:
    async with serve(handle, "127.0.0.1", port) as server:
        print(f"listening on ws://127.0.0.1:{server.port}/", flush=True)
        await asyncio.gather(server.serve_forever(), publish())


try:
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8765))
except KeyboardInterrupt:
    pass
