// The supervisor with real workers, from the built program (a thread cannot load TypeScript on
// every Node.js we support). An invalid order makes a worker throw, as a defect would.
import { afterEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { dealByName } from '../../../src/io/deal-by-name.ts';
import { supportsReusePort } from '../../../src/io/open-socket.ts';
import { createKeyMaterial } from '../../../src/loop/keys.ts';
import { SentQuestions } from '../../../src/loop/sent-questions.ts';
import { Counter, CounterTotals } from '../../../src/metrics/counters.ts';
import { createClientRates } from '../../../src/pipeline/client-rates.ts';
import type { Supervisor as SupervisorType } from '../../../src/server/control/supervisor.ts';
import type { WorkerOrder } from '../../../src/server/worker/worker-channel.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { askTcp, askUdp } from '../../kit/dns-client.ts';

const built = new URL('../../../dist/src/server/control/supervisor.js', import.meta.url).href;
const { Supervisor } = (await import(built)) as { Supervisor: typeof SupervisorType };

const WORKERS = supportsReusePort() ? 2 : 1;
const DEAL = WORKERS > 1 ? dealByName(WORKERS, 7) : null;
/** Routing that is none: reading it throws. */
const DEADLY = { type: 'routing', routing: null } as unknown as WorkerOrder;

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

function recordingLog(lines: Line[]): Log {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
  };
}

describe('supervisor', () => {
  const running: SupervisorType[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((supervisor) => supervisor.drain(0, 0)));
  });

  async function start() {
    const { config } = loadConfig({
      path: null,
      overrides: [{ flag: 'upstream', texts: ['127.0.0.1:9'] }],
    });
    const lines: Line[] = [];
    const totals = new CounterTotals();
    const supervisor = new Supervisor(
      {
        workers: WORKERS,
        reusePort: supportsReusePort(),
        deal: DEAL,
        config,
        // No upstream: every query is answered SERVFAIL, at once.
        routing: { upstreams: [], zones: [{ suffix: '.', partition: 0, policy: 'random', routes: [] }] },
        upstreamState: new SharedUpstreamState().buffer,
        sentQuestions: new SentQuestions().buffer,
        clientRates: createClientRates(),
        loopKeys: createKeyMaterial('', 'default'),
      },
      totals,
      recordingLog(lines),
      () => {},
    );
    running.push(supervisor);
    const [bound] = await supervisor.start([{ host: '127.0.0.1', port: 0 }]);
    return { supervisor, totals, lines, port: bound!.port };
  }

  const restored = async (supervisor: SupervisorType) => {
    while (supervisor.running < WORKERS) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const queries = (totals: CounterTotals) => totals.counter(Counter.queriesUdp);

  it('replaces workers that die, on the same port; what they counted is kept', async () => {
    const { supervisor, totals, lines, port } = await start();
    expect(supervisor.running).toBe(WORKERS);
    for (let i = 0; i < 20; i++) expect((await askUdp(port, { name: `n${i}.example` })).rcode).toBe(2);
    expect(queries(totals)).toBe(20);

    // The order is never answered; the handle settles it when the worker is gone.
    await supervisor.broadcast(DEADLY);
    await restored(supervisor);
    expect(supervisor.restarts).toBe(WORKERS);
    const deaths = lines.filter((line) => line.level === 'error');
    expect(deaths).toHaveLength(WORKERS);
    expect(deaths[0]!.fields.err).toBeInstanceOf(Error);

    expect(queries(totals)).toBe(20);
    for (let i = 0; i < 20; i++) expect((await askUdp(port, { name: `m${i}.example` })).rcode).toBe(2);
    expect((await askTcp(port, { name: 'www.example' })).rcode).toBe(2);
    expect(queries(totals)).toBe(40);
  });

  it('goes on replacing them when they die again', async () => {
    const { supervisor, port } = await start();
    for (let round = 1; round <= 3; round++) {
      await supervisor.broadcast(DEADLY);
      await restored(supervisor);
      expect(supervisor.restarts).toBe(round * WORKERS);
    }
    expect((await askUdp(port, { name: 'www.example' })).rcode).toBe(2);
  });

  it('does not take the end of a drained worker for a death', async () => {
    const { supervisor, lines } = await start();
    await supervisor.drain(100, 0);
    // Ended workers take no orders, and leave nobody waiting.
    expect(await supervisor.broadcast({ type: 'flush', name: '', zone: '' })).toEqual(
      new Array(WORKERS).fill(0),
    );
    expect(supervisor.restarts).toBe(0);
    expect(lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('replaces all on request, and answers throughout where the port can be shared', async () => {
    const { supervisor, totals, port } = await start();
    const { config } = loadConfig({ path: null, overrides: [] });
    let asked = 0;
    let replaced = false;
    const replacing = supervisor
      .replaceAll(
        {
          config,
          workers: WORKERS,
          deal: DEAL,
          routing: { upstreams: [], zones: [{ suffix: '.', partition: 0, policy: 'random', routes: [] }] },
        },
        [{ host: '127.0.0.1', port }],
        1000,
      )
      .then(() => {
        replaced = true;
      });
    while (!replaced && WORKERS > 1)
      expect((await askUdp(port, { name: `n${asked++}.example` })).rcode).toBe(2);
    await replacing;
    expect(supervisor.running).toBe(WORKERS);
    expect(supervisor.restarts).toBe(0);
    expect(queries(totals)).toBe(asked);
    expect((await askUdp(port, { name: 'after.example' })).rcode).toBe(2);
  });
});
