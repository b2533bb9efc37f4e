// An upstream that answers each query with one address, 200 ms late, in a process of its own so
// that it is never late otherwise. usage: slow-upstream.mjs DELAY_MS; prints its port.
import dgram from 'node:dgram';

const delayMs = Number(process.argv[2]);
/** Pointer to the QNAME, A, IN, 300 s, 192.0.2.1. */
const RECORD = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 1]);
const OPT = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);

/** Answers that wait, oldest first. */
const waiting = [];
const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
socket.on('message', (query, { port, address }) => {
  let end = 12;
  while (query[end] !== 0) end += 1 + query[end];
  const hasOpt = query.readUInt16BE(10) > 0;
  const answer = Buffer.concat([query.subarray(0, end + 5), RECORD, hasOpt ? OPT : Buffer.alloc(0)]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  answer.writeUInt16BE(0, 8);
  answer.writeUInt16BE(hasOpt ? 1 : 0, 10);
  waiting.push({ dueMs: performance.now() + delayMs, answer, port, address });
});
setInterval(() => {
  const nowMs = performance.now();
  let count = 0;
  while (count < waiting.length && waiting[count].dueMs <= nowMs) count++;
  for (const { answer, port, address } of waiting.splice(0, count)) socket.send(answer, port, address);
}, 2);
socket.bind(0, '127.0.0.1', () => console.log(socket.address().port));
process.once('disconnect', () => process.exit(0));
