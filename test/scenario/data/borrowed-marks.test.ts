// Clients that copy our marks into queries of their own: a case pattern that they saw in an answer,
// tags that they made up. Only they are affected. Attacker and honest client in one run.
import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answer } from '../../kit/answers.ts';
import { askUdp, type EdnsOption, queryBytes, UdpClient } from '../../kit/dns-client.ts';
import { startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { type LogLine, startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { StandIn, type StandInOptions } from '../../lab/support/stand-in.ts';

const TAG_OPTION = 65353;
const TAG_LENGTH = 28;
const isLoopLine = ({ msg }: LogLine): boolean => msg.startsWith('DNS forwarding loop: ');

/** Data that look like a tag of this version, and are nobody's. */
function madeUpTag(): EdnsOption {
  const data = randomBytes(TAG_LENGTH);
  data[0] = 1;
  data[1] = 0;
  return { code: TAG_OPTION, data };
}

/** RCODEs of honest queries, each for a name of its own, one after the other. */
async function honest(port: number, suffix: string, count: number): Promise<number[]> {
  const rcodes: number[] = [];
  for (let i = 0; i < count; i++) {
    rcodes.push((await askUdp(port, { name: `honest${i}.${suffix}`, edns: false })).rcode);
  }
  return rcodes;
}

/** Sends these again and again until the work is done. */
async function meanwhile<T>(port: number, next: () => Buffer, work: Promise<T>): Promise<T> {
  const client = await UdpClient.open(port);
  const timer = setInterval(() => {
    for (let i = 0; i < 10; i++) client.send(next());
  }, 5);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    client.close();
  }
}

describe('our case pattern', () => {
  it('does not show in the names of an answer, whose server writes them out as it was asked', async () => {
    const upstream = await startScriptedUpstream((query) => answer(query));
    onTestFinished(() => upstream.close());
    const unloop = await startUnloop({ config: { workers: 1, upstreams: [`127.0.0.1:${upstream.port}`] } });
    for (const name of ['www.some-long-name.example.com', 'WWW.Some-Long-Name.example.COM']) {
      const { name: asked, answers } = await askUdp(unloop.port, { name });
      expect([asked, answers[0]!.name]).toEqual([name, name]);
    }
    const [sent] = upstream.queries.filter(({ name }) => name.toLowerCase().startsWith('www.'));
    expect(sent!.name).not.toBe(sent!.name.toLowerCase());
  });

  it('replayed by a client that learned it takes no upstream out of use', async () => {
    // An authority that tells what it was asked, in text: that cannot be hidden.
    const upstream = await startScriptedUpstream((query) => answer(query, { ttl: 0 }));
    onTestFinished(() => upstream.close());
    const unloop = await startUnloop({ config: { workers: 2, upstreams: [`127.0.0.1:${upstream.port}`] } });
    const name = 'a-name-of-more-than-thirty-two-letters-in-all.attacker.example';
    const { answers } = await askUdp(unloop.port, { name, type: 'TXT' });
    const [learned] = (answers[0] as unknown as { data: Buffer[] }).data.map(String);
    expect(learned).not.toBe(name);
    expect(learned!.toLowerCase()).toBe(name);
    const replay = queryBytes({ name: learned!, type: 'TXT', edns: false });
    const rcodes = await meanwhile(unloop.port, () => replay, honest(unloop.port, 'example.com', 300));
    expect(rcodes).toEqual(rcodes.map(() => 0));
    expect(unloop.log.some(isLoopLine)).toBe(false);
    const metrics = await unloop.metrics();
    expect(metrics.value('unloop_loop_quarantined')).toBe(0);
    expect(metrics.value('unloop_loop_suspicions_total')).toBeGreaterThan(0);
  });
});

describe('tags that a client makes up', () => {
  it.each([1, 4, 12])('%i of them, sent through two tiers, fail no name for others', async (count) => {
    const upstream = await startScriptedUpstream((query) => answer(query));
    onTestFinished(() => upstream.close());
    const second = await startUnloop({ config: { workers: 1, upstreams: [`127.0.0.1:${upstream.port}`] } });
    const first = await startUnloop({ config: { workers: 1, upstreams: [`127.0.0.1:${second.port}`] } });
    for (let i = 0; i < 40; i++) {
      const name = `victim${i}.example.com`;
      const options = Array.from({ length: count }, madeUpTag);
      const [attacker, joined] = await Promise.all([
        askUdp(first.port, { name, options }),
        askUdp(first.port, { name }),
      ]);
      const after = await askUdp(first.port, { name });
      expect([attacker.rcode, joined.rcode, after.rcode]).toEqual([0, 0, 0]);
    }
  });
});

describe('a flood of made-up tags', () => {
  const key = {
    loop: { clusterKey: 'a key that both replicas have', probe: { onStart: false, interval: '1h' } },
  };
  const replica = (upstream: string): Promise<UnloopProcess> =>
    startUnloop({ config: { workers: 2, upstreams: [upstream], forward: { deadline: '15s' }, ...key } });
  const box = async (options: Partial<StandInOptions>): Promise<StandIn> => {
    const opened = await StandIn.open({ address: '127.0.0.3', port: 0, ...options });
    onTestFinished(() => opened.close());
    return opened;
  };
  const forged = () => queryBytes({ name: 'flood.example.com', options: [madeUpTag()] });

  it('costs honest clients of a replica nothing', async () => {
    const one = await replica(`127.0.0.3:${(await box({})).port}`);
    const rcodes = await meanwhile(one.port, forged, honest(one.port, 'example.com', 300));
    expect(rcodes).toEqual(rcodes.map(() => 0));
    expect(one.log.some(isLoopLine)).toBe(false);
  });

  it('does not hide a loop through both replicas, of whose tags neither has seen the other’s', async () => {
    const [there, back] = [await box({}), await box({ address: '127.0.0.4' })];
    const one = await replica(`127.0.0.3:${there.port}`);
    const two = await replica(`127.0.0.4:${back.port}`);
    there.change({ target: `127.0.0.1:${two.port}` });
    const asked = (async () => {
      // The budget for checking tags is used up by now.
      await new Promise((resolve) => setTimeout(resolve, 500));
      back.change({ target: `127.0.0.1:${one.port}` });
      return askUdp(one.port, { name: 'www.looping.example.com' });
    })();
    const { rcode, ede } = await meanwhile(two.port, forged, asked);
    expect([rcode, ede?.code]).toEqual([2, 14]);
  });
});
