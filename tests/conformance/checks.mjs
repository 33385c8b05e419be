// What has to hold between wsfast.aio's servers (servers.py) and a client that has the WebSocket
// interface of browsers: a browser itself, or Node's ws. A check is given a server's base URI, and
// throws where something is not as it has to be.

const MIB = 1024 * 1024;
const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, MIB, 16 * MIB];
const DEADLINE = 60000; // milliseconds, of one check

let origin = ""; // of the server that tells what it has seen

// A WebSocket whose events are kept, in order.
export class Peer {
  constructor(uri, protocols = []) {
    this.events = [];
    this.messages = [];
    this.waiting = [];
    this.socket = new WebSocket(uri, protocols);
    this.socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = () => { this.events.push("open"); resolve(); };
      this.socket.onerror = () => { this.events.push("error"); reject(new Error("no connection")); };
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.socket.onclose = (event) => {
        this.events.push("close");
        this.waiting.splice(0).forEach(([, reject]) => reject(new Error(`closed: ${event.code}`)));
        resolve(event);
      };
    });
    this.socket.onmessage = (event) => {
      this.events.push("message");
      if (this.waiting.length) this.waiting.shift()[0](event.data);
      else this.messages.push(event.data);
    };
  }

  next() {
    if (this.messages.length) return Promise.resolve(this.messages.shift());
    if (this.socket.readyState === WebSocket.CLOSED) return Promise.reject(new Error("closed"));
    return new Promise((resolve, reject) => this.waiting.push([resolve, reject]));
  }

  async close() {
    this.socket.close(1000);
    equal((await this.closed).code, 1000, "close code");
  }
}

export async function connect(uri, protocols) {
  const peer = new Peer(uri, protocols);
  await peer.opened;
  return peer;
}

export function equal(seen, wanted, what) {
  if (seen !== wanted) throw new Error(`${what}: ${show(seen)}, expected ${show(wanted)}`);
}

function show(value) {
  const text = String(value);
  return text.length > 80 ? `${text.slice(0, 60)}… (${text.length})` : JSON.stringify(value);
}

// A text that has this many octets as UTF-8, mostly of `unit`.
export function text(octets, unit) {
  const length = new TextEncoder().encode(unit).length;
  return unit.repeat(Math.floor(octets / length)) + "x".repeat(octets % length);
}

// Half of it compresses well, half not at all.
export function bytes(octets) {
  const made = new Uint8Array(octets);
  for (let i = 0; i < octets; i++) made[i] = i & 512 ? i : Math.imul(i, 2654435761) >>> 24;
  return made;
}

export function equalBytes(buffer, wanted) {
  const seen = new Uint8Array(buffer);
  equal(seen.length, wanted.length, "length");
  for (let i = 0; i < seen.length; i++) {
    if (seen[i] !== wanted[i]) throw new Error(`octet ${i} is another one`);
  }
}

// What the server's handler of the connection with this path saw at its end.
export async function seen(path) {
  return (await fetch(`${origin}/seen?${encodeURIComponent(path)}`)).json();
}

let number = 0;

// A path that no other connection has: the servers take the name before the second slash.
export function unique(name, ...rest) {
  return [`/${name}`, ++number, ...rest.map((part) => encodeURIComponent(part))].join("/");
}

export async function checkClosed(peer, path, { code, reason = "", server = code }) {
  const event = await peer.closed;
  equal(event.code, code, "close code");
  equal(event.reason, reason, "reason");
  equal(event.wasClean, true, "wasClean");
  const there = await seen(path);
  equal(there.code, server, "the server's close code");
  equal(there.reason, reason, "the server's reason");
}

async function echoTexts(base, unit) {
  const peer = await connect(base + "/echo");
  for (const size of SIZES) {
    const sent = text(size, unit);
    peer.socket.send(sent);
    equal((await peer.next()) === sent, true, `text of ${size} octets`);
  }
  await peer.close();
}

