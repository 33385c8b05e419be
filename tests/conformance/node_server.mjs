// Node's ws as server: `node node_server.mjs DEFLATE`, where DEFLATE is the option perMessageDeflate as
// JSON. Prints its port; serves until its input ends. What a connection is for stands in its path.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(import.meta.url)("ws");
const MIB = 1024 * 1024;
const ends = []; // of connections, [code, reason], in the order in which they ended

const PATHS = {
  "/echo"(ws) {
    ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
  },

  "/fragments"(ws) {
    ws.send("one, ", { fin: false });
    ws.send("", { fin: false });
    ws.ping("between");
    ws.send("2".repeat(70000), { fin: true });
    for (let i = 0; i < 256; i++) ws.send(Buffer.alloc(65536, i), { fin: i === 255 });
    PATHS["/echo"](ws);
  },

  "/ping"(ws) {
    ws.on("pong", (data) => ws.send(`pong ${data}`));
    ws.ping("well?");
  },

  "/close"(ws, { code, reason }) {
    if (code) ws.close(Number(code), reason);
    else ws.close();
  },

  "/last-words"(ws) {
    ws.send(Buffer.alloc(4 * MIB));
    ws.close(1000);
  },

  "/vanish"(ws) {
    ws.terminate();
  },

  "/masked"(ws) {
    ws._socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]));
  },
};

function verifyClient({ req }, decide) {
  if (req.url === "/forbidden") decide(false, 403, "not for you");
  else if (req.url === "/moved") decide(false, 302, "", { Location: "/echo" });
  else decide(true);
}

const http = createServer((request, response) => response.end(JSON.stringify(ends)));
const server = new WebSocketServer({
  server: http,
  perMessageDeflate: JSON.parse(process.argv[2]),
  maxPayload: 16 * MIB,
  handleProtocols: (offered) => (offered.has("chat.v2") ? "chat.v2" : false),
  verifyClient,
});

server.on("connection", (ws, request) => {
  const { pathname, searchParams } = new URL(request.url, "ws://localhost");
  ws.on("error", () => {}); // "close" tells the code
  ws.on("close", (code, reason) => ends.push([pathname, code, String(reason)]));
  PATHS[pathname](ws, Object.fromEntries(searchParams));
});

process.stdin.on("end", () => process.exit(0)).resume();
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
