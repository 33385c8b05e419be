// The page's script: runs the checks, and reports by a WebSocket of its own.

import { connect, runAll } from "./checks.mjs";

const log = document.getElementById("log");
const report = await connect(`ws://${location.host}/report`);
await runAll(location.origin, (result) => {
  log.textContent += `${result.error ? "FAILED" : "passed"} ${result.name}\n`;
  report.socket.send(JSON.stringify(result));
});
report.socket.send(JSON.stringify({ agent: navigator.userAgent }));
await report.close();
