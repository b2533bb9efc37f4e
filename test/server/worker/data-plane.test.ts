// One worker's data path in this thread: real sockets, orders as the main thread gives them.
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { createKeyMaterial } from '../../../src/loop/keys.ts';
import { SentQuestions } from '../../../src/loop/sent-questions.ts';
import { Counter, Counters, CounterTotals, createCounterBlock, Drop } from '../../../src/metrics/counters.ts';
import { createClientRates } from '../../../src/pipeline/client-rates.ts';
import { DataPlane } from '../../../src/server/worker/data-plane.ts';
import type { FromWorker, ToWorker, WorkerStart } from '../../../src/server/worker/worker-channel.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { specFor } from '../../../src/upstream/upstream.ts';
import { later } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { askTcp, askUdp } from '../../kit/dns-client.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../kit/scripted-upstream.ts';

const NXDOMAIN = 3;
const { config } = loadConfig({ path: null, environment: {} });

let upstream: ScriptedUpstream;
let told: FromWorker[];
let counterBlock: SharedArrayBuffer;

beforeEach(async () => {
  told = [];
  counterBlock = createCounterBlock();
  upstream = await startScriptedUpstream((query) => answer(query));
  onTestFinished(() => upstream.close());
});

/** The routing to these upstreams, all names to each. */
function routingTo(...upstreams: readonly ScriptedUpstream[]) {
  const specs = upstreams.map(({ port }, slot) =>
    specFor(slot, { endpoint: plainEndpoint('127.0.0.1', port), origin: FROM_CONFIGURATION }),
  );
  const routes = specs.map(({ slot }) => ({ upstreamSlot: slot, routeSlot: slot }));
  return { upstreams: specs, zones: [{ suffix: '.', partition: 1, policy: 'random' as const, routes }] };
}

function startOf(more: Partial<WorkerStart> = {}): WorkerStart {
  return {
    workers: 1,
    config,
    routing: routingTo(upstream),
    counterBlock,
    heartbeat: new SharedArrayBuffer(4),
    upstreamState: new SharedUpstreamState().buffer,
    sentQuestions: new SentQuestions().buffer,
    clientRates: createClientRates(),
    loopKeys: createKeyMaterial('', 'default'),
    listen: [{ host: '127.0.0.1', port: 0 }],
    reusePort: false,
    deal: null,
    ...more,
  };
}

async function open(more: Partial<WorkerStart> = {}) {
  const plane = await DataPlane.open(startOf(more), (message) => told.push(message));
  let isClosed = false;
  const order = (message: object) => plane.take({ id: 1, ...message } as ToWorker);
  const drain = async (graceMs = 0) => {
    if (!isClosed) await order({ type: 'drain', graceMs });
    isClosed = true;
  };
  onTestFinished(() => drain());
  return { plane, order, drain, port: plane.listeners.bound[0]!.port };
}

it('answers over UDP and TCP at the port that it says', async () => {
  const { port } = await open();
  const answers = [await askUdp(port, { name: 'a.example' }), await askTcp(port, { name: 'b.example' })];
  expect(answers.map(({ rcode }) => rcode)).toEqual([0, 0]);
  expect(new Counters(counterBlock).values[Counter.queriesTcp]).toBe(1);
});

it('rejects with the error for an address that is in use', async () => {
  const { port } = await open();
  const listen = [{ host: '127.0.0.1', port }];
  await expect(DataPlane.open(startOf({ listen }), () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

it('asks new upstreams after an order to', async () => {
  const { port, order } = await open();
  const other = await startScriptedUpstream((query) => answer(query, { rcode: NXDOMAIN, answers: [] }));
  onTestFinished(() => other.close());
  await order({
    type: 'routing',
    routing: { ...routingTo(other), zones: [{ ...routingTo(other).zones[0]!, partition: 2 }] },
  });
  expect((await askUdp(port, { name: 'a.example' })).rcode).toBe(NXDOMAIN);
  expect(upstream.queries).toHaveLength(0);
});

it('flushes a name from its cache, and says how many answers went', async () => {
  const { port, order } = await open();
  for (let i = 0; i < 2; i++) await askUdp(port, { name: 'a.example' });
  // Another one, where this thread stood still and the question was repeated.
  const { values } = new Counters(counterBlock);
  expect(values[Counter.cacheHits]).toBe(1);
  expect(await order({ type: 'flush', name: 'a.example', zone: '' })).toBe(1);
  expect(await order({ type: 'flush', name: 'a.example', zone: '' })).toBe(0);
});

it('lists what its cache holds', async () => {
  const { port, order } = await open();
  await askUdp(port, { name: 'a.example' });
  const wanted = { name: '', qtype: 0, zone: '', limit: 10 };
  expect(await order({ type: 'list-cache', wanted })).toMatchObject([{ name: 'a.example.', zone: '.' }]);
  for (const other of [{ name: 'b.example' }, { zone: 'nowhere.example' }, { qtype: 28 }])
    expect(await order({ type: 'list-cache', wanted: { ...wanted, ...other } })).toEqual([]);
});

it('says who asks most, and for what', async () => {
  const { port, order } = await open();
  for (let i = 0; i < 2; i++) await askUdp(port, { name: 'a.example' });
  upstream.script = (query) => answer(query, { rcode: NXDOMAIN, answers: [] });
  await askUdp(port, { name: 'no.example' });
  expect(await order({ type: 'top' })).toMatchObject({
    names: [{ key: 'a.example.', count: 2 }, { key: 'no.example.' }],
    clients: [{ key: '127.0.0.1', count: 3 }],
    nxdomainClients: [{ key: '127.0.0.1', count: 1 }],
    failingNames: [],
  });
});

it('applies another configuration', async () => {
  const { port, order } = await open();
  const REFUSED = 5;
  await order({ type: 'config', config: { ...config, limits: { ...config.limits, deny: ['127.0.0.0/8'] } } });
  await expect.poll(async () => (await askUdp(port, { name: 'a.example' })).rcode).toBe(REFUSED);
});

it('answers what is in flight before it closes', async () => {
  upstream.script = (query) => later(100, answer(query));
  const { port, drain } = await open();
  const asked = askUdp(port, { name: 'slow.example' });
  await upstream.received(1);
  await drain(5000);
  expect((await asked).rcode).toBe(0);
});

it.each([
  ['closed', 1_000_000],
  ['no UDP socket', 0],
])('serves on where the socket that it is to read also is %s by now', async (_what, fd) => {
  const { port, order } = await open();
  expect(await order({ type: 'read-also', worker: 1, descriptors: [fd] })).toBe(0);
  expect((await askUdp(port, { name: 'a.example' })).rcode).toBe(0);
});

it('answers a ping', async () => {
  const { order } = await open();
  expect(await order({ type: 'ping' })).toBe(0);
});

it('answers why a query cannot be explained, counts it, and goes on', async () => {
  const { order, port } = await open();
  const question = { name: `${'a'.repeat(64)}.example`, qtype: 1, client: '127.0.0.1', dryRun: false };
  expect(await order({ type: 'explain', question })).toEqual({
    failure: expect.stringContaining('RangeError'),
  });
  const totals = new CounterTotals();
  totals.add(counterBlock);
  expect(totals.dropped(Drop.internal_error)).toBe(1);
  expect((await askUdp(port, { name: 'a.example' })).rcode).toBe(0);
});
