"""A client with the events open, message, error and close, like the WebSocket of a browser.

    python examples/client.py [URI]

Start examples/server.py before.
"""

import asyncio
import sys

from wsfast.aio import WebSocket, connect


def on_open(ws: WebSocket) -> None:
    print("open", ws.request.target)
    ws.write("Grüße")
    ws.write(b"\x00\x01\x02")


def on_message(ws: WebSocket, message: str | bytes) -> None:
    print("message", repr(message))
    if isinstance(message, bytes):
        ws.close(1000, "that's all")


def on_error(ws: WebSocket, error: Exception) -> None:
    print("error", error)


def on_close(ws: WebSocket, code: int, reason: str) -> None:
    print("close", code, reason)


async def main(uri: str) -> None:
    ws = await connect(
        uri, on_open=on_open, on_message=on_message, on_error=on_error, on_close=on_close
    )
    await ws.wait_closed()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765/"))
