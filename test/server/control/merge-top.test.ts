// What several workers counted, in two windows each, as one list.
import { expect, it } from 'vitest';
import { mergeTop } from '../../../src/server/control/merge-top.ts';
import type { TopReport } from '../../../src/top/top-counts.ts';

const NOTHING: TopReport = {
  sinceMs: 0,
  names: [],
  clients: [],
  nxdomainClients: [],
  failingNames: [],
  searchClients: [],
  searchDomains: [],
};
const entry = (key: string, count: number, slot = -1) => ({ key, slot, count });

it('adds up what is the same, and shows the most frequent', () => {
  const reports: TopReport[] = [
    {
      ...NOTHING,
      sinceMs: 5000,
      names: [entry('a.', 5), entry('b.', 4)],
      clients: [entry('192.0.2.1', 3), entry('192.0.2.2', 2), entry('192.0.2.2', 2)],
      nxdomainClients: [entry('192.0.2.3', 1)],
      searchClients: [entry('192.0.2.3', 1)],
      searchDomains: [entry('svc.local.', 1)],
    },
    { ...NOTHING, sinceMs: 4000, names: [entry('c.', 6)], clients: [entry('192.0.2.1', 3)] },
  ];
  expect(mergeTop(reports, new Map(), 2)).toEqual({
    since: new Date(4000).toISOString(),
    names: [
      { name: 'c.', queries: 6 },
      { name: 'a.', queries: 5 },
    ],
    clients: [
      { client: '192.0.2.1', queries: 6 },
      { client: '192.0.2.2', queries: 4 },
    ],
    nxdomainClients: [{ client: '192.0.2.3', queries: 1 }],
    searchClients: [{ client: '192.0.2.3', queries: 1 }],
    searchDomains: [{ domain: 'svc.local.', queries: 1 }],
    failingNames: [],
  });
});

it('names the upstream of a failure, and leaves out those that are gone', () => {
  const failingNames = [entry('a.', 9, 7), entry('a.', 3, 1), entry('a.', 2, 2)];
  const upstreams = new Map([
    [1, '10.0.0.1:53'],
    [2, '10.0.0.2:53'],
  ]);
  expect(mergeTop([{ ...NOTHING, failingNames }], upstreams, 10).failingNames).toEqual([
    { name: 'a.', upstream: '10.0.0.1:53', failures: 3 },
    { name: 'a.', upstream: '10.0.0.2:53', failures: 2 },
  ]);
});

it('is empty and about now where no worker answers', () => {
  const { since, names } = mergeTop([], new Map(), 10);
  expect(names).toEqual([]);
  expect(Math.abs(Date.parse(since) - Date.now())).toBeLessThan(60_000);
});
