import { describe, expect, it } from 'vitest';
import { plainEndpoint } from '../../src/base/endpoint.ts';
import {
  dedupe,
  findReplacement,
  isSameSet,
  judgeEndpoint,
  type Surroundings,
} from '../../src/discovery/replacement.ts';
import type { SourceContext, SourceFacts, SourceReader } from '../../src/discovery/sources/source.ts';
import { found } from './temp-tree.ts';

const HERE: Surroundings = {
  listen: [{ host: '127.0.0.1', port: 53 }],
  interfaces: [{ name: 'eth0', address: '10.0.0.5', index: 0 }],
  isForeign: false,
};

describe('judgeEndpoint', () => {
  it.each([
    ['10.0.0.1', 53, 'good'],
    ['127.0.0.1', 53, 'own'],
    ['127.0.0.53', 53, 'stub'],
    ['127.0.0.1', 5353, 'good'],
    ['0.0.0.0', 53, 'own'],
    ['10.0.0.5', 53, 'good'],
  ])('%s:%d is %s', (host, port, verdict) => {
    expect(judgeEndpoint(plainEndpoint(host, port), HERE)).toBe(verdict);
  });

  it('cannot reach the loopback of the node from a container', () => {
    const foreign = { ...HERE, listen: [], isForeign: true };
    expect(judgeEndpoint(plainEndpoint('127.0.0.53', 53), foreign)).toBe('unreachable');
    expect(judgeEndpoint(plainEndpoint('10.0.0.1', 53), foreign)).toBe('good');
  });

  it('judges TLS on its usual port as port 53', () => {
    const tls = { ...plainEndpoint('127.0.0.53', 853), transport: 'tls' as const };
    expect(judgeEndpoint(tls, HERE)).toBe('stub');
    expect(judgeEndpoint({ ...tls, port: 8853 }, HERE)).toBe('good');
  });
});

describe('findReplacement', () => {
  const reader = (...facts: Partial<SourceFacts>[]): SourceReader => {
    const full = facts.map((one) => ({ source: 'dnsmasq', upstreams: [], zones: [], ...one }) as SourceFacts);
    return async () => full;
  };
  const find = (...readers: SourceReader[]) => findReplacement({} as SourceContext, HERE, readers);

  it('stops at the first source with a usable server', async () => {
    const { upstreams, leadsToUs, notices } = await find(
      reader(),
      reader({ upstreams: [found('127.0.0.53', 'a'), found('10.0.0.1', 'a')] }),
      reader({ upstreams: [found('10.0.0.2', 'b')] }),
    );
    expect(upstreams.map(({ endpoint }) => endpoint.host)).toEqual(['10.0.0.1']);
    expect(leadsToUs).toBe(false);
    expect(notices.map(({ code }) => code)).toEqual(['source-names-loopback']);
  });

  it('notices that the stub asks us', async () => {
    const result = await find(reader({ upstreams: [found('127.0.0.1', 'a')] }));
    expect(result).toMatchObject({ upstreams: [], leadsToUs: true });
  });

  it('joins the zones of all sources it read, without servers that are no use', async () => {
    const zone = (suffix: string, ...hosts: string[]) => ({
      suffix,
      upstreams: hosts.map((host) => found(host, 'a')),
    });
    const { zones } = await find(
      reader({ zones: [zone('corp', '10.0.0.1', '127.0.0.53'), zone('lab', '127.0.0.53')] }),
      reader({ zones: [zone('corp', '10.0.0.1', '10.0.0.2')] }),
    );
    expect(
      zones.map(({ suffix, upstreams }) => [suffix, ...upstreams.map(({ endpoint }) => endpoint.host)]),
    ).toEqual([['corp', '10.0.0.1', '10.0.0.2']]);
  });
});

it('keeps the first of each endpoint', () => {
  const list = [found('10.0.0.1', 'a'), found('10.0.0.2', 'a'), found('10.0.0.1', 'b')];
  expect(dedupe(list)).toEqual(list.slice(0, 2));
});

it('compares lists as sets', () => {
  const [a, b, c] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((host) => found(host, 'x'));
  expect(isSameSet([a!, b!], [b!, a!, a!])).toBe(true);
  expect(isSameSet([a!, b!], [a!, c!])).toBe(false);
  expect(isSameSet([a!], [a!, b!])).toBe(false);
  expect(isSameSet([], [])).toBe(true);
});
