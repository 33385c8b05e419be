"""A chat: every path is a room, and what one says there, all in the room get.

    python examples/chat.py [PORT]

Then open http://127.0.0.1:8765/tea?Ada in some browsers, or join from a terminal:

    python -m wsfast echo --connect ws://127.0.0.1:8765/tea?Bob
"""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote_plus

from wsfast import Request
from wsfast.aio import WebSocket, broadcast, serve

PAGE = Path(__file__).with_name("browser.html").read_bytes()

rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def handle(ws: WebSocket) -> None:
    path, name = ws.request.path, unquote_plus(ws.request.query)[:30] or "somebody"
    room = rooms[path]
    room.add(ws)
    broadcast(room, f"{name} is here: {len(room)} in the room")
    try:
        async for message in ws:
            if isinstance(message, str):
                # It waits for nobody: who leaves 1 MiB of it unread is sent away, with 1013.
                broadcast(room, f"{name}: {message}")
    finally:
        room.remove(ws)
        broadcast(room, f"{name} has left")
        if not room:
            del rooms[path]


def process_request(request: Request) -> tuple[int, dict[str, str], bytes] | None:
    if "Upgrade" in request.headers:
        return None
    return 200, {"Content-Type": "text/html; charset=utf-8"}, PAGE


async def main(port: int) -> None:
    async with serve(
        handle,
        "127.0.0.1",
        port,
        process_request=process_request,
        compression="deflate",  # each message is compressed once, for all
        max_message_length=4096,
    ) as server:
        print(f"open http://127.0.0.1:{server.port}/tea?Ada", flush=True)
        await server.serve_forever()


try:
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8765))
except KeyboardInterrupt:
    pass
