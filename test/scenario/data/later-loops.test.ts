// A loop that starts later, through a box on loopback that removes every mark but the name: it
// drops OPT, scrambles case, may set CD, and merges equal questions. Scheduled probes are off and
// the deadline is far away: the returning question alone reveals the loop.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestCertificate } from '../../kit/certificates.ts';
import { askTcp, askUdp } from '../../kit/dns-client.ts';
import { type LogLine, startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { StandIn, type StandInOptions } from '../../lab/support/stand-in.ts';
import { until } from './forwarder.ts';

const SERVFAIL = 2;
const BOX: StandInOptions = {
  address: '127.0.0.3',
  port: 0,
  dropOptions: true,
  scrambleCase: true,
  mergesEqual: true,
};
const GOOD: StandInOptions = { address: '127.0.0.2', port: 0 };

async function open(options: StandInOptions): Promise<StandIn> {
  const standIn = await StandIn.open(options);
  onTestFinished(() => standIn.close());
  return standIn;
}

interface Setting {
  readonly workers?: number;
  readonly loop?: Readonly<Record<string, unknown>>;
  readonly upstreams: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function start({ workers = 2, loop = {}, upstreams, env = {} }: Setting): Promise<UnloopProcess> {
  return startUnloop({
    config: {
      workers,
      upstreams,
      loop: { ...loop, probe: { onStart: false, interval: '1h' } },
      forward: { deadline: '15s' },
    },
    env,
  });
}

const isLoopLine = ({ msg }: LogLine): boolean => msg.startsWith('DNS forwarding loop: ');

/**
 * Asks a name before the loop, has it begin, and asks another: it must come to an end by itself.
 */
async function expectFound(unloop: UnloopProcess, begin: () => void, ask = askUdp): Promise<void> {
  expect((await ask(unloop.port, { name: 'before.example.com' })).rcode).toBe(0);
  begin();
  const answer = await ask(unloop.port, { name: 'www.looping.example.com' });
  expect(answer).toMatchObject({ rcode: SERVFAIL, ede: { code: 14 } });
  await unloop.waitForLog(isLoopLine);
}

describe('a loop that begins later is found by its first query', () => {
  const cases = [1, 2, 4].flatMap((workers) => [false, true].map((setsCd) => ({ workers, setsCd })));
  it.each(cases)('with $workers workers, through a box that sets CD: $setsCd', async ({
    workers,
    setsCd,
  }) => {
    const box = await open({ ...BOX, setsCd });
    const unloop = await start({ workers, upstreams: [`127.0.0.3:${box.port}`] });
    await expectFound(unloop, () => box.change({ target: `127.0.0.1:${unloop.port}` }));
  });

  it.each([
    { tag: 'never', case: true },
    { tag: 'always', case: false },
    { tag: 'never', case: false },
  ])('with loop.tag $tag and loop.case $case, through a box that keeps everything', async (loop) => {
    const box = await open({ address: '127.0.0.3', port: 0, setsCd: true });
    const unloop = await start({ loop, upstreams: [`127.0.0.3:${box.port}`] });
    await expectFound(unloop, () => box.change({ target: `127.0.0.1:${unloop.port}` }));
  });

  it.each([
    'case',
    'options',
    'edns',
  ] as const)('by a server of which it was learned that it does not take %s', async (what) => {
    const box = await open({ ...BOX, setsCd: true, stumblesOver: what });
    const unloop = await start({ workers: 2, upstreams: [`127.0.0.3:${box.port}`] });
    let asked = 0;
    await until(
      async () => {
        // Of several owners, over ports of their own, so that both workers see some of them.
        await askUdp(unloop.port, { name: `n${asked}.owner${asked++ % 4}.example` });
        const { upstreams } = await unloop.adminJson<{ upstreams: { learned: { what: string }[] }[] }>(
          '/upstreams',
        );
        return upstreams[0]!.learned.map((lesson) => lesson.what);
      },
      (learned) => learned.includes(what),
    );
    await expectFound(unloop, () => box.change({ target: `127.0.0.1:${unloop.port}` }));
  });

  it('when it comes back from an address that is no upstream, through two boxes', async () => {
    const second = await open({ ...BOX, address: '127.0.0.4', setsCd: true });
    const first = await open({ ...BOX, target: `127.0.0.4:${second.port}` });
    const unloop = await start({ workers: 4, upstreams: [`127.0.0.3:${first.port}`] });
    await expectFound(unloop, () => second.change({ target: `127.0.0.1:${unloop.port}` }));
  });

  it.each([true, false])('over TCP, and back over TCP: %s', async (viaTcp) => {
    const box = await open({ ...BOX, setsCd: true, viaTcp });
    const unloop = await start({ upstreams: [`tcp://127.0.0.3:${box.port}`] });
    await expectFound(unloop, () => box.change({ target: `127.0.0.1:${unloop.port}` }), askTcp);
  });

  it('out over UDP, and back over TCP', async () => {
    const box = await open({ ...BOX, setsCd: true, viaTcp: true });
    const unloop = await start({ workers: 4, upstreams: [`127.0.0.3:${box.port}`] });
    await expectFound(unloop, () => box.change({ target: `127.0.0.1:${unloop.port}` }));
  });

  it.each([true, false])('out over TLS, and back over TCP: %s', async (viaTcp) => {
    const certificate = await createTestCertificate(['box.example'], ['127.0.0.3']);
    const directory = mkdtempSync(join(tmpdir(), 'unloop-later-loops-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const ca = join(directory, 'ca.pem');
    writeFileSync(ca, certificate.cert);
    const box = await open({ ...BOX, setsCd: true, viaTcp, certificate });
    const upstreams = [`tls://127.0.0.3:${box.tlsPort}#box.example`];
    const unloop = await start({ upstreams, env: { NODE_EXTRA_CA_CERTS: ca } });
    await expectFound(unloop, () => box.change({ target: `127.0.0.1:${unloop.port}` }));
  });

  it.each([
    1, 4,
  ])('with a good upstream beside it, and %i workers: every client is answered', async (workers) => {
    const [box, good] = [await open({ ...BOX, setsCd: true }), await open(GOOD)];
    const upstreams = [`127.0.0.3:${box.port}`, `127.0.0.2:${good.port}`];
    const unloop = await start({ workers, upstreams });
    await askUdp(unloop.port, { name: 'before.example.com' });
    box.change({ target: `127.0.0.1:${unloop.port}` });
    const names = Array.from({ length: 20 }, (_, i) => `www${i}.looping.example.com`);
    const answers = await Promise.all(names.map((name) => askUdp(unloop.port, { name })));
    expect(answers.map(({ rcode }) => rcode)).toEqual(names.map(() => 0));
    const line = await unloop.waitForLog(isLoopLine);
    expect(line.upstream).toBe(`127.0.0.3:${box.port}`);
  });
});

describe('no loop, but much that looks like one', () => {
  it('costs few probes: equal questions from many clients, to four workers and a slow upstream', async () => {
    const slow = await open({ ...GOOD, delayMs: 60 });
    const unloop = await start({ workers: 4, upstreams: [`127.0.0.2:${slow.port}`] });
    let answered = 0;
    const startMs = performance.now();
    for (let round = 0; round < 20; round++) {
      const names = Array.from({ length: 10 }, (_, i) => `n${round}-${i}.example.com`);
      // Each from a port of its own, so that all workers get some of them.
      const asked = names.flatMap((name) => [1, 2, 3, 4].map(() => askUdp(unloop.port, { name })));
      for (const { rcode } of await Promise.all(asked)) if (rcode === 0) answered++;
    }
    expect(answered).toBe(800);
    const metrics = await unloop.metrics();
    expect(metrics.value('unloop_loop_suspicions_total')).toBeGreaterThan(100);
    // Five at once and one in ten seconds for the question alone; where nobody was answered
    // meanwhile, one a second.
    const seconds = (performance.now() - startMs) / 1000;
    expect(metrics.value('unloop_loop_probes_total')).toBeLessThan(22 + seconds);
    expect(metrics.value('unloop_loop_detected_total')).toBe(0);
    expect(unloop.log.some(isLoopLine)).toBe(false);
  });
});
