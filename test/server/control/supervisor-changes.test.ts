// Changes in trouble: new workers that cannot listen, workers that exit or start during a change.
// Real workers, from the built program.
import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import type { Log } from '../../../src/base/log.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { dealByName } from '../../../src/io/deal-by-name.ts';
import { supportsReusePort } from '../../../src/io/open-socket.ts';
import { createKeyMaterial } from '../../../src/loop/keys.ts';
import { SentQuestions } from '../../../src/loop/sent-questions.ts';
import { CounterTotals } from '../../../src/metrics/counters.ts';
import { createClientRates } from '../../../src/pipeline/client-rates.ts';
import type { Supervisor as SupervisorType } from '../../../src/server/control/supervisor.ts';
import type { RoutingSpec } from '../../../src/server/worker/routing-spec.ts';
import type { WorkerOrder } from '../../../src/server/worker/worker-channel.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { specFor } from '../../../src/upstream/upstream.ts';
import { answer } from '../../kit/answers.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { startScriptedUpstream } from '../../kit/scripted-upstream.ts';

const built = new URL('../../../dist/src/server/control/supervisor.js', import.meta.url).href;
const { Supervisor } = (await import(built)) as { Supervisor: typeof SupervisorType };

const WORKERS = supportsReusePort() ? 2 : 1;
const SERVFAIL = 2;
/** Routing that is none: reading it throws, and the worker dies. */
const DEADLY = { type: 'routing', routing: null } as unknown as WorkerOrder;
const NO_ROUTING: RoutingSpec = {
  upstreams: [],
  zones: [{ suffix: '.', partition: 0, policy: 'random', routes: [] }],
};
const { config } = loadConfig({ path: null, overrides: [{ flag: 'upstream', texts: ['127.0.0.1:9'] }] });
const DEAL = WORKERS > 1 ? dealByName(WORKERS, 7) : null;

const SILENT = Object.fromEntries(
  ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, () => {}]),
) as unknown as Log;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a change of all workers', () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function start() {
    const supervisor = new Supervisor(
      {
        workers: WORKERS,
        reusePort: supportsReusePort(),
        deal: DEAL,
        config,
        routing: NO_ROUTING,
        upstreamState: new SharedUpstreamState().buffer,
        sentQuestions: new SentQuestions().buffer,
        clientRates: createClientRates(),
        loopKeys: createKeyMaterial('', 'default'),
      },
      new CounterTotals(),
      SILENT,
      () => {},
    );
    closers.push(() => supervisor.drain(0, 0));
    const [bound] = await supervisor.start([{ host: '127.0.0.1', port: 0 }]);
    return { supervisor, port: bound!.port };
  }

  const allRunning = async (supervisor: SupervisorType) => {
    while (supervisor.running < WORKERS) await sleep(10);
  };
  const rcode = async (port: number, name: string) => (await askUdp(port, { name })).rcode;

  it('that cannot listen leaves the old ones at work, and under command', async () => {
    const { supervisor, port } = await start();
    const holder = createSocket('udp4');
    await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve));
    closers.push(() => new Promise<void>((resolve) => holder.close(() => resolve())));
    const taken = [
      { host: '127.0.0.1', port },
      { host: '127.0.0.1', port: holder.address().port },
    ];
    const change = { config, workers: WORKERS, routing: NO_ROUTING, deal: DEAL };
    await expect(supervisor.replaceAll(change, taken, 100)).rejects.toThrow(/cannot listen/);
    expect(supervisor.running).toBe(WORKERS);
    for (let i = 0; i < 20; i++) expect(await rcode(port, `n${i}.example`)).toBe(SERVFAIL);
    expect(await supervisor.broadcast({ type: 'ping' })).toEqual(new Array(WORKERS).fill(0));
    await supervisor.broadcast(DEADLY);
    await allRunning(supervisor);
    expect(supervisor.restarts).toBe(WORKERS);
    expect(await rcode(port, 'after.example')).toBe(SERVFAIL);
  });

  it('during which old ones die leaves as many as wanted, and none that nobody knows of', async () => {
    const { supervisor, port } = await start();
    const dying = supervisor.broadcast(DEADLY);
    const listen = [{ host: '127.0.0.1', port }];
    await supervisor.replaceAll({ config, workers: WORKERS, routing: NO_ROUTING, deal: DEAL }, listen, 100);
    await dying;
    // Long enough for a replacement that should not be.
    await sleep(400);
    expect(supervisor.running).toBe(WORKERS);
    expect(await rcode(port, 'www.example')).toBe(SERVFAIL);
    await supervisor.drain(100, 0);
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port, address: '127.0.0.1', exclusive: true }, resolve);
    });
    socket.close();
  });

  it('of routing also reaches a worker that is just starting', async () => {
    const { supervisor, port } = await start();
    const upstream = await startScriptedUpstream((query) => answer(query));
    closers.push(() => upstream.close());
    await supervisor.broadcast(DEADLY);
    // By now their successors have been given what they start with, and load their code.
    await sleep(60);
    const endpoint = plainEndpoint('127.0.0.1', upstream.port);
    const spec = specFor(0, { endpoint, origin: FROM_CONFIGURATION });
    await supervisor.useRouting({
      upstreams: [spec],
      zones: [{ suffix: '.', partition: 1, policy: 'random', routes: [{ upstreamSlot: 0, routeSlot: 0 }] }],
    });
    await allRunning(supervisor);
    await supervisor.broadcast({ type: 'ping' });
    for (let i = 0; i < 20; i++) expect(await rcode(port, `n${i}.example`)).toBe(0);
  });
});
