import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostResolver } from '../../src/upstream/host-resolver.ts';
import { answer, nxdomain } from '../kit/answers.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';

let server: ScriptedUpstream;
let resolver: HostResolver;
let changes: (readonly string[])[];
let failures: string[];

function create(minPauseMs = 5000): HostResolver {
  resolver = new HostResolver({
    host: 'dns.example',
    servers: [`127.0.0.1:${server.port}`],
    onChange: (addresses) => changes.push(addresses),
    onFailure: (reason) => failures.push(reason),
    minPauseMs,
  });
  return resolver;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(async () => {
  changes = [];
  failures = [];
  server = await startScriptedUpstream((query) => answer(query, { ttl: 0 }));
});

afterEach(async () => {
  resolver.stop();
  await server.close();
});

describe('HostResolver', () => {
  it('resolves both families through the given servers', async () => {
    expect(await create().start()).toEqual(['192.0.2.1', '2001:db8::1']);
    expect(changes).toEqual([['192.0.2.1', '2001:db8::1']]);
    expect(server.queries.map((query) => query.type).toSorted()).toEqual(['A', 'AAAA']);
  });

  it('is satisfied with one family', async () => {
    server.script = (query) => (query.type === 'A' ? answer(query) : answer(query, { answers: [] }));
    expect(await create().start()).toEqual(['192.0.2.1']);
  });

  it('asks again when the TTL is over, and reports only changes', async () => {
    await create(5).start();
    await server.received(6);
    expect(changes.length).toBe(1);
    server.script = (query) =>
      answer(query, { ttl: 0, address: query.type === 'A' ? '192.0.2.2' : '2001:db8::2' });
    await until(() => resolver.addresses.includes('192.0.2.2') && resolver.addresses.includes('2001:db8::2'));
    expect(changes.at(-1)).toEqual(['192.0.2.2', '2001:db8::2']);
  });

  it('does not treat another order of the same addresses as a change', async () => {
    let turn = 0;
    server.script = (query) => {
      const last = turn++ % 4 < 2 ? [1, 2] : [2, 1];
      const answers = last.map((n) => ({
        type: 'A' as const,
        name: query.name,
        ttl: 0,
        data: `192.0.2.${n}`,
      }));
      return answer(query, { answers: query.type === 'A' ? answers : [] });
    };
    await create(5).start();
    await server.received(8);
    expect(changes).toEqual([['192.0.2.1', '192.0.2.2']]);
  });

  it('keeps the last good addresses through failures', async () => {
    await create(5).start();
    server.script = (query) => nxdomain(query);
    await until(() => failures.length > 1);
    expect(failures[0]).toContain('ENOTFOUND');
    expect(resolver.addresses).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  it('starts without an address when there is none, and keeps asking', async () => {
    server.script = (query) => nxdomain(query);
    expect(await create(5).start()).toEqual([]);
    server.script = (query) => answer(query);
    await until(() => changes.length > 0);
    expect(resolver.addresses).toContain('192.0.2.1');
  });

  it('does not ask after stop()', async () => {
    await create(5).start();
    resolver.stop();
    const { length } = server.queries;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(server.queries.length).toBe(length);
  });
});
