// How long Node's buffer.isUtf8 takes: node node_utf8.js FILE…
//
// Prints a line of JSON for each file: {"file": …, "octets": …, "nanoseconds": …}, the least of many
// rounds. Run by node.py.
'use strict';

const { isUtf8 } = require('node:buffer');
const { readFileSync } = require('node:fs');

const ROUND = 200_000; // nanoseconds
const ROUNDS = 100;

function run(data, times) {
  let valid = 0;
  const begun = process.hrtime.bigint();
  for (let i = 0; i < times; i++) valid += isUtf8(data);
  const took = Number(process.hrtime.bigint() - begun);
  if (valid !== times) throw new Error('not UTF-8');
  return took / times;
}

for (const file of process.argv.slice(2)) {
  const data = readFileSync(file);
  let times = 1000;
  run(data, times); // compiled by then
  times = Math.max(1, Math.round(ROUND / run(data, times)));
  let nanoseconds = Infinity;
  for (let i = 0; i < ROUNDS; i++) nanoseconds = Math.min(nanoseconds, run(data, times));
  console.log(JSON.stringify({ file, octets: data.length, nanoseconds }));
}
