"""A server: it gets each connection, and the messages of each, and sends every message back.

    python examples/server.py [PORT]

Talk to it by examples/client.py, or by `python -m wsfast echo --connect ws://127.0.0.1:8765/`.
"""

import asyncio
import sys

from wsfast.aio import ConnectionClosed, WebSocket, serve


async def handle(ws: WebSocket) -> None:
    print("open", ws.remote_address, ws.request.target)
    try:
        async for message in ws:  # a str is a text message, bytes are a binary one
            print("message", repr(message)[:60])
            await ws.send(message)
    except ConnectionClosed as error:  # lost, or closed by an error: 1006, 1002, …
        print("error", error)
    print("close", ws.close_code, ws.close_reason)
    # When the handler ends, the connection is closed, with 1000 if it isn't yet.


async def main(port: int) -> None:
    async with serve(handle, "127.0.0.1", port) as server:
        print(f"listening on ws://127.0.0.1:{server.port}/", flush=True)
        await server.serve_forever()


try:
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8765))
except KeyboardInterrupt:  # all connections have been closed with 1001
    pass
