import { describe, expect, it } from 'vitest';
import { type Exchange, UNSENT_ID } from '../../src/upstream/exchange.ts';
import { CROWDED_MS } from '../../src/upstream/stream-bounds.ts';
import { createEntry, type StreamEntry } from '../../src/upstream/stream-entry.ts';
import { WaitingQueries } from '../../src/upstream/waiting-queries.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

const NOW_MS = 100_000;
const EXCHANGE = {} as Exchange;

/** An owner that can make room for its query, or not; it notes that it was asked. */
function ownerWith(makesRoom: boolean, asked: string[] = []): RecordingOwner {
  return Object.assign(new RecordingOwner(), {
    makeRoom: () => {
      asked.push(makesRoom ? 'yes' : 'no');
      return makesRoom;
    },
  });
}

function entry(owner = new RecordingOwner()): StreamEntry {
  const query = createQuery('www.example', owner);
  query.exchange = EXCHANGE;
  query.id = UNSENT_ID;
  return createEntry(query, false, NOW_MS);
}

function waitingWith(...entries: StreamEntry[]): WaitingQueries {
  const waiting = new WaitingQueries();
  for (const each of entries) waiting.add(each, NOW_MS);
  return waiting;
}

describe('waiting queries', () => {
  it('stand in the order they came, and leave by their query', () => {
    const [first, second, third] = [entry(), entry(), entry()];
    const waiting = new WaitingQueries();
    waiting.add(first, NOW_MS);
    waiting.add(second, NOW_MS + 7);
    waiting.add(third, NOW_MS + 9);
    expect(waiting.firstSinceMs).toBe(NOW_MS);
    waiting.remove(first.query!);
    expect(waiting.firstSinceMs).toBe(NOW_MS + 7);
    expect([...waiting.entries()]).toEqual([second, third]);
    expect(waiting.takeAll()).toEqual([second, third]);
    expect(waiting.size).toBe(0);
  });

  it('may be removed while they are gone through', () => {
    const [first, second] = [entry(), entry()];
    const waiting = waitingWith(first, second);
    const seen: StreamEntry[] = [];
    for (const each of waiting.entries()) {
      seen.push(each);
      waiting.remove(second.query!);
    }
    expect(seen).toEqual([first]);
  });

  it.each([
    { shared: 0, alone: 0, depth: 4, wanted: 0 },
    { shared: 1, alone: 0, depth: 4, wanted: 1 },
    { shared: 4, alone: 0, depth: 4, wanted: 1 },
    { shared: 5, alone: 0, depth: 4, wanted: 2 },
    { shared: 5, alone: 2, depth: 4, wanted: 4 },
    { shared: 9, alone: 0, depth: 1, wanted: 6 },
    { shared: 0, alone: 9, depth: 100, wanted: 6 },
    { shared: 9, alone: 5, depth: 1, wanted: 6 },
  ])('need $wanted of 6 connections: $shared that share by $depth, $alone that do not', (row) => {
    const waiting = waitingWith(
      ...Array.from({ length: row.shared }, () => entry()),
      ...Array.from({ length: row.alone }, () => Object.assign(entry(), { alone: true })),
    );
    expect(waiting.connectionsWanted(row.depth, 6)).toBe(row.wanted);
  });
});

describe('asked for room', () => {
  it('come first where an owner made room, and may try their luck where none could', () => {
    const [poor, rich, other] = [entry(ownerWith(false)), entry(ownerWith(true)), entry()];
    const waiting = waitingWith(poor, rich, other);
    waiting.askForRoom(EXCHANGE, NOW_MS + CROWDED_MS);
    expect([...waiting.entries()]).toEqual([rich, poor, other]);
    expect(waiting.favored).toBe(1);
    expect([rich, poor, other].map(({ mayTry }) => mayTry)).toEqual([false, true, true]);
  });

  it('are asked once room was made for them no more, and not before they have waited', () => {
    const asked: string[] = [];
    const waiting = waitingWith(entry(ownerWith(true, asked)), entry(ownerWith(false, asked)));
    waiting.askForRoom(EXCHANGE, NOW_MS + CROWDED_MS - 1);
    expect(asked).toEqual([]);
    waiting.askForRoom(EXCHANGE, NOW_MS + CROWDED_MS);
    expect(asked).toEqual(['yes', 'no']);
    waiting.askForRoom(EXCHANGE, NOW_MS + CROWDED_MS);
    expect(asked).toEqual(['yes', 'no', 'no']);
  });

  it('are passed over when they were canceled for another one', () => {
    const asked: string[] = [];
    const victim = entry(ownerWith(true, asked));
    const first = entry(
      Object.assign(new RecordingOwner(), {
        makeRoom: () => {
          victim.query!.exchange = null;
          return true;
        },
      }),
    );
    waitingWith(first, victim).askForRoom(EXCHANGE, NOW_MS + CROWDED_MS);
    expect(asked).toEqual([]);
  });
});
