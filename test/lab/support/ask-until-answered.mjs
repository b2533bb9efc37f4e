// Run as a process of its own: node ask-until-answered.mjs PORT. Asks for localhost, which unloop
// answers itself, until an answer comes, and prints when that was, in milliseconds since 1970.
import { createSocket } from 'node:dgram';

const QUESTION = Buffer.from('4e5501000001000000000000096c6f63616c686f73740000010001', 'hex');
const port = Number(process.argv[2]);
const socket = createSocket('udp4');
const ask = () => socket.send(QUESTION, port, '127.0.0.1', () => {});
const timer = setInterval(ask, 5);
// While nobody listens there, an error comes back.
socket.on('error', () => {});
socket.on('message', () => {
  console.log(Date.now());
  clearInterval(timer);
  socket.close();
});
ask();
