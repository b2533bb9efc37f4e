// Several upstreams, some of them bad, and one silent upstream: what the client gets, and when.
import { describe, expect, it, onTestFinished } from 'vitest';
import { closeConnection, later, type Script } from '../../kit/actions.ts';
import { answer, errorAnswer, servfail, truncated } from '../../kit/answers.ts';
import { type Answer, askTcp, askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { askedOf, SOCKETS, scenarioConfig, startForwarder, until } from './forwarder.ts';

const good: Script = (query) => answer(query);
const silent: Script = () => undefined;
const refused: Script = (query) => errorAnswer(query, 5);
const notimp: Script = (query) => errorAnswer(query, 4);

/** Upstreams with these scripts, and unloop in front of them, asking them in this order. */
async function startChain(
  scripts: readonly Script[],
  config: Record<string, unknown> = {},
  native = true,
): Promise<{ port: number; upstreams: ScriptedUpstream[]; unloop: Awaited<ReturnType<typeof startUnloop>> }> {
  const upstreams = await Promise.all(scripts.map((script) => startScriptedUpstream(script)));
  for (const upstream of upstreams) onTestFinished(() => upstream.close());
  const unloop = await startUnloop({
    native,
    config: scenarioConfig(
      upstreams.map((upstream) => `127.0.0.1:${upstream.port}`),
      { forward: { policy: 'sequential' }, ...config },
    ),
  });
  return { port: unloop.port, upstreams, unloop };
}

const WAYS = SOCKETS.flatMap(({ socket, native }) => [
  { socket, native, transport: 'UDP', ask: askUdp },
  { socket, native, transport: 'TCP', ask: askTcp },
]);

describe.each(WAYS)('failover over $transport, $socket', ({ native, ask }) => {
  it.each([
    { fault: 'SERVFAIL', script: servfail as Script, reason: 'rcode' },
    { fault: 'REFUSED', script: refused, reason: 'rcode' },
    { fault: 'NOTIMP', script: notimp, reason: 'rcode' },
    { fault: 'silence', script: silent, reason: 'timeout' },
  ])('after $fault the next upstream is asked', async ({ script, reason }) => {
    const { port, upstreams, unloop } = await startChain([script, good], {}, native);
    const reply = await ask(port, { name: 'www.example' });
    expect(reply).toMatchObject({ rcode: 0, ede: null });
    expect(reply.answers).toHaveLength(1);
    expect(askedOf(upstreams[0]!, 'www.example').length).toBeGreaterThanOrEqual(1);
    const metrics = await unloop.metrics();
    const labels = { upstream: `127.0.0.1:${upstreams[0]!.port}`, reason };
    expect(metrics.value('unloop_upstream_failures_total', labels)).toBeGreaterThanOrEqual(1);
  });

  it('after an unreachable upstream the next is asked', async () => {
    const upstream = await startScriptedUpstream(good);
    onTestFinished(() => upstream.close());
    const dead = await freePort();
    const unloop = await startUnloop({
      native,
      config: scenarioConfig([`127.0.0.1:${dead}`, `127.0.0.1:${upstream.port}`], {
        forward: { policy: 'sequential' },
      }),
    });
    const reply = await ask(unloop.port, { name: 'www.example' });
    expect(reply.answers).toHaveLength(1);
  });

  it('answers SERVFAIL with EDE 22 or 23 by the deadline when nobody answers; the late answer is kept', async () => {
    const lateness = 1200;
    const f = await startForwarder({
      native,
      config: { forward: { deadline: '600ms' }, cache: { failureTtl: '1s' } },
    });
    f.on('late.example', (query) => later(lateness, answer(query)));
    const startMs = Date.now();
    const reply = await ask(f.port, { name: 'late.example' });
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(500);
    expect(reply).toMatchObject({ rcode: 2, answers: [] });
    expect([22, 23]).toContain(reply.ede?.code);
    // From the failure cache meanwhile, then from the late answer, without any further question.
    const tries = f.asked('late.example').length;
    expect(tries).toBeLessThanOrEqual(3);
    const kept = await until(
      () => ask(f.port, { name: 'late.example' }),
      (next) => next.rcode === 0,
    );
    expect(kept.answers).toHaveLength(1);
    await f.close();
  });

  it('passes the upstream’s own rcode and EDE on when all fail', async () => {
    const ede = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 1232,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [{ code: 15, data: Buffer.from([0, 9, ...Buffer.from('no key')]) }],
    } as never;
    const { port } = await startChain(
      [(query) => answer(query, { rcode: 2, answers: [], opt: false, additionals: [ede] })],
      {},
      native,
    );
    const reply: Answer = await ask(port, { name: 'bogus.example' });
    expect(reply).toMatchObject({ rcode: 2, ede: { code: 9, text: 'no key' } });
  });
});

