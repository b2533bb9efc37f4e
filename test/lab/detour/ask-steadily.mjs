// Asks servers in turn, a question every few milliseconds, each once and from a port of its own,
// until standard input ends. Prints a line of JSON for each when it is answered or given up.
//   node ask-steadily.mjs EVERY_MS PATIENCE_MS SERVER…
import dgram from 'node:dgram';

const [everyMs, patienceMs, ...servers] = process.argv.slice(2);
const TYPE_AND_CLASS = Buffer.from([0, 1, 0, 1]);
let number = 0;
let underWay = 0;
let isEnding = false;

function askNext() {
  const server = servers[number % servers.length];
  const label = `q${number++}`;
  // RD set, one question: qN.who.test A.
  const query = Buffer.concat([
    Buffer.from([number >> 8, number, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label.length]),
    Buffer.from(label),
    Buffer.from('\x03who\x04test\0', 'latin1'),
    TYPE_AND_CLASS,
  ]);
  const socket = dgram.createSocket(server.includes(':') ? 'udp6' : 'udp4');
  const sentMs = Date.now();
  underWay++;
  const settle = (by) => {
    clearTimeout(patience);
    socket.close();
    console.log(JSON.stringify({ server, sentMs, tookMs: Date.now() - sentMs, by }));
    if (--underWay === 0 && isEnding) process.exit(0);
  };
  const patience = setTimeout(() => settle('nobody'), Number(patienceMs));
  // The answer's last four bytes are the address: who answered.
  socket.once('message', (bytes) => settle([...bytes.subarray(-4)].join('.')));
  socket.once('error', () => settle('nobody'));
  socket.connect(53, server, () => socket.send(query));
}

const timer = setInterval(askNext, Number(everyMs));
process.stdin.on('end', () => {
  clearInterval(timer);
  isEnding = true;
  if (underWay === 0) process.exit(0);
});
process.stdin.resume();
