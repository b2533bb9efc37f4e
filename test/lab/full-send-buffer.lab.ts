// Sends that the kernel does not take: links that are slow, down or closed by a packet filter, so
// that sockets' send buffers run full, toward clients and toward upstreams. What cannot be sent is
// counted, nobody waits forever, and service is as before once the way is free. Needs root.
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Metrics, startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';
import type { Load, LoadFigures } from './support/agent-asks.ts';
import { Lab, NODE, UPSTREAM } from './support/namespace.ts';

const ADMIN = '127.0.0.1:9530';
/** A second upstream, on the clients' side of the forwarder. */
const ELSEWHERE = '10.91.0.3';
/** Far more than anything takes here on a machine with other things to do. */
const PATIENCE_MS = 10_000;
/**
 * Of what a link that is slow lets through, some packets a second; what waits belongs to its
 * socket's buffer.
 */
const SLOW = ['rate', '16kbit', 'burst', '1600', 'limit', '64mb'];
const TO_CLIENTS = 'to-pod';
const TO_UPSTREAM = 'to-upstream';
/** Long names: they fill buffers sooner. */
const LONG_NAME = `u*.${'a-label-of-thirty-two-bytes-ooo.'.repeat(6)}alone.example`;
/** A zone of the first upstream's alone. */
const ALONE = 'alone.example';

const SOCKETS = [
  { socket: 'batched socket', native: true },
  { socket: 'node:dgram', native: false },
] as const;

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.addAddress(lab.pod, ELSEWHERE);
});
afterEach(() => lab.stopAll());
afterAll(() => lab.close());

/** Unloop in the middle, between its clients' link and its upstream's. */
async function start(native: boolean, upstreams: readonly string[], delayMs = 0): Promise<UnloopProcess> {
  const [pod, upstream] = await Promise.all([lab.pod.agent(), lab.upstream.agent()]);
  await Promise.all([pod.reset(), upstream.reset()]);
  await upstream.call('serve', { address: UPSTREAM, delayMs });
  await pod.call('serve', { address: ELSEWHERE });
  return startUnloop({
    prefix: lab.node.prefix,
    native,
    config: {
      listen: [`${NODE}:53`],
      admin: { listen: ADMIN },
      workers: 1,
      upstreams,
      zones: { [ALONE]: { upstreams: [UPSTREAM] } },
      // One client asks more at once than one may by default.
      limits: { perClientWaiting: 0 },
      loop: { probe: { onStart: false, interval: '0s' } },
    },
  });
}

async function load(options: Omit<Load, 'server'>): Promise<LoadFigures> {
  return (await lab.pod.agent()).call('load', { server: NODE, timeoutMs: PATIENCE_MS, ...options });
}

async function metrics(): Promise<Metrics> {
  return new Metrics(await (await lab.node.agent()).call('fetch', { url: `http://${ADMIN}/metrics` }));
}

/** Answers that could not be sent: the sockets' own counts are looked at about once a second. */
async function unsent(atLeast: number): Promise<number> {
  const count = async () => (await metrics()).value('unloop_dropped_total', { reason: 'send_failed' });
  await expect.poll(count, { timeout: PATIENCE_MS }).toBeGreaterThanOrEqual(atLeast);
  return count();
}

/**
 * A count of the kernel's in the middle: SndbufErrors, sends for which a buffer had no room;
 * RcvbufErrors, datagrams that came too fast.
 */
function kernelCount(name: 'SndbufErrors' | 'RcvbufErrors'): number {
  const [names = '', numbers = ''] = lab.node
    .run('cat', ['/proc/net/snmp'])
    .split('\n')
    .filter((line) => line.startsWith('Udp:'));
  return Number(numbers.split(' ')[names.split(' ').indexOf(name)]);
}

type Open = () => void;

/** Closes a way in the middle; it is open again when the test says so, or ends. */
function close(shut: readonly string[], reopen: readonly string[]): Open {
  const run = ([command = '', ...args]: readonly string[]) => lab.node.run(command, args);
  let isShut = true;
  run(shut);
  const open = () => {
    if (isShut) run(reopen);
    isShut = false;
  };
  onTestFinished(open);
  return open;
}

function slowDown(device: string): Open {
  const queue = ['tc', 'qdisc', 'add', 'dev', device, 'root', 'tbf', ...SLOW];
  return close(queue, ['tc', 'qdisc', 'del', 'dev', device, 'root']);
}

function takeDown(device: string): Open {
  const link = ['ip', 'link', 'set', device];
  return close([...link, 'down'], [...link, 'up']);
}

function forbid(address: string): Open {
  const rules =
    'add table inet shut; add chain inet shut out { type filter hook output priority 0; }; ' +
    `add rule inet shut out ip daddr ${address} drop`;
  return close(['nft', rules], ['nft', 'delete table inet shut']);
}

