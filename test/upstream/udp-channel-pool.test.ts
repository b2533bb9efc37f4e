// With real sockets, connected to a loopback port that nothing is sent to.
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { RandomPool } from '../../src/base/random.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import type { UdpChannel } from '../../src/upstream/udp-channel.ts';
import { UdpChannelPool } from '../../src/upstream/udp-channel-pool.ts';

const SIZE = 4;
/** A socket is replaced after a minute at most. */
const LIFE_MS = 60_000;

const clock = new ManualClock();
let pool: UdpChannelPool;
let closed = 0;

function create(host = '127.0.0.1'): UdpChannelPool {
  closed = 0;
  const owner = { onWake() {}, receive() {}, failChannel() {}, onPoolClosed: () => void closed++ };
  const { values } = new Counters(createCounterBlock());
  const options = { host, port: 9, size: SIZE, random: new RandomPool(), clock, counterValues: values };
  pool = new UdpChannelPool(options, owner);
  return pool;
}

async function createFull(): Promise<UdpChannelPool> {
  await create().open();
  await expect.poll(() => pool.localPorts().length).toBe(SIZE);
  return pool;
}

/** A channel with a query in flight. */
function send(): UdpChannel {
  const channel = pool.beginTurn()!;
  channel.inFlight++;
  return channel;
}

afterEach(async () => {
  pool.close();
  await expect.poll(() => pool.isEmpty).toBe(true);
});

describe('the sockets toward an upstream', () => {
  it('are there with the first one, and soon all, each on a port of its own', async () => {
    await create().open();
    expect(pool.localPorts().length).toBeGreaterThanOrEqual(1);
    await expect.poll(() => pool.localPorts().length).toBe(SIZE);
    expect(new Set(pool.localPorts()).size).toBe(SIZE);
  });

  it('are drawn once a turn', async () => {
    await createFull();
    const drawn = new Set<UdpChannel>();
    for (let turn = 0; turn < 100; turn++) {
      expect(pool.current).toBeNull();
      const channel = pool.beginTurn()!;
      expect(pool.current).toBe(channel);
      drawn.add(channel);
      await Promise.resolve();
    }
    expect(drawn.size).toBe(SIZE);
  });

  it('are replaced when they are old; one with queries in flight stays until they are done', async () => {
    await createFull();
    const before = pool.localPorts();
    clock.nowMs += LIFE_MS + 1;
    const old = send();
    await expect.poll(() => old.retired).toBe(true);
    expect(pool.localPorts()).toHaveLength(SIZE);
    expect(pool.localPorts().filter((port) => before.includes(port))).toHaveLength(SIZE - 1);
    expect(old.socket!.localPort).toBeGreaterThan(0);
    pool.release(old.index);
    pool.close();
    await expect.poll(() => pool.isEmpty).toBe(true);
  });

  it('are not replaced twice at once, however old they are', async () => {
    await createFull();
    const before = pool.localPorts();
    clock.nowMs += LIFE_MS + 1;
    const channels = [send(), send(), send(), send(), send(), send()];
    await expect.poll(() => channels.some((channel) => channel.retired)).toBe(true);
    for (let i = 0; i < 20; i++) channels.push(send());
    expect(pool.localPorts().filter((port) => before.includes(port))).toHaveLength(SIZE - 1);
    for (const { index } of channels) pool.release(index);
  });

  it('close when nothing is in flight by them, and tell so', async () => {
    await createFull();
    const busy = send();
    pool.close();
    expect(pool.beginTurn()).toBeNull();
    await expect.poll(() => pool.localPorts()).toEqual([]);
    expect(pool.isEmpty).toBe(false);
    expect(closed).toBe(0);
    pool.release(busy.index);
    await expect.poll(() => closed).toBe(1);
    expect(pool.isEmpty).toBe(true);
  });

  it('say why there is none: no way to the server', async () => {
    await create('255.255.255.255').open();
    expect(pool.beginTurn()).toBeNull();
    expect(pool.openFailure).toBe(FailureReason.unreachable);
    expect(pool.lastError).not.toBe('');
  });
});
