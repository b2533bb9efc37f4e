import { describe, expect, it, vi } from 'vitest';
import { AnswerPace } from '../../src/upstream/answer-pace.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { MAX_CONNECTIONS, REPLACE_SILENT_MS } from '../../src/upstream/link-choice.ts';
import { LinkPool, type LinkPoolOwner } from '../../src/upstream/link-pool.ts';
import {
  DEAD_SILENCE_MS,
  MAX_FIRST_CONNECTIONS,
  type StreamExchangeOptions,
} from '../../src/upstream/stream-bounds.ts';
import { createEntry } from '../../src/upstream/stream-entry.ts';
import type { StreamLink } from '../../src/upstream/stream-link.ts';
import { WaitingQueries } from '../../src/upstream/waiting-queries.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

const NOW_MS = 100_000;

/** A connection that notes what is done to it. */
class FakeLink {
  open = false;
  retiring = false;
  live = 0;
  load = 0;
  answered = 0;
  limit = 4;
  canOvertake = true;
  silence = 0;
  gaveUp = false;

  silentMs(): number {
    return this.silence;
  }

  tick(): void {}

  giveUp(): void {
    this.gaveUp = true;
  }

  retire(): void {
    this.retiring = true;
  }
}

class World {
  readonly links: FakeLink[] = [];
  readonly pace = new AnswerPace();
  readonly waiting = new WaitingQueries();
  patienceEnded = 0;
  readonly pool: LinkPool;

  constructor() {
    // Suspect after 400 ms of silence, patient for 150 ms.
    this.pace.connected(100);
    const connect = () => {
      const link = new FakeLink();
      this.links.push(link);
      return link as unknown as StreamLink;
    };
    const owner = { onPatienceOver: () => void this.patienceEnded++ } as unknown as LinkPoolOwner;
    this.pool = new LinkPool(
      { firstDepth: 4, connect } as unknown as StreamExchangeOptions,
      owner,
      this.pace,
    );
  }

  wait(count: number): this {
    for (let i = 0; i < count; i++) {
      const query = createQuery('www.example', new RecordingOwner());
      this.waiting.add(createEntry(query, false, NOW_MS), NOW_MS);
    }
    return this;
  }

  grow(isKnown = true, nowMs = NOW_MS): FailureReason | null {
    return this.pool.grow(this.waiting, isKnown, nowMs);
  }

  /** Connections that are open, in these states. */
  withOpen(...states: Partial<FakeLink>[]): this {
    for (const state of states) {
      const link = Object.assign(new FakeLink(), { open: true }, state);
      this.links.push(link);
      this.pool.links.push(link as unknown as StreamLink);
    }
    return this;
  }

  gaveUp(): boolean[] {
    return this.links.map((link) => link.gaveUp);
  }
}

describe('a pool of connections', () => {
  it('opens as many as those that wait need, and no more while they open', () => {
    const world = new World().wait(9);
    expect(world.grow()).toBeNull();
    expect(world.links).toHaveLength(3);
    world.grow();
    expect(world.links).toHaveLength(3);
  });

  it('opens few while the server has not answered yet, and never more than the bound', () => {
    const unknown = new World().wait(400);
    unknown.grow(false);
    expect(unknown.links).toHaveLength(MAX_FIRST_CONNECTIONS);
    unknown.grow(true);
    expect(unknown.links).toHaveLength(MAX_CONNECTIONS);
  });

  it('learns from open ones how many queries each takes', () => {
    const world = new World().withOpen({ limit: 20 }).wait(40);
    world.grow();
    expect(world.links).toHaveLength(1 + 2);
  });

  it('opens none while one that could not be opened is about to be closed', () => {
    const world = new World().withOpen({ open: false, retiring: true }).wait(1);
    expect(world.grow()).toBeNull();
    expect(world.links).toHaveLength(1);
  });

  it('says why those that wait must fail where none may be opened', () => {
    const world = new World().wait(1);
    world.pool.backoff.failed(NOW_MS, FailureReason.tls);
    expect(world.grow()).toBe(FailureReason.tls);
    expect(world.links).toEqual([]);
  });

  it('gives connections that bring answers some time before it opens more', () => {
    vi.useFakeTimers();
    try {
      const world = new World().withOpen({ answered: 1 }).wait(1);
      expect(world.grow()).toBeNull();
      expect(world.grow()).toBeNull();
      expect(world.links).toHaveLength(1);
      vi.advanceTimersByTime(151);
      expect(world.patienceEnded).toBe(1);
      world.grow(true, NOW_MS + 151);
      expect(world.links).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('counts what is sent and not answered, and forgets what is closed', () => {
    const world = new World().withOpen({ live: 3 }, { live: 4 });
    expect(world.pool.live).toBe(7);
    world.pool.remove(world.pool.links[0]!);
    expect(world.pool.live).toBe(4);
  });
});

describe('silent connections', () => {
  it('are given up when nobody waits for them, or the server must be dead', () => {
    const world = new World().withOpen(
      { silence: 401 },
      { live: 1, silence: 401 },
      { live: 1, silence: DEAD_SILENCE_MS + 1 },
      { silence: 400 },
    );
    world.pool.tick(NOW_MS);
    expect(world.gaveUp()).toEqual([true, false, true, false]);
  });

  it('have the idle ones closed where the server may serve one after the other', () => {
    const world = new World().withOpen({ live: 1, load: 1, silence: 401 }, { load: 0 }, { live: 1, load: 1 });
    world.pool.tick(NOW_MS);
    expect(world.links.map((link) => link.retiring)).toEqual([false, true, false]);
    const answered = new World().withOpen({ live: 1, load: 1, silence: 401, answered: 1 }, { load: 0 });
    answered.pool.tick(NOW_MS);
    expect(answered.links.map((link) => link.retiring)).toEqual([false, false]);
  });

  it('are replaced, the most silent first, as many as queries were favored', () => {
    const states = [{ silence: 500 }, { silence: 900 }, { silence: 700 }, { silence: 0 }];
    const world = new World().withOpen(...states);
    world.pool.replaceSilent(2, NOW_MS);
    expect(world.gaveUp()).toEqual([false, true, true, false]);
    const opening = new World().withOpen(...states, { open: false });
    opening.pool.replaceSilent(2, NOW_MS);
    expect(opening.gaveUp()).toEqual([false, true, false, false, false]);
  });

  it('are replaced one at a time when none has brought anything for long', () => {
    const silence = REPLACE_SILENT_MS + 1;
    const world = new World().withOpen({ silence }, { silence: silence + 1 });
    world.pool.replaceSilent(0, NOW_MS);
    expect(world.gaveUp()).toEqual([false, true]);
    const alive = new World().withOpen({ silence }, { silence: 500 });
    alive.pool.replaceSilent(0, NOW_MS);
    expect(alive.gaveUp()).toEqual([false, false]);
  });
});
