import { beforeEach, describe, expect, it } from 'vitest';
import type { RandomPool } from '../../src/base/random.ts';
import type { DatagramSocket, ReceiveBatch } from '../../src/io/datagram-socket.ts';
import { Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { UdpChannel } from '../../src/upstream/udp-channel.ts';

const NOW_MS = 1000;
let calls: string[];
let channel: UdpChannel;

const owner = {
  onWake: () => void calls.push('wake'),
  receive: (_: UdpChannel, bytes: Uint8Array, length: number) => void calls.push(`${bytes[0]} ${length}`),
  failChannel: (_: UdpChannel, code: string) => void calls.push(code),
};

/** A channel whose draws are the least, or the most, that there is. */
function create(draw: 'least' | 'most' = 'least'): UdpChannel {
  const random = { below: (bound: number) => (draw === 'least' ? 0 : bound - 1) } as RandomPool;
  return new UdpChannel(owner, 3, NOW_MS, random);
}

beforeEach(() => {
  calls = [];
  channel = create();
});

describe('a port is replaced', () => {
  it.each([
    ['least', 30_000],
    ['most', 59_999],
  ] as const)('after 30 to 60 s: %s', (draw, lifeMs) => {
    channel = create(draw);
    expect(channel.isWorn(NOW_MS + lifeMs)).toBe(false);
    expect(channel.isWorn(NOW_MS + lifeMs + 1)).toBe(true);
  });

  it.each([
    ['least', 16_384],
    ['most', 32_767],
  ] as const)('after 16 to 32 thousand queries: %s', (draw, queries) => {
    channel = create(draw);
    channel.sent = queries;
    expect(channel.isWorn(NOW_MS)).toBe(false);
    channel.sent++;
    expect(channel.isWorn(NOW_MS)).toBe(true);
  });

  it('after more than 256 stray replies', () => {
    channel.strays = 256;
    expect(channel.isWorn(NOW_MS)).toBe(false);
    channel.strays++;
    expect(channel.isWorn(NOW_MS)).toBe(true);
  });
});

it('passes a batch on after refreshing the clock', () => {
  const buffers = [Uint8Array.of(7), Uint8Array.of(8), Uint8Array.of(9)];
  channel.onBatch({ count: 2, buffers, lengths: [20, 30, 40] } as unknown as ReceiveBatch);
  expect(calls).toEqual(['wake', '7 20', '8 30']);
});

it('passes an error on', () => {
  channel.onError('ECONNREFUSED');
  expect(calls).toEqual(['wake', 'ECONNREFUSED']);
});

it('publishes what is new since the last time', () => {
  const { values } = new Counters(createCounterBlock());
  channel.publishCounters(values);
  let now = { sendFailures: 2, kernelDrops: 3 };
  channel.socket = { counters: () => now } as unknown as DatagramSocket;
  channel.publishCounters(values);
  channel.publishCounters(values);
  now = { sendFailures: 7, kernelDrops: 3 };
  channel.publishCounters(values);
  expect(values[Counter.upstreamSendFailures]).toBe(7);
  expect(values[Counter.upstreamKernelDrops]).toBe(3);
});
