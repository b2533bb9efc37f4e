// Names, clients and failures as the pipeline reports them: against exact counts, by memory, and
// over time.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PEER_WORDS } from '../../src/io/datagram-socket.ts';
import { parsePeer } from '../../src/io/peer.ts';
import { Counter, Counters, CounterTotals, createCounterBlock } from '../../src/metrics/counters.ts';
import { TopCounts, type TopEntry } from '../../src/top/top-counts.ts';
import { hashName } from '../../src/wire/name-hash.ts';
import { textToName } from '../../src/wire/text.ts';

let block: SharedArrayBuffer;
let top: TopCounts;
beforeEach(() => {
  block = createCounterBlock();
  top = new TopCounts(1, new Counters(block));
});

const message = new Uint8Array(12 + 255 + 4);
const hashed = { nameHash: 0, hasUpperCase: false };
const NOBODY = new Int32Array(PEER_WORDS);

/** A query for the name, which the sampler may leave out. */
function ask(name: Uint8Array, peer: Int32Array = NOBODY, counts = top): void {
  if (!counts.queries.isDue()) return;
  message.set(name, 12);
  hashName(message, 12, name.length, hashed);
  counts.noteQuery(message, name.length, hashed.nameHash, peer, 0);
}

function fail(slot: number, name: string): void {
  const wire = textToName(name);
  message.set(wire, 12);
  hashName(message, 12, wire.length, hashed);
  if (top.failures.isDue()) top.noteFailure(slot, message, wire.length, hashed.nameHash);
}

const plain = (entries: readonly TopEntry[]) => entries.map(({ key, count }) => [key, count]);

it('counts names in any letter case', () => {
  for (const name of ['www.Example.', 'WWW.example.', 'a.example.', '.']) ask(textToName(name));
  expect(plain(top.report().names)).toEqual([
    ['www.example.', 2],
    ['a.example.', 1],
    ['.', 1],
  ]);
});

it('counts clients by address, whatever their port and socket', () => {
  const name = textToName('a.example');
  const clients: [string, number][] = [
    ['192.0.2.1', 1000],
    ['192.0.2.1', 2000],
    ['::ffff:192.0.2.1', 3000],
    ['2001:db8::1', 53],
    ['2001:db8::2', 53],
  ];
  for (const [address, port] of clients) ask(name, parsePeer(address, port)!);
  expect(plain(top.report().clients)).toEqual([
    ['192.0.2.1', 3],
    ['2001:db8::1', 1],
    ['2001:db8::2', 1],
  ]);
  expect(top.nxdomains.isDue()).toBe(true);
  top.noteNxdomain(parsePeer('192.0.2.9', 5)!, 0);
  expect(plain(top.report().nxdomainClients)).toEqual([['192.0.2.9', 1]]);
});

it('counts failures by name and upstream, and forgets them when slots may be others', () => {
  for (const slot of [3, 300, 3]) fail(slot, 'A.example');
  expect(top.report().failingNames).toEqual([
    { key: 'a.example.', slot: 3, count: 2 },
    { key: 'a.example.', slot: 300, count: 1 },
  ]);
  top.forgetFailures();
  expect(top.report().failingNames).toEqual([]);
});

it('is about the last five to ten minutes', () => {
  vi.useFakeTimers({ now: 1_000_000 });
  const counts = new TopCounts(1, new Counters(block));
  counts.tick(0);
  ask(textToName('old.example'), NOBODY, counts);
  vi.setSystemTime(1_300_000);
  counts.tick(300_000);
  ask(textToName('new.example'), NOBODY, counts);
  expect(counts.report()).toMatchObject({ sinceMs: 1_000_000 });
  expect(plain(counts.report().names)).toEqual([
    ['old.example.', 1],
    ['new.example.', 1],
  ]);
  vi.setSystemTime(1_600_000);
  counts.tick(600_000);
  expect(counts.report()).toMatchObject({ sinceMs: 1_300_000 });
  expect(plain(counts.report().names)).toEqual([['new.example.', 1]]);
  vi.useRealTimers();
});

describe('of 1,000,000 names by Zipf, from 100,000 clients', () => {
  const NAMES = 1_000_000;
  const CLIENTS = 100_000;
  const QUERIES = 3_000_000;
  const name = textToName('n0000000.zipf.example');
  const peer = parsePeer('10.0.0.0', 53)!;
  const first = peer[1]!;
  let random = 12345;

  const cumulated = new Float64Array(NAMES);
  for (let i = 0, sum = 0; i < NAMES; i++) {
    sum += 1 / (i + 1);
    cumulated[i] = sum;
  }

  /** A rank below `count`, by bisection. */
  function drawRank(count: number): number {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    const wanted = ((random >>> 0) / 2 ** 32) * cumulated[count - 1]!;
    let low = 0;
    for (let high = count - 1; low < high; ) {
      const middle = (low + high) >> 1;
      if (cumulated[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function askAs(rank: number, client: number): void {
    for (let at = 8, rest = rank; at > 1; at--, rest = (rest / 10) | 0) name[at] = 48 + (rest % 10);
    peer[1] = first + (client << 8);
    ask(name, peer);
  }

  it('has the ten most frequent of both right', () => {
    const names = new Int32Array(NAMES);
    const clients = new Int32Array(CLIENTS);
    // More than the budget of a second takes: the sampler leaves most of them out. What it takes is
    // enough to tell the tenth from the eleventh, whatever it draws.
    for (let i = 0; i < QUERIES; i++) {
      const rank = drawRank(NAMES);
      const client = drawRank(CLIENTS);
      names[rank]!++;
      clients[client]!++;
      askAs(rank, client);
      if (i % 2500 === 0) top.tick(i / 30);
    }
    const report = top.report();
    const most = (counts: Int32Array) =>
      new Set([...counts.keys()].sort((a, b) => counts[b]! - counts[a]!).slice(0, 10));
    const rankOf = ({ key }: TopEntry) => Number(key.slice(1, 8));
    const clientOf = ({ key }: TopEntry) => (parsePeer(key, 53)![1]! - first) >> 8;
    expect(new Set(report.names.slice(0, 10).map(rankOf))).toEqual(most(names));
    expect(new Set(report.clients.slice(0, 10).map(clientOf))).toEqual(most(clients));
    for (const entry of report.names.slice(0, 10)) {
      const exact = names[rankOf(entry)]!;
      expect(Math.abs(entry.count - exact) / exact, entry.key).toBeLessThan(0.1);
    }

    const totals = new CounterTotals();
    totals.add(block);
    expect(totals.counter(Counter.topNamesEvicted)).toBeGreaterThan(0);
    expect(totals.counter(Counter.topClientsEvicted)).toBeGreaterThan(0);
  });
});
