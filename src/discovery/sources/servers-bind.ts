// One question to a server on loopback: CH TXT servers.bind, which dnsmasq answers with the servers
// it uses (dnsmasq(8)). Called by the dnsmasq source through its context, so that tests can answer
// in its place.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** A server on loopback answers within a millisecond, or it is not there. */
const PATIENCE_MS = 300;
/** Bounds what a strange answer can cost. */
const MAX_TEXTS = 64;

/** servers.bind. TXT CH, after the ID. */
const QUESTION = Buffer.from('07736572766572730462696e640000100003', 'hex');

/**
 * Asks; the texts of the answer, or null when there was none in time or it was no list. Never
 * throws.
 */
export function askServersBind(
  address: string,
  port: number,
  patienceMs = PATIENCE_MS,
): Promise<string[] | null> {
  const id = randomInt(0x10000);
  const query = Buffer.concat([Buffer.from([id >> 8, id & 0xff, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]), QUESTION]);
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    let isDone = false;
    const finish = (texts: string[] | null) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.close();
      resolve(texts);
    };
    const timer = setTimeout(finish, patienceMs, null);
    // Connected: the kernel drops what comes from elsewhere, and reports an error if nothing
    // listens there.
    socket.on('error', () => finish(null));
    socket.on('message', (message) => {
      if (message.length >= 12 && message.readUInt16BE(0) === id) finish(parseTexts(message));
    });
    // Its callback gets what kept it from connecting (no IPv6 here), which the types do not know.
    const onConnect = (error?: Error) => {
      if (error !== undefined) finish(null);
      else if (!isDone) socket.send(query, (failure) => failure && finish(null));
    };
    socket.connect(port, address, onConnect);
  });
}

/**
 * The strings of the TXT records in a reply to the question above; null when it is anything else.
 */
export function parseTexts(message: Buffer): string[] | null {
  const isGoodReply = message.length >= 12 && (message[2]! & 0x80) !== 0 && (message[3]! & 0x0f) === 0;
  if (!isGoodReply || message.readUInt16BE(4) !== 1) return null;
  const questionEnd = 12 + QUESTION.length;
  if (!message.subarray(12, questionEnd).equals(QUESTION)) return null;
  const texts: string[] = [];
  let offset = questionEnd;
  for (let left = message.readUInt16BE(6); left > 0 && texts.length < MAX_TEXTS; left--) {
    offset = skipOwner(message, offset);
    if (offset === -1 || offset + 10 > message.length) return null;
    const type = message.readUInt16BE(offset);
    const end = offset + 10 + message.readUInt16BE(offset + 8);
    if (end > message.length) return null;
    offset += 10;
    // Every string of the record is one server.
    while (type === 16 && offset < end && texts.length < MAX_TEXTS) {
      const stringEnd = offset + 1 + message[offset]!;
      if (stringEnd > end) return null;
      texts.push(message.toString('latin1', offset + 1, stringEnd));
      offset = stringEnd;
    }
    offset = end;
  }
  return texts;
}

/**
 * The offset after a record's owner name; a pointer ends it. -1 when it runs out of the message.
 */
function skipOwner(message: Buffer, start: number): number {
  let offset = start;
  while (offset < message.length) {
    const length = message[offset]!;
    if (length >= 0xc0) return offset + 2;
    if (length === 0) return offset + 1;
    offset += length + 1;
  }
  return -1;
}
