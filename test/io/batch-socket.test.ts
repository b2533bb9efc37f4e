// The batched socket: the suite of the contract, and what only the addon does.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openBatchSocket } from '../../src/io/batch-socket.ts';
import { BATCH_SLOTS, type DatagramHandler, PEER_WORDS } from '../../src/io/datagram-socket.ts';
import { nativeStatus } from '../../src/io/native-addon.ts';
import { parsePeer } from '../../src/io/peer.ts';
import { writeFrameHeader } from '../../src/io/tcp-framing.ts';
import { describeDatagramSocket } from './datagram-socket.suite.ts';

const LOOPBACK = { address: '127.0.0.1', port: 0 };
const SILENT: DatagramHandler = { onBatch() {}, onError() {} };

/** The descriptor of a socket of node:dgram, which has no public way to it. */
function descriptorOf(socket: Socket): number {
  const symbol = Object.getOwnPropertySymbols(socket).find((s) => s.description === 'state symbol')!;
  return (socket as unknown as Record<symbol, { handle: { fd: number } }>)[symbol]!.handle.fd;
}

/**
 * Three sockets with 40 questions each under way, which tell how many of their 15,000 came back to
 * them as they were, and how many did not.
 */
const ASKERS = `
const { createSocket } = require('node:dgram');
const { parentPort, workerData: port } = require('node:worker_threads');
let right = 0, wrong = 0;
for (const name of ['a', 'b', 'c']) {
  const socket = createSocket('udp4');
  const missing = new Set();
  let asked = 0;
  const ask = () => {
    const question = (name + asked++ + ' ').repeat(1 + (asked % 40));
    missing.add(question);
    socket.send(question, port, '127.0.0.1');
  };
  socket.on('message', (answer) => {
    if (missing.delete(answer.toString())) right++;
    else wrong++;
    if (asked < 5000) ask();
    else if (missing.size === 0) socket.close();
    if (right === 15000) parentPort.postMessage({ right, wrong });
  });
  for (let i = 0; i < 40; i++) ask();
}
`;

if (nativeStatus().available)
  describe('batch-socket', () => {
    describeDatagramSocket({
      open: async (options, handler) => openBatchSocket(options, handler),
      kind: 'native',
      repliesFromLocalAddress: true,
      supportsReusePort: true,
    });

    it('brings what waits in one call, full batches first', async () => {
      const batchCounts: number[] = [];
      let done = () => {};
      const server = openBatchSocket(
        { ...LOOPBACK, receiveBufferBytes: 1 << 20 },
        {
          onBatch(batch) {
            batchCounts.push(batch.count);
            if (batch.count < BATCH_SLOTS) done();
          },
          onError() {},
        },
      );
      const client = openBatchSocket(LOOPBACK, SILENT);
      const peer = parsePeer('127.0.0.1', server.localPort)!;
      for (let i = 0; i < 150; i++) {
        client.reserve();
        client.commit(100, peer, 0);
      }
      await client.close();
      await new Promise<void>((resolve) => {
        done = resolve;
      });
      expect(batchCounts).toEqual([BATCH_SLOTS, BATCH_SLOTS, 150 - 2 * BATCH_SLOTS]);
      await server.close();
    });

    it('sends more from one handler call than there are slots', async () => {
      const answers: number[] = [];
      let done = () => {};
      const server = openBatchSocket(LOOPBACK, {
        onBatch(batch, socket) {
          for (let i = 0; i < 500; i++) {
            writeFrameHeader(socket.reserve(), 0, i);
            socket.commit(2, batch.peers, 0);
          }
        },
        onError() {},
      });
      const client = openBatchSocket(
        { ...LOOPBACK, receiveBufferBytes: 1 << 20 },
        {
          onBatch(batch) {
            for (let slot = 0; slot < batch.count; slot++)
              answers.push((batch.buffers[slot]![0]! << 8) | batch.buffers[slot]![1]!);
            if (answers.length === 500) done();
          },
          onError() {},
        },
      );
      client.reserve();
      client.commit(1, parsePeer('127.0.0.1', server.localPort)!, 0);
      await new Promise<void>((resolve) => {
        done = resolve;
      });
      expect(answers).toEqual(Array.from({ length: 500 }, (_, i) => i));
      expect(server.counters()).toMatchObject({ sent: 500, sendFailures: 0 });
      await Promise.all([server.close(), client.close()]);
    });

    it('gives each of many clients its own answer while more queries arrive', async () => {
      const server = openBatchSocket(
        { ...LOOPBACK, receiveBufferBytes: 1 << 20 },
        {
          onBatch({ count, buffers, lengths, peers }, socket) {
            for (let i = 0; i < count; i++) {
              socket.reserve().set(buffers[i]!.subarray(0, lengths[i]!));
              socket.commit(lengths[i]!, peers, i * PEER_WORDS);
            }
          },
          onError() {},
        },
      );
      const askers = new Worker(ASKERS, { eval: true, workerData: server.localPort });
      const [outcome] = await once(askers, 'message');
      expect(outcome).toEqual({ right: 15_000, wrong: 0 });
      expect(server.counters()).toMatchObject({ received: 15_000, sent: 15_000, sendFailures: 0 });
      await server.close();
    });

    it('counts what the kernel dropped because a buffer was full', async () => {
      const server = openBatchSocket({ ...LOOPBACK, receiveBufferBytes: 4096 }, SILENT);
      const client = openBatchSocket(LOOPBACK, SILENT);
      const peer = parsePeer('127.0.0.1', server.localPort)!;
      for (let i = 0; i < 300; i++) {
        client.reserve();
        client.commit(1000, peer, 0);
      }
      await client.close();
      const { kernelDrops } = server.counters();
      expect(kernelDrops).toBeGreaterThan(0);
      await server.close();
      expect(server.counters().kernelDrops).toBe(kernelDrops);
      expect(server.counters().received).toBe(0);
    });

    it('takes a copy of an inherited descriptor, so that others may too', async () => {
      // Some other descriptor of this process stands in for a supervisor's: the one node:dgram
      // opened.
      const original = createSocket('udp4');
      await new Promise<void>((resolve) => original.bind(0, '127.0.0.1', resolve));
      const fd = descriptorOf(original);
      const first = openBatchSocket({ address: '', port: 0, fd }, SILENT);
      expect(first.localPort).toBe(original.address().port);
      expect(first.localAddress).toBe('127.0.0.1');
      await first.close();
      const second = openBatchSocket({ address: '', port: 0, fd }, SILENT);
      expect(second.localPort).toBe(original.address().port);
      await second.close();
      original.close();
    });

    it('does not take a descriptor that is no UDP socket', () => {
      expect(() => openBatchSocket({ ...LOOPBACK, fd: 9999 }, SILENT)).toThrow(/EBADF/);
    });
  });

it('is available, or says in one line why not', () => {
  const { available, reason } = nativeStatus();
  expect(reason).toMatch(available ? /\.node$/ : /^[^\n]+$/);
});