async function echoBytes(base, binaryType, wrap, unwrap) {
  const peer = await connect(base + "/echo");
  peer.socket.binaryType = binaryType;
  for (const size of SIZES) {
    const sent = bytes(size);
    peer.socket.send(wrap(sent));
    equalBytes(await unwrap(await peer.next()), sent);
  }
  await peer.close();
}

async function fragments(base, kind, sizes) {
  const peer = await connect(base + unique("fragments", kind, sizes.join(",")));
  const message = await peer.next();
  const length = sizes.reduce((sum, size) => sum + size, 0);
  if (kind === "text") equal(message === "é".repeat(length), true, "text");
  else equalBytes(message, new Uint8Array(length).fill(7));
  equal(await peer.next(), "behind it", "the next message");
  await peer.close();
}

// Of servers that echo what comes.
export const ECHO = {
  "text, ASCII": (base) => echoTexts(base, "Hello, world! "),
  "text, Latin-1": (base) => echoTexts(base, "Füße "),
  "text, many scripts": (base) => echoTexts(base, "Ωμέγα 漢字 かな עברית "),
  "text, astral": (base) => echoTexts(base, "😀𝄞"),
  "ArrayBuffer": (base) => echoBytes(base, "arraybuffer", (sent) => sent.buffer, (data) => data),
  "Blob": (base) => echoBytes(base, "blob", (sent) => new Blob([sent]), (data) => data.arrayBuffer()),

  async "part of a buffer"(base) {
    const peer = await connect(base + "/echo");
    const whole = bytes(1000);
    peer.socket.send(new DataView(whole.buffer, 3, 500));
    equalBytes(await peer.next(), whole.subarray(3, 503));
    await peer.close();
  },

  async "1,000 messages in order"(base) {
    const peer = await connect(base + "/echo");
    for (let i = 0; i < 1000; i++) peer.socket.send(`message ${i}`);
    for (let i = 0; i < 1000; i++) equal(await peer.next(), `message ${i}`, "echo");
    await peer.close();
  },

  async subprotocol(base) {
    const peer = await connect(base + "/echo", ["unknown", "chat.v2", "chat.v1"]);
    equal(peer.socket.protocol, "chat.v2", "subprotocol");
    await peer.close();
  },

  async "the page closes, with a code and a reason"(base) {
    const path = unique("echo");
    const peer = await connect(base + path);
    peer.socket.close(4321, "genug für heute");
    await checkClosed(peer, path, { code: 4321, reason: "genug für heute" });
  },

  async "the page closes without a code"(base) {
    const path = unique("echo");
    const peer = await connect(base + path);
    peer.socket.close();
    await checkClosed(peer, path, { code: 1005 });
  },

  async "the page closes behind a message"(base) {
    const path = unique("echo");
    const peer = await connect(base + path);
    peer.socket.send(text(MIB, "last words "));
    peer.socket.close(1000, "done");
    await checkClosed(peer, path, { code: 1000, reason: "done" });
  },

  async "a message above the limit"(base) {
    const peer = await connect(base + "/echo");
    peer.socket.send(bytes(16 * MIB + 1));
    equal((await peer.closed).code, 1009, "close code");
  },
};

