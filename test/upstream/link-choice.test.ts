import { describe, expect, it } from 'vitest';
import { AnswerPace } from '../../src/upstream/answer-pace.ts';
import { chooseLink, isStuck, MAX_CONNECTIONS, REPLACE_SILENT_MS } from '../../src/upstream/link-choice.ts';
import { createEntry, type StreamEntry } from '../../src/upstream/stream-entry.ts';
import type { StreamLink } from '../../src/upstream/stream-link.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

const NOW_MS = 100_000;
/** Suspect after 400 ms of silence, patient for 150 ms. */
const PACE = new AnswerPace();
PACE.connected(100);

interface LinkState {
  hasRoom?: boolean;
  load?: number;
  canOvertake?: boolean;
  silentMs?: number;
  answeredMs?: number;
}

function link(state: LinkState = {}): StreamLink {
  const { hasRoom = true, load = 0, canOvertake = false, silentMs = 0, answeredMs = NOW_MS } = state;
  return { hasRoom, load, canOvertake, answeredMs, silentMs: () => silentMs } as unknown as StreamLink;
}

function entry(state: Partial<StreamEntry> = {}): StreamEntry {
  const query = createQuery('www.example', new RecordingOwner());
  return Object.assign(createEntry(query, false, NOW_MS), state);
}

function choose(links: readonly StreamLink[], one = entry()): number {
  const chosen = chooseLink(links, one, PACE, NOW_MS);
  return chosen === null ? -1 : links.indexOf(chosen);
}

describe('chooseLink', () => {
  it('finds none when none has room', () => {
    expect(choose([])).toBe(-1);
    expect(choose([link({ hasRoom: false })])).toBe(-1);
  });

  it('prefers the least silent connection, then the least loaded', () => {
    const busy = { canOvertake: true };
    expect(
      choose([
        link({ ...busy, load: 1, silentMs: 50 }),
        link({ ...busy, load: 9, silentMs: 10 }),
        link({ ...busy, load: 8, silentMs: 10 }),
      ]),
    ).toBe(2);
    expect(choose([link({ ...busy, load: 3 }), link({ ...busy, load: 3 })])).toBe(0);
  });

  it('does not queue behind another query of a server that may answer one after the other', () => {
    expect(choose([link({ load: 1 })])).toBe(-1);
    expect(choose([link({ load: 1, canOvertake: true })])).toBe(0);
    expect(choose([link({ load: 1 })], entry({ mayTry: true }))).toBe(0);
  });

  it('queues after some patience when answers come', () => {
    const patient = entry({ sinceMs: NOW_MS - 150 });
    expect(choose([link({ load: 1, answeredMs: NOW_MS - 150 })], patient)).toBe(0);
    expect(choose([link({ load: 1, answeredMs: NOW_MS - 151 })], patient)).toBe(-1);
    expect(choose([link({ load: 1 })], entry({ sinceMs: NOW_MS - 149 }))).toBe(-1);
    expect(choose([link({ load: 1 })], entry({ sinceMs: NOW_MS - 150, isFavored: true }))).toBe(-1);
  });

  it('never queues a query that must be alone on its connection', () => {
    const alone = entry({ alone: true, mayTry: true });
    expect(choose([link({ load: 1, canOvertake: true })], alone)).toBe(-1);
    expect(choose([link({ load: 0 })], alone)).toBe(0);
  });

  it('leaves a stuck connection out until no more can be opened', () => {
    const stuck = link({ load: 1, canOvertake: true, silentMs: 401 });
    expect(choose([stuck])).toBe(-1);
    const full = Array.from({ length: MAX_CONNECTIONS }, () => stuck);
    expect(choose(full.slice(1))).toBe(-1);
    expect(choose(full)).toBe(0);
  });

  it('never sends by a connection that has been silent for long', () => {
    const dead = link({ load: 1, canOvertake: true, silentMs: REPLACE_SILENT_MS });
    expect(choose(Array.from({ length: MAX_CONNECTIONS }, () => dead))).toBe(-1);
  });
});

describe('isStuck', () => {
  it.each([
    { canOvertake: true, silentMs: 400, stuck: false },
    { canOvertake: true, silentMs: 401, stuck: true },
    { canOvertake: false, silentMs: 150, stuck: false },
    { canOvertake: false, silentMs: 151, stuck: true },
  ])('canOvertake $canOvertake, silent for $silentMs ms: $stuck', ({ stuck, ...state }) => {
    expect(isStuck(link(state), PACE, NOW_MS)).toBe(stuck);
  });
});
