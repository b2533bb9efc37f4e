// A datagram from source port 0 cannot be answered: Node's send throws on it, and naive servers
// die. Both sockets drop and count it. Needs root, for a raw socket; python3 opens it.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { openBatchSocket } from '../../src/io/batch-socket.ts';
import type { DatagramHandler, DatagramSocket } from '../../src/io/datagram-socket.ts';
import { openNodeSocket } from '../../src/io/node-socket.ts';

/** UDP headers by hand: source port, destination port, length, checksum 0 (none). */
const SEND = `
import socket, struct, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
for source, text in ((0, b'nowhere'), (4001, b'first'), (0, b'nowhere'), (0, b'x' * 600), (4002, b'second, longer')):
    raw.sendto(struct.pack('!HHHH', source, int(sys.argv[1]), 8 + len(text), 0) + text, ('127.0.0.1', 0))
`;

/**
 * Opens a socket, has the five datagrams sent while nobody reads (so that they come in one batch),
 * and reads.
 */
async function receive(
  open: (handler: DatagramHandler) => Promise<DatagramSocket>,
): Promise<{ payloads: string[]; counters: unknown }> {
  const payloads: string[] = [];
  let done = () => {};
  const socket = await open({
    onBatch(batch) {
      for (let slot = 0; slot < batch.count; slot++)
        payloads.push(Buffer.from(batch.buffers[slot]!.subarray(0, batch.lengths[slot]!)).toString());
      if (payloads.length >= 2) done();
    },
    onError() {},
  });
  const received = new Promise<void>((resolve) => {
    done = resolve;
  });
  const python = spawnSync('python3', ['-c', SEND, String(socket.localPort)], { encoding: 'utf8' });
  expect(python.stderr).toBe('');
  await received;
  await socket.close();
  return { payloads, counters: socket.counters() };
}

const OPTIONS = { address: '127.0.0.1', port: 0 };

it.each([
  ['batch-socket', async (handler: DatagramHandler) => openBatchSocket(OPTIONS, handler)],
  ['node-socket', (handler: DatagramHandler) => openNodeSocket(OPTIONS, handler)],
])('%s drops datagrams from port 0, and keeps the others whole', async (_name, open) => {
  const { payloads, counters } = await receive(open);
  expect(payloads).toEqual(['first', 'second, longer']);
  expect(counters).toMatchObject({ received: 2, sourcePortZero: 3, oversized: 0 });
});