/** All that is asked is answered, and the process is the one that was started. */
async function expectAsBefore(unloop: UnloopProcess, name: string): Promise<void> {
  // An upstream that was silent is asked again in its own time.
  const oneIsAnswered = async () => {
    const { rcodes } = await load({ name: `${Math.random()}.${name}`, count: 1, timeoutMs: 2000 });
    return rcodes[0] ?? 0;
  };
  await expect.poll(oneIsAnswered, { timeout: 3 * PATIENCE_MS }).toBe(1);
  expect(await load({ name, count: 200, inFlight: 20 })).toMatchObject({ lost: 0, rcodes: { 0: 200 } });
  expect((await metrics()).value('unloop_worker_restarts_total')).toBe(0);
  expect(unloop.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  expect(unloop.stderr).toBe('');
}

describe.each(SOCKETS)('toward clients, $socket', ({ socket, native }) => {
  it('over a link that is full: what has no room is counted', async () => {
    const unloop = await start(native, [UPSTREAM]);
    await load({ name: 'cached.example', count: 1 });
    const before = kernelCount('SndbufErrors');
    const open = slowDown(TO_CLIENTS);
    const neighbor = await lab.node.agent();
    const [figures, others] = await Promise.all([
      load({ name: 'cached.example', count: 4000, inFlight: 4000, timeoutMs: 2000 }),
      // By another link: but the buffer is its socket's, and one socket answers all clients of an
      // address.
      neighbor.call('load', {
        server: NODE,
        name: 'cached.example',
        count: 200,
        rate: 100,
        timeoutMs: 2000,
      }),
    ]);
    const count = await unsent(1);
    console.log(
      `${socket}, clients' link full: ${figures.answered} of 4000 answered, ${count} not sent; ` +
        `by another link ${others.answered} of 200 answered`,
    );
    open();
    expect(kernelCount('SndbufErrors')).toBeGreaterThan(before);
    expect(count + figures.answered + others.answered).toBeLessThanOrEqual(4200);
    await expectAsBefore(unloop, `n*.${native}.example`);
  });

  it('over a link that is down: each is counted', async () => {
    const unloop = await start(native, [UPSTREAM], 1500);
    const upstream = await lab.upstream.agent();
    const asking = load({ name: 'd*.example', count: 100, inFlight: 100, timeoutMs: 4000 });
    const taken = async () => (await metrics()).value('unloop_queries_total');
    await expect.poll(taken, { timeout: PATIENCE_MS }).toBeGreaterThanOrEqual(100);
    const open = takeDown(TO_CLIENTS);
    // On a machine under load some may have been answered by then.
    const { answered, lost } = await asking;
    expect(lost).toBeGreaterThan(0);
    expect(await unsent(lost)).toBe(lost);
    console.log(`${socket}, clients' link down: ${answered} of 100 answered, ${lost} not sent`);
    open();
    await upstream.call('change', { address: UPSTREAM, delayMs: 0 });
    await expectAsBefore(unloop, `m*.${native}.example`);
  });
});

describe.each(SOCKETS)('toward upstreams, $socket', ({ socket, native }) => {
  it('over a link that is full: SERVFAIL where there is no other upstream, else that one answers', async () => {
    const unloop = await start(native, [UPSTREAM, ELSEWHERE]);
    const [fullBefore, tooFastBefore] = [kernelCount('SndbufErrors'), kernelCount('RcvbufErrors')];
    const open = slowDown(TO_UPSTREAM);
    // Names that only the upstream behind that link may be asked for fill the buffers; the others
    // wait for nobody.
    const [alone, beside] = await Promise.all([
      // Each leaves twice as a datagram: more than 16 sockets of node:dgram with 1024 sends under
      // way let wait, however they are spread.
      load({ name: LONG_NAME, count: 12_000, inFlight: 12_000, rate: 4000 }),
      load({ name: 'b*.example', count: 400, rate: 400 }),
    ]);
    const full = kernelCount('SndbufErrors') - fullBefore;
    const tooFast = kernelCount('RcvbufErrors') - tooFastBefore;
    open();
    console.log(
      `${socket}, upstream's link full (${full} times): ${JSON.stringify({ alone, beside, tooFast })}`,
    );
    expect(full).toBeGreaterThan(0);
    const lost = async () =>
      (await metrics()).value('unloop_upstream_datagrams_lost_total', { reason: 'send_failed' });
    await expect.poll(lost, { timeout: PATIENCE_MS }).toBeGreaterThanOrEqual(1);
    // On a machine under load questions may come faster than they are read.
    expect(alone.lost + beside.lost).toBeLessThanOrEqual(tooFast);
    expect(alone.rcodes[2]).toBeGreaterThan(9000);
    expect(beside.rcodes).toEqual({ 0: beside.answered });
    await expectAsBefore(unloop, `s*.${native}.${ALONE}`);
    await expectAsBefore(unloop, `t*.${native}.example`);
  });

  it.each([
    { way: 'a link that is down', shut: () => takeDown(TO_UPSTREAM) },
    { way: 'a packet filter that forbids it', shut: () => forbid(UPSTREAM) },
  ])('over $way: the other upstream is asked at once, and alone it is SERVFAIL', async ({ way, shut }) => {
    const unloop = await start(native, [UPSTREAM]);
    let open = shut();
    const alone = await load({ name: 'a*.example', count: 200, inFlight: 50 });
    open();
    console.log(`${socket}, ${way}: ${JSON.stringify(alone)}`);
    expect(alone).toMatchObject({ lost: 0, rcodes: { 2: 200 } });
    await expectAsBefore(unloop, `v*.${native}.example`);
    await unloop.stop();

    const beside = await start(native, [UPSTREAM, ELSEWHERE]);
    open = shut();
    const two = await load({ name: 'b*.example', count: 200, inFlight: 50 });
    open();
    console.log(`${socket}, ${way}, beside another: ${JSON.stringify(two)}`);
    expect(two).toMatchObject({ lost: 0, rcodes: { 0: 200 } });
    await expectAsBefore(beside, `w*.${native}.example`);
  });
});
