// Node's ws as client of wsfast.aio's servers: `node node_client.mjs ORIGIN DEFLATE`, where DEFLATE is
// the option perMessageDeflate as JSON. Writes results to standard output, a JSON object a line.

import { createRequire } from "node:module";
import { connect, equal, equalBytes, bytes, runAll, seen, text, unique } from "./checks.mjs";

// Found by NODE_PATH, which `import` takes no heed of.
const { WebSocket } = createRequire(import.meta.url)("ws");
const [, , origin, option] = process.argv;
const perMessageDeflate = JSON.parse(option);

globalThis.WebSocket = class extends WebSocket {
  constructor(uri, protocols) {
    super(uri, protocols, { perMessageDeflate, rejectUnauthorized: false });
  }
};

function once(socket, name) {
  return new Promise((resolve) => socket.once(name, (...values) => resolve(values)));
}

// What the interface of browsers has no words for.
const MORE = {
  async "70,000 octets"(base) {
    const peer = await connect(base + "/echo");
    peer.socket.send(text(70000, "Ω"));
    equal((await peer.next()) === text(70000, "Ω"), true, "text");
    peer.socket.send(bytes(70000));
    equalBytes(await peer.next(), bytes(70000));
    await peer.close();
  },

  async "fragmented by the client"(base) {
    const peer = await connect(base + "/echo");
    const parts = ["", "one, ", text(70000, "two, "), "", "three"];
    parts.forEach((part, i) => peer.socket.send(part, { fin: i === parts.length - 1 }));
    equal((await peer.next()) === parts.join(""), true, "text");
    const octets = bytes(200000);
    for (const [from, to] of [[0, 0], [0, 1], [1, 70000], [70000, 200000], [200000, 200000]]) {
      peer.socket.send(octets.subarray(from, to), { fin: from === 200000 });
    }
    equalBytes(await peer.next(), octets);
    await peer.close();
  },

  async "Pings, alone and between fragments"(base) {
    const peer = await connect(base + "/echo");
    for (const payload of ["", "ping", "x".repeat(125)]) {
      const pong = once(peer.socket, "pong");
      peer.socket.ping(payload);
      equal(String((await pong)[0]), payload, "Pong");
    }
    const pong = once(peer.socket, "pong");
    peer.socket.send("be", { fin: false });
    peer.socket.ping("between");
    equal(String((await pong)[0]), "between", "Pong");
    peer.socket.send("hind", { fin: true });
    equal(await peer.next(), "behind", "text");
    await peer.close();
  },

  async "compressed or not, message by message"(base) {
    const peer = await connect(base + "/echo");
    for (const compress of [true, false, false, true]) {
      peer.socket.send(text(5000, "again and "), { compress });
      equal((await peer.next()) === text(5000, "again and "), true, "text");
    }
    await peer.close();
  },

  async "the client vanishes"(base) {
    const path = unique("echo");
    const peer = await connect(base + path);
    peer.socket.terminate();
    equal((await seen(path)).code, 1006, "the server's close code");
  },

  async "the client breaks the protocol"(base) {
    const path = unique("echo");
    const peer = await connect(base + path);
    peer.socket._socket.write(Buffer.from([0x81, 0x03, 0x61, 0x62, 0x63])); // not masked
    equal((await peer.closed).code, 1002, "close code");
    equal((await seen(path)).code, 1006, "the server's close code");
  },
};

await runAll(origin, (result) => console.log(JSON.stringify(result)), {
  more: MORE,
  wanted: (name) => name !== "compressed" || perMessageDeflate !== false,
});
process.exit(0);
