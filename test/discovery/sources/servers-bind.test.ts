import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askServersBind, parseTexts } from '../../../src/discovery/sources/servers-bind.ts';

const QUESTION = '07736572766572730462696e640000100003'; // servers.bind. TXT CH
const TXT = 'c00c 0010 0003 00000000'; // pointer to the question, TXT, CH, TTL 0

/** A reply's bytes, from hexadecimal with spaces. */
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const string = (text: string) =>
  Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]).toString('hex');

const TWO_SERVERS =
  `0001 8580 0001 0002 0000 0000 ${QUESTION}` +
  `${TXT} 0010 ${string('10.0.0.2#53 12 0')}`.replace('0010 10', '0011 10') +
  `${TXT} 0010 ${string('10.0.0.3#54 0 0')}`;

/** A server on loopback that replies to each query with what `reply` makes of it. */
async function serve(reply: (query: Buffer) => Buffer[]): Promise<number> {
  const socket = createSocket('udp4', (query, from) => {
    for (const message of reply(query)) socket.send(message, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return socket.address().port;
}

describe('parseTexts', () => {
  it('reads one server per string', () => {
    expect(parseTexts(bytes(TWO_SERVERS))).toEqual(['10.0.0.2#53 12 0', '10.0.0.3#54 0 0']);
  });

  it.each([
    ['a query', `0001 0100 0001 0000 0000 0000 ${QUESTION}`],
    ['REFUSED', `0001 8585 0001 0000 0000 0000 ${QUESTION}`],
    ['another question', '0001 8580 0001 0000 0000 0000 0776657273696f6e0462696e640000100003'],
    ['a count beyond the end', `0001 8580 0001 0005 0000 0000 ${QUESTION}`],
    ['an RDLENGTH beyond the end', `0001 8580 0001 0001 0000 0000 ${QUESTION} ${TXT} 00ff 0161`],
    ['a string beyond its record', `0001 8580 0001 0001 0000 0000 ${QUESTION} ${TXT} 0002 0561`],
    ['half a header', '0001 8580'],
  ])('refuses %s', (_name, hex) => {
    expect(parseTexts(bytes(hex))).toBeNull();
  });

  it('takes any bytes without throwing', () => {
    const head = bytes(`0001 8580 0001 00ff 0000 0000 ${QUESTION}`);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (tail) => {
        const texts = parseTexts(Buffer.concat([head, tail]));
        expect(texts === null || Array.isArray(texts)).toBe(true);
      }),
    );
  });
});

describe('askServersBind', () => {
  it('asks and reads the answer, whatever ID came before it', async () => {
    const port = await serve((query) => {
      const good = bytes(TWO_SERVERS);
      good.writeUInt16BE(query.readUInt16BE(0), 0);
      const forged = Buffer.from(good);
      forged[0] = query[0]! ^ 0xff;
      forged[forged.length - 1] = 0x39;
      return [forged, good];
    });
    expect(await askServersBind('127.0.0.1', port, 5000)).toEqual(['10.0.0.2#53 12 0', '10.0.0.3#54 0 0']);
  });

  it('gives up when there is no answer', async () => {
    const port = await serve(() => []);
    expect(await askServersBind('127.0.0.1', port, 30)).toBeNull();
  });

  it('gives up at once when nothing listens, without waiting', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    expect(await askServersBind('127.0.0.1', port, 3_600_000)).toBeNull();
  });

  it('gives up where there is no way to the server', async () => {
    // The kernel refuses to connect to broadcast, as it does to ::1 without IPv6; nothing is sent.
    expect(await askServersBind('255.255.255.255', 53, 3_600_000)).toBeNull();
  });
});