describe('an upstream that is down', () => {
  it('is found out by two checks, costs no waiting, and comes back by itself', async () => {
    const { port, upstreams, unloop } = await startChain([silent, good], {
      forward: { policy: 'sequential', healthCheck: { interval: '100ms', maxFails: 2 } },
    });
    const isUp = async (up: number) => {
      const metrics = await unloop.metrics();
      const upstream = `127.0.0.1:${upstreams[0]!.port}`;
      return metrics.value('unloop_upstream_state', { upstream, state: 'up' }) === up;
    };
    for (let i = 0; i < 3; i++)
      expect(await askUdp(port, { name: `n${i}.example` })).toMatchObject({ rcode: 0 });
    await until(
      () => isUp(0),
      (is) => is,
    );
    const askedBefore = upstreams[0]!.queries.length;
    // On a stalled machine the other seems silent too, and a question is repeated.
    const repeated = async () =>
      (await unloop.metrics()).value('unloop_upstream_failures_total', {
        upstream: `127.0.0.1:${upstreams[1]!.port}`,
      });
    const repeatedBefore = await repeated();
    const startMs = Date.now();
    for (let i = 0; i < 20; i++)
      expect(await askUdp(port, { name: `m${i}.example` })).toMatchObject({ rcode: 0 });
    const asked = upstreams[0]!.queries.slice(askedBefore).filter((query) => /^m\d/i.test(query.name));
    // One question in half a second goes to it beside the other, which nobody waits for.
    const atMost = 1 + (Date.now() - startMs) / 500 + (await repeated()) - repeatedBefore;
    expect(asked.length).toBeLessThanOrEqual(atMost);
    upstreams[0]!.script = good;
    await until(
      () => isUp(1),
      (is) => is,
    );
    await until(
      () => askUdp(port, { name: `back${upstreams[0]!.queries.length}.example` }),
      () => upstreams[0]!.queries.some((query) => /^back/i.test(query.name)),
    );
    const lines = unloop.log.filter((line) => /is down|is up again/.test(line.msg));
    expect(lines.map((line) => line.level)).toEqual(['warn', 'info']);
  });

  it('with all others makes SERVFAIL and EDE 23 at once, not at the deadline', async () => {
    const f = await startForwarder({
      // The client of this test waits twenty seconds.
      config: { forward: { deadline: '30s', healthCheck: { interval: '100ms', maxFails: 1 } } },
    });
    await f.upstream.close();
    await askUdp(f.port, { name: 'first.example' });
    await f.unloop.waitForMetrics(
      (metrics) => metrics.value('unloop_upstream_state', { state: 'down' }) === 1,
    );
    const reply = await askUdp(f.port, { name: 'second.example' });
    expect(reply).toMatchObject({ rcode: 2, ede: { code: 23 } });
    await f.close();
  });
});

describe('retries', () => {
  it('ask one upstream three times at most for one question (RFC 9520 §3.1)', async () => {
    const f = await startForwarder({ config: { forward: { deadline: '3s' }, cache: { failureTtl: '5s' } } });
    f.on('quiet.example', silent);
    expect(await f.udp({ name: 'quiet.example' })).toMatchObject({ rcode: 2 });
    const tries = f.asked('quiet.example').length;
    expect(tries).toBeGreaterThanOrEqual(2);
    expect(tries).toBeLessThanOrEqual(3);
    await f.close();
  });

  it('ask it four times at most after TC, when its connections end and its datagrams get lost', async () => {
    const name = 'breaks.example';
    const script: Script = (query) => {
      if (query.name.toLowerCase() !== name) return answer(query);
      if (query.transport === 'tcp') return closeConnection();
      return upstream!.queries.filter((asked) => asked.name.toLowerCase() === name).length === 1
        ? undefined
        : truncated(query);
    };
    const { port, upstreams } = await startChain([(query) => script(query)]);
    const upstream: ScriptedUpstream | undefined = upstreams[0];
    expect(await askUdp(port, { name })).toMatchObject({ truncated: true });
    const asked = askedOf(upstreams[0]!, name);
    const over = (transport: string) => asked.filter((query) => query.transport === transport).length;
    expect(over('udp')).toBeGreaterThanOrEqual(2);
    expect(over('tcp')).toBeGreaterThanOrEqual(1);
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  it('make good what gets lost on the way', async () => {
    const f = await startForwarder();
    f.on('lossy.example', (query) => (f.asked('lossy.example').length === 1 ? undefined : answer(query)));
    expect((await f.udp({ name: 'lossy.example' })).answers).toHaveLength(1);
    expect(f.asked('lossy.example').length).toBeGreaterThanOrEqual(2);
    await f.close();
  });
});

describe('policy', () => {
  const spread = async (policy: string, count = 40) => {
    const { port, upstreams } = await startChain([good, good], { forward: { policy } });
    for (let i = 0; i < count; i++) await askUdp(port, { name: `n${i}.example` });
    return upstreams.map((upstream) => upstream.queries.filter((query) => /^n\d/i.test(query.name)).length);
  };

  it('sequential asks the first alone while it answers', async () => {
    const [first, second] = await spread('sequential');
    expect(first).toBeGreaterThanOrEqual(40);
    // None, but for a repetition where the machine stalls.
    expect(second).toBeLessThanOrEqual(3);
  });

  it('roundRobin asks each in turn', async () => {
    const [first, second] = await spread('roundRobin');
    expect(first! + second!).toBeGreaterThanOrEqual(40);
    expect(Math.abs(first! - second!)).toBeLessThanOrEqual(3);
  });

  it('random asks both', async () => {
    const [first, second] = await spread('random', 60);
    expect(Math.min(first!, second!)).toBeGreaterThan(5);
  });

  it('fastest asks the one that answers first', async () => {
    const { port, upstreams } = await startChain([(query) => later(60, answer(query)), good], {
      forward: { policy: 'fastest' },
    });
    for (let i = 0; i < 40; i++) await askUdp(port, { name: `n${i}.example` });
    expect(upstreams[1]!.queries.length).toBeGreaterThan(upstreams[0]!.queries.length * 2);
  });
});
