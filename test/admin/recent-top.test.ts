// The top lists that the page shows: asked for every few seconds, however often it is drawn.
import { expect, it } from 'vitest';
import type { AdminSource, TopLists } from '../../src/admin/admin-source.ts';
import { RecentTop } from '../../src/admin/recent-top.ts';

const LISTS: TopLists = {
  since: '',
  names: [],
  clients: [],
  nxdomainClients: [],
  failingNames: [],
  searchClients: [],
  searchDomains: [],
};

function recent(answer: (asked: number) => Promise<TopLists>) {
  let asked = 0;
  const top = new RecentTop({ top: () => answer(++asked) } as unknown as AdminSource);
  return { top, asked: () => asked };
}
const numbered = async (n: number) => ({ ...LISTS, since: String(n) });

it('waits for the first lists, and keeps them for five seconds', async () => {
  const { top, asked } = recent(numbered);
  expect((await top.soon(0))?.since).toBe('1');
  expect((await top.soon(4000))?.since).toBe('1');
  expect(top.lists(4999)?.since).toBe('1');
  expect(asked()).toBe(1);
  expect((await top.soon(5000))?.since).toBe('2');
});

it('gives what it has while it asks for newer ones, once at a time', async () => {
  const answers: (() => void)[] = [];
  const { top, asked } = recent(
    (n) =>
      new Promise((resolve) => {
        answers.push(() => resolve({ ...LISTS, since: String(n) }));
      }),
  );
  expect(top.lists(0)).toBe(null);
  expect(top.lists(60_000)).toBe(null);
  expect(asked()).toBe(1);
  answers[0]!();
  expect((await top.soon(60_001))?.since).toBe('1');
  expect(top.lists(60_002)?.since).toBe('1');
  expect(asked()).toBe(2);
});

it('keeps the last lists where newer ones cannot be had', async () => {
  const { top } = recent((n) => (n === 1 ? numbered(n) : Promise.reject(new Error('no worker'))));
  await top.soon(0);
  expect((await top.soon(5000))?.since).toBe('1');
});

it('waits for a worker that hangs no longer than a page may take', async () => {
  const { top, asked } = recent((n) => (n === 1 ? numbered(n) : new Promise(() => {})));
  await top.soon(0);
  expect((await top.soon(5000))?.since).toBe('1');
  expect((await top.soon(60_000))?.since).toBe('1');
  expect(asked()).toBe(2);
});