// Of servers whose handlers do what the path says.
export const HANDLERS = {
  "fragmented text": (base) => fragments(base, "text", [1, 0, 1000, 65536, 3]),
  "fragmented bytes": (base) => fragments(base, "bytes", [0, 1, 125, 126, 65535, 65536, 0]),
  "16 MiB in fragments": (base) => fragments(base, "bytes", Array(256).fill(65536)),

  async "messages right behind the handshake"(base) {
    const peer = await connect(base + unique("greeting"));
    for (const wanted of ["one", "two", "three"]) equal(await peer.next(), wanted, "greeting");
    equal(peer.events.slice(0, 2).join(), "open,message", "events");
    await peer.close();
  },

  async "the server's Ping"(base) {
    const peer = await connect(base + unique("ping"));
    equal(Number(await peer.next()) > 0, true, "round trip");
    await peer.close();
  },

  async "the server closes: 1000, 1001, 3000, 4999"(base) {
    for (const code of [1000, 1001, 3000, 4999]) {
      const path = unique("close", code, "");
      await checkClosed(await connect(base + path), path, { code });
    }
  },

  async "the server closes, with the longest reason"(base) {
    const reason = "ü".repeat(61) + "!";
    const path = unique("close", 4000, reason);
    const peer = await connect(base + path);
    await checkClosed(peer, path, { code: 4000, reason });
    equal(peer.events.join(), "open,close", "events");
  },

  async "the server closes behind a message"(base) {
    const path = unique("last-words");
    const peer = await connect(base + path);
    equal((await peer.next()).byteLength, 4 * MIB, "length");
    await checkClosed(peer, path, { code: 1000 });
  },

  async "the handler returns"(base) {
    const path = unique("return");
    await checkClosed(await connect(base + path), path, { code: 1000 });
  },

  async "the handler raises"(base) {
    const peer = await connect(base + unique("raise"));
    equal((await peer.closed).code, 1011, "close code");
  },

  async "the server vanishes"(base) {
    const peer = await connect(base + unique("vanish"));
    const event = await peer.closed;
    equal(event.code, 1006, "close code");
    equal(event.wasClean, false, "wasClean");
  },

  async "the server breaks the protocol"(base) {
    const path = unique("reserved-opcode");
    const peer = await connect(base + path);
    const event = await peer.closed;
    equal(peer.events.join(), "open,error,close", "events");
    equal(event.code, 1006, "close code");
    equal((await seen(path)).code, 1002, "the server's close code");
  },

  async "the handshake is rejected"(base) {
    const peer = new Peer(base + "/forbidden");
    const event = await peer.closed;
    equal(peer.events.join(), "error,close", "events");
    equal(event.code, 1006, "close code");
    equal(event.wasClean, false, "wasClean");
  },
};

// Of one server each: its base URI is given.
export const ONCE = {
  async plain(base) {
    const peer = await connect(base + "/echo");
    equal(peer.socket.extensions, "", "extensions");
    await peer.close();
  },

  async compressed(base) {
    const peer = await connect(base + "/echo");
    equal(peer.socket.extensions.split(";")[0], "permessage-deflate", "extensions");
    await peer.close();
  },

  async "other origin"(base) {
    const peer = new Peer(base + "/echo");
    equal((await peer.closed).code, 1006, "close code");
    equal(peer.events.join(), "error,close", "events");
  },

  async "shut down"(base) {
    const peers = await Promise.all([connect(base + "/echo"), connect(base + "/shut-down")]);
    for (const peer of peers) {
      const event = await peer.closed;
      equal(event.code, 1001, "close code");
      equal(event.wasClean, true, "wasClean");
    }
  },
};

async function plainHttp() {
  const health = await fetch(`${origin}/health`);
  equal(health.status, 200, "status");
  equal(await health.text(), "well", "body");
  equal((await fetch(`${origin}/nowhere`)).status, 404, "status");
}

async function run(name, check, report) {
  const began = performance.now();
  let error = null;
  try {
    const late = new Promise((_, reject) => setTimeout(reject, DEADLINE, new Error("too late")));
    await Promise.race([check(), late]);
  } catch (thrown) {
    error = String(thrown.message || thrown);
  }
  report({ name, error, milliseconds: Math.round(performance.now() - began) });
}

// Runs all checks with the servers that `of` tells of, and `more` with those with handlers.
export async function runAll(of, report, { more = {}, wanted = () => true } = {}) {
  origin = of;
  const servers = await (await fetch(`${origin}/servers`)).json();
  await run("HTTP on the same port", plainHttp, report);
  const groups = [[servers.echo, ECHO], [servers.handlers, { ...HANDLERS, ...more }]];
  for (const [bases, checks] of groups) {
    for (const [server, base] of Object.entries(bases)) {
      for (const [name, check] of Object.entries(checks)) {
        if (wanted(server, name)) await run(`${server}: ${name}`, () => check(base), report);
      }
    }
  }
  for (const [name, base] of Object.entries(servers.once)) {
    if (wanted(name, "")) await run(name, () => ONCE[name](base), report);
  }
}
