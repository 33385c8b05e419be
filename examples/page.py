"""A browser page, and the WebSocket server that it talks to, on one port.

    python examples/page.py [PORT]

Then open http://127.0.0.1:8765/ in a browser.
"""

import asyncio
import sys
from pathlib import Path

from wsfast import Request
from wsfast.aio import WebSocket, serve

PAGE = Path(__file__).with_name("browser.html").read_bytes()


def process_request(request: Request) -> tuple[int, dict[str, str], bytes] | None:
    if "Upgrade" in request.headers:
        return None  # go on with the opening handshake
    if request.path == "/":
        return 200, {"Content-Type": "text/html; charset=utf-8"}, PAGE
    return 404, {}, b"There is nothing here.\n"


async def handle(ws: WebSocket) -> None:
    async for message in ws:
        if message == "bye":
            await ws.close(1000, "as you wish")
        else:
            await ws.send(message)


async def main(port: int) -> None:
    # Any page in the world may open a WebSocket to here, but a browser tells which page it was.
    own = [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
    async with serve(
        handle,
        "127.0.0.1",
        port,
        process_request=process_request,
        origins=own,
        compression="deflate",
    ) as server:
        print(f"open http://127.0.0.1:{port}/", flush=True)
        await server.serve_forever()


try:
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8765))
except KeyboardInterrupt:  # all connections have been closed with 1001
    pass
