// Questions at a steady rate, each asked once, from a socket and a port of its own, for a name
// never asked before. Prints how many were sent, lost, and answered with an error.
//
// usage: node load.mjs ADDRESS QUERIES-PER-SECOND SECONDS
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const [address, perSecond, seconds] = process.argv.slice(2);
const TICK_MS = 5;
/** An answer that takes longer is lost. */
const PATIENCE_MS = 5000;
const total = Number(perSecond) * Number(seconds);
const run = process.pid.toString(36);
const counts = { sent: 0, lost: 0, failed: 0 };
/** The seconds of the run in which questions were sent that were not answered well. */
const badAt = {};

function query(index) {
  const labels = [`q${index}-${run}`, 'load', 'example'];
  const name = labels.flatMap((label) => [label.length, ...Buffer.from(label)]);
  // RD; one question; A, IN.
  return Buffer.from([index >> 8, index, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 1, 0, 1]);
}

function askOnce(index) {
  return new Promise((resolve) => {
    const atSecond = Math.floor(index / Number(perSecond));
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const end = (outcome) => {
      clearTimeout(timer);
      if (outcome !== 'answered') {
        counts[outcome] += 1;
        badAt[atSecond] = (badAt[atSecond] ?? 0) + 1;
      }
      socket.close();
      resolve();
    };
    const timer = setTimeout(end, PATIENCE_MS, 'lost');
    // ICMP says that nobody listens: the client's answer is lost all the same.
    socket.on('error', () => end('lost'));
    socket.on('message', (answer) => end((answer[3] & 15) === 0 ? 'answered' : 'failed'));
    socket.connect(53, address, () => socket.send(query(index)));
    counts.sent += 1;
  });
}

const startedMs = performance.now();
const asked = [];
await new Promise((resolve) => {
  const timer = setInterval(() => {
    const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * Number(perSecond)));
    while (asked.length < due) asked.push(askOnce(asked.length));
    if (asked.length < total) return;
    clearInterval(timer);
    resolve();
  }, TICK_MS);
});
await Promise.all(asked);
console.log(JSON.stringify({ ...counts, badAt }));
