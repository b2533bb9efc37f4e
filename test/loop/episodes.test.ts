import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_EPISODES, SUMMARY_INTERVAL_MS } from '../../src/loop/episode-book.ts';
import { DISTRUST_MS, LoopEpisodes, type LoopRoute } from '../../src/loop/episodes.ts';
import { Evidence } from '../../src/loop/evidence.ts';
import type { LoopSighting } from '../../src/loop/sightings.ts';

const MIN_MS = 1000;
const MAX_MS = 60_000;
const WALL_MS = Date.UTC(2026, 0, 15, 12);

const route = (slot: number, upstream = `10.0.0.${slot}:53`, zone = '.', isPublic = false): LoopRoute => ({
  slot,
  upstream,
  zone,
  isPublic,
  cure: 'Set kubelet --resolv-conf.',
});

/** The world round the guard: what the upstreams do with probes, and what the guard did. */
class World {
  nowMs = 1_000_000;
  /** Routes whose probes come back; others are answered. */
  readonly looping = new Set<number>();
  /** Routes that answer nothing at all. */
  readonly silent = new Set<number>();
  readonly unhealthy = new Set<number>();
  readonly quarantined = new Set<number>();
  readonly probes: { route: number; nonce: number; atMs: number }[] = [];
  readonly log: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  readonly episodes: LoopEpisodes;
  #nonce = 1;
  readonly #arriving: { nonce: number; route: number }[] = [];

  constructor(routes: LoopRoute[], { onStart = false, intervalMs = 3_600_000 } = {}) {
    this.episodes = new LoopEpisodes({
      listen: '127.0.0.1:5300',
      quarantine: { minMs: MIN_MS, maxMs: MAX_MS },
      probe: { onStart, intervalMs },
      nonce: () => this.#nonce++,
      wallNowMs: () => WALL_MS - 1_000_000 + this.nowMs,
      effects: {
        quarantine: (slot) => this.quarantined.add(slot),
        release: (slot) => this.quarantined.delete(slot),
        isHealthy: (slot) => !this.unhealthy.has(slot),
        sendProbe: (slot, nonce) => {
          this.probes.push({ route: slot, nonce, atMs: this.nowMs });
          if (!this.silent.has(slot)) this.#arriving.push({ route: slot, nonce });
        },
        log: (level, message, fields) => this.log.push({ level, message, fields }),
      },
    });
    this.episodes.setRoutes(routes, this.nowMs);
  }

  see(sighting: Partial<LoopSighting>): void {
    this.episodes.sighted(
      { route: 1, evidence: Evidence.edns, certain: true, count: 1, peer: '', nonce: 0, ...sighting },
      this.nowMs,
    );
  }

  /** Lets time pass; probes come back or are answered within a tick. */
  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += 100;
      for (const { route: slot, nonce } of this.#arriving.splice(0)) {
        if (this.looping.has(slot)) this.see({ route: slot, evidence: Evidence.probe, nonce });
        else this.episodes.probeReplied(slot, nonce, false, this.nowMs);
      }
      this.episodes.tick(this.nowMs);
    }
  }
}

describe('loop episodes', () => {
  it('say until when a route is out of use', () => {
    const world = new World([route(1), route(2)]);
    world.see({ route: 1 });
    expect(world.episodes.quarantinedUntilMs(1)).toBe(world.nowMs + MIN_MS);
    expect(world.episodes.quarantinedUntilMs(2)).toBeNull();
    expect(world.episodes.quarantinedUntilMs(9)).toBeNull();
    world.pass(MIN_MS + 100);
    expect(world.episodes.quarantinedUntilMs(1)).toBeNull();
  });

  let world: World;
  beforeEach(() => {
    world = new World([route(1, '127.0.0.1:5398'), route(2)]);
  });

  it('open with the first proof: the route is out of use at once, and one line says so', () => {
    world.see({ count: 3 });
    expect([...world.quarantined]).toEqual([1]);
    expect(world.episodes.list()).toEqual([
      {
        upstream: '127.0.0.1:5398',
        zone: '.',
        evidence: 'edns',
        state: 'open',
        count: 3,
        first: '2026-01-15T12:00:00.000Z',
        last: '2026-01-15T12:00:00.000Z',
        path: ['127.0.0.1:5300', '127.0.0.1:5398', '127.0.0.1:5300'],
        cure: 'Set kubelet --resolv-conf.',
      },
    ]);
    expect(world.log.map(({ level }) => level)).toEqual(['warn']);
    expect(world.log[0]!.message).toContain('127.0.0.1:5398');
    expect(world.log[0]!.message).toContain('Set kubelet --resolv-conf.');
    expect(world.log[0]!.fields).toMatchObject({ upstream: '127.0.0.1:5398', zone: '.', count: 3 });
  });

  it('count what follows without a line per packet', () => {
    world.looping.add(1);
    for (let i = 0; i < 100; i++) {
      world.see({ count: 10 });
      world.pass(100);
    }
    expect(world.episodes.list()[0]!.count).toBeGreaterThanOrEqual(1000);
    expect(world.episodes.list()[0]!.last).toBe('2026-01-15T12:00:09.900Z');
    expect(world.log).toHaveLength(1);
  });

  it('show a hop in between that is another host, but not the upstream itself', () => {
    world.see({ peer: '10.9.9.9' });
    expect(world.episodes.list()[0]!.path).toEqual([
      '127.0.0.1:5300',
      '127.0.0.1:5398',
      '10.9.9.9',
      '127.0.0.1:5300',
    ]);
    const other = new World([route(1, '[fe80::1%eth0]:53'), route(2, '10.0.0.2:53')]);
    other.see({ peer: 'fe80::1%eth0' });
    other.see({ route: 2, peer: '10.0.0.20' });
    expect(other.episodes.list().map(({ path }) => path.length)).toEqual([3, 4]);
    // Nor by the port that it happened to send from.
    const ports = new World([route(1, '[2001:db8::1]:53'), route(2, '10.0.0.2:53')]);
    ports.see({ peer: '[2001:db8::1]:40001' });
    ports.see({ route: 2, peer: '10.0.0.20:40001' });
    expect(ports.episodes.list().map(({ path }) => path[2])).toEqual(['127.0.0.1:5300', '10.0.0.20']);
  });

  it('close when the probe does not come back: the route is in use again, with one line', () => {
    world.see({});
    world.pass(MIN_MS + 1000);
    expect(world.quarantined.size).toBe(0);
    expect(world.episodes.list()[0]!.state).toBe('closed');
    expect(world.log.map(({ level }) => level)).toEqual(['warn', 'info']);
  });

  it('keep a route out of use twice as long each time its probe comes back, up to the maximum', () => {
    world.looping.add(1);
    world.see({});
    world.pass(400_000);
    expect([...world.quarantined]).toEqual([1]);
    const gapsMs = world.probes.map(({ atMs }, i) => atMs - (world.probes[i - 1]?.atMs ?? 1_000_000));
    // A probe is back within a tick; then the next wait begins.
    expect(gapsMs.slice(0, 9).map((gapMs) => Math.floor(gapMs / 1000))).toEqual([
      1, 2, 4, 8, 16, 32, 60, 60, 60,
    ]);
    expect(world.episodes.list()).toHaveLength(1);
  });

  it('end once the loop is fixed, however large the backoff', () => {
    world.looping.add(1);
    world.see({});
    world.pass(100_000);
    world.looping.delete(1);
    world.pass(MAX_MS + 1000);
    expect(world.quarantined.size).toBe(0);
    expect(world.episodes.list()[0]!.state).toBe('closed');
  });

  it('continue the same record, with a longer wait, when the loop is back within the minute', () => {
    world.looping.add(1);
    world.see({});
    world.pass(2500);
    world.looping.delete(1);
    world.pass(3000);
    expect(world.episodes.list()[0]!.state).toBe('closed');
    const warnings = world.log.filter(({ level }) => level === 'warn').length;
    world.looping.add(1);
    world.see({});
    expect(world.episodes.list()).toHaveLength(1);
    expect(world.episodes.list()[0]!.state).toBe('open');
    expect(world.log.filter(({ level }) => level === 'warn')).toHaveLength(warnings);
    const probed = world.probes.length;
    world.pass(3500);
    expect(world.probes.length).toBe(probed);
  });

  it('only double the wait after a relapse', () => {
    world.looping.add(1);
    world.see({});
    world.pass(1500); // back after 1 s: now for 2 s
    world.looping.delete(1);
    world.pass(3000);
    expect(world.quarantined.size).toBe(0);
    world.see({});
    world.pass(3500);
    expect([...world.quarantined]).toEqual([1]);
    world.pass(2000);
    expect(world.quarantined.size).toBe(0);
  });

  it('begin with the shortest wait when the loop was gone for a long time', () => {
    world.looping.add(1);
    world.see({});
    world.pass(20_000);
    world.looping.delete(1);
    world.pass(200_000);
    expect(world.quarantined.size).toBe(0);
    world.see({});
    world.pass(MIN_MS + 1000);
    expect(world.quarantined.size).toBe(0);
  });

  it('are not prolonged by a probe that was in flight when they opened', () => {
    world.looping.add(1);
    world.episodes.suspected(1, false, world.nowMs);
    world.see({});
    world.pass(MIN_MS + 200);
    expect(world.probes.map(({ atMs }) => atMs - 1_000_000)).toEqual([0, MIN_MS]);
  });

  it('are not ended early by a probe that was in flight when they opened', () => {
    world.episodes.suspected(1, false, world.nowMs);
    world.see({});
    world.pass(MIN_MS - 100);
    expect([...world.quarantined]).toEqual([1]);
    expect(world.episodes.list()[0]!.state).toBe('open');
  });

  it('end with an answer to the probe, even when the health check fails just then', () => {
    world.see({});
    world.pass(MIN_MS);
    expect(world.probes).toHaveLength(1);
    world.unhealthy.add(1);
    world.pass(1000);
    expect(world.quarantined.size).toBe(0);
    expect(world.log.at(-1)!.message).toContain('its probes no longer come back');
  });

  it('do not end while the upstream fails its health checks', () => {
    world.unhealthy.add(1);
    world.see({});
    world.pass(20_000);
    expect([...world.quarantined]).toEqual([1]);
    expect(world.probes).toEqual([]);
    // It was looked at just now, and is again when the shortest wait is over.
    world.unhealthy.delete(1);
    world.pass(MIN_MS - 100);
    expect(world.probes).toEqual([]);
    world.pass(3000);
    expect(world.quarantined.size).toBe(0);
  });

  it('end by silence only after three probes', () => {
    world.silent.add(1);
    world.see({});
    world.pass(MIN_MS + 1900);
    expect([...world.quarantined]).toEqual([1]);
    world.pass(1000);
    expect(world.quarantined.size).toBe(0);
    expect(world.probes).toHaveLength(3);
  });

  it('leave the other routes alone', () => {
    world.looping.add(1);
    world.see({});
    world.pass(60_000);
    expect(world.quarantined.has(2)).toBe(false);
  });

  it('are never opened by suspicion: it sends a probe, and only that decides', () => {
    world.see({ certain: false });
    world.episodes.suspected(2, false, world.nowMs);
    expect(world.quarantined.size).toBe(0);
    expect(world.probes.map((probe) => probe.route)).toEqual([1, 2]);
    world.looping.add(2);
    world.pass(500);
    expect([...world.quarantined]).toEqual([2]);
    expect(world.episodes.list().map(({ upstream, evidence }) => [upstream, evidence])).toEqual([
      ['10.0.0.2:53', 'probe'],
    ]);
  });

  it('last no more than a moment a minute when a copied tag provokes them', () => {
    let outMs = 0;
    for (let i = 0; i < 6000; i++) {
      world.see({});
      world.pass(100);
      if (world.quarantined.has(1)) outMs += 100;
    }
    // Ten minutes of forged evidence; the probes come back clean each time.
    expect(outMs).toBeLessThanOrEqual(10 * 2 * MIN_MS);
    expect(world.episodes.list().every(({ state }) => state === 'closed')).toBe(true);
    // One a second, and three more at once.
    expect(world.probes.length).toBeLessThanOrEqual(603);
  });

  it('trust evidence again after a time of distrust', () => {
    world.see({});
    world.pass(2000);
    world.pass(DISTRUST_MS);
    world.see({});
    expect([...world.quarantined]).toEqual([1]);
  });

  it('accept no probe as proof that they did not send, or that was replayed', () => {
    world.see({ evidence: Evidence.probe, nonce: 4711 });
    expect(world.quarantined.size).toBe(0);
    expect(world.episodes.list()).toEqual([]);
  });

  it('accept a replica’s proof in an answer as the return of the probe', () => {
    world.silent.add(1);
    world.episodes.suspected(1, false, world.nowMs);
    world.episodes.probeReplied(1, world.probes[0]!.nonce, true, world.nowMs);
    expect([...world.quarantined]).toEqual([1]);
    // Who sent it back is not known.
    expect(world.episodes.list()[0]!.path).toEqual(['127.0.0.1:5300', '127.0.0.1:5398', '127.0.0.1:5300']);
  });

  it('spend few probes on questions that merely came again, and keep a separate budget for strong suspicions', () => {
    for (let i = 0; i < 6000; i++) {
      world.episodes.suspected(1, true, world.nowMs);
      world.pass(100);
    }
    // Ten minutes: five at once, then one in ten seconds.
    expect(world.probes.length).toBeGreaterThanOrEqual(60);
    expect(world.probes.length).toBeLessThanOrEqual(66);
    const before = world.probes.length;
    world.episodes.suspected(1, false, world.nowMs);
    expect(world.probes.length).toBe(before + 1);
  });

  it('find a loop by a weak suspicion alone', () => {
    world.looping.add(2);
    world.episodes.suspected(2, true, world.nowMs);
    world.pass(100);
    expect([...world.quarantined]).toEqual([2]);
  });

  it('probe all routes now and then when none can be blamed', () => {
    for (let i = 0; i < 40; i++) {
      world.see({ route: -1, certain: false });
      world.pass(100);
    }
    expect(world.probes.map((probe) => probe.route)).toEqual([1, 2]);
    expect(world.quarantined.size).toBe(0);
  });

  it('report open loops in one line a minute', () => {
    world.looping.add(1);
    for (let i = 0; i < 3000; i++) {
      world.see({});
      world.pass(100);
    }
    const minutes = (3000 * 100) / SUMMARY_INTERVAL_MS;
    expect(world.log.length).toBeGreaterThan(minutes / 2);
    expect(world.log.length).toBeLessThanOrEqual(minutes + 2);
  });

  it('report queries with too many hops once a minute, and blame no route', () => {
    for (let i = 0; i < 100; i++) world.see({ route: -1, evidence: Evidence.hops, certain: false });
    expect(world.log).toHaveLength(1);
    expect(world.log[0]!.message).toContain('maxHops');
    expect(world.probes).toEqual([]);
    expect(world.episodes.list()).toEqual([]);
  });

  it('close when their route is removed, and its slot can be used again', () => {
    world.see({});
    world.episodes.setRoutes([route(1, '10.0.0.77:53'), route(2)], world.nowMs);
    expect(world.quarantined.size).toBe(0);
    expect(world.episodes.list()[0]).toMatchObject({ upstream: '127.0.0.1:5398', state: 'closed' });
    world.see({});
    expect(world.episodes.list().map(({ upstream }) => upstream)).toEqual(['127.0.0.1:5398', '10.0.0.77:53']);
  });

  it('close when the zone or the upstream of their route is removed', () => {
    const [stub, moved, kept] = [route(1), route(2, '10.0.0.2:53', 'a.example'), route(3)];
    const three = new World([stub, moved, kept]);
    for (const slot of [1, 2, 3]) three.see({ route: slot });
    three.episodes.setRoutes([route(2, '10.0.0.2:53', 'b.example'), kept], three.nowMs);
    expect([...three.quarantined]).toEqual([3]);
    expect(three.episodes.list().map(({ state }) => state)).toEqual(['closed', 'closed', 'open']);
    const over = three.log.filter(({ level }) => level === 'info').map(({ message }) => message);
    expect(over).toEqual([
      expect.stringContaining('its upstream is configured no longer'),
      expect.stringContaining('its upstream is configured no longer'),
    ]);
  });

  it('release only routes that were taken out of use', () => {
    const released: number[] = [];
    const episodes = new LoopEpisodes({
      listen: '127.0.0.1:5300',
      quarantine: { minMs: MIN_MS, maxMs: MAX_MS },
      probe: { onStart: false, intervalMs: 1000 },
      nonce: () => 1,
      effects: {
        quarantine: () => {},
        release: (slot) => released.push(slot),
        isHealthy: () => true,
        sendProbe: () => {},
        log: () => {},
      },
    });
    episodes.setRoutes([route(1), route(2)], 0);
    const seen = { evidence: Evidence.edns, certain: true, count: 1, peer: '', nonce: 0 };
    episodes.suspected(2, false, 5);
    episodes.probeReplied(2, 1, false, 6);
    for (let nowMs = 10; nowMs < 600; nowMs += 100) episodes.tick(nowMs);
    expect(released).toEqual([]);
    episodes.sighted({ route: 1, ...seen }, 610);
    episodes.setRoutes([], 620);
    expect(released).toEqual([1]);
  });

  it('ignore removed routes, and treat slot 0 as any other route', () => {
    const one = new World([route(0, '10.0.0.10:53')]);
    one.see({ route: 7 });
    one.see({ route: 7, certain: false });
    one.episodes.suspected(7, false, one.nowMs);
    one.pass(2000);
    expect(one.probes).toEqual([]);
    one.see({ route: 0 });
    expect([...one.quarantined]).toEqual([0]);
    one.episodes.setRoutes([route(2)], one.nowMs);
    one.see({ route: 0, certain: false });
    expect(one.probes).toEqual([]);
    const two = new World([route(0), route(1)]);
    two.episodes.suspected(0, false, two.nowMs);
    expect(two.probes.map((probe) => probe.route)).toEqual([0]);
    two.pass(1000);
    two.episodes.suspected(-1, false, two.nowMs);
    expect(two.probes.map((probe) => probe.route)).toEqual([0, 0, 1]);
  });

  it('count each probe that is sent', () => {
    world.silent.add(1);
    world.episodes.suspected(1, false, world.nowMs);
    expect(world.episodes.probesSent).toBe(1);
    world.pass(5000);
    expect(world.episodes.probesSent).toBe(3);
  });

  it('do not end by silence while the upstream is down: they wait as long again', () => {
    world.silent.add(1);
    world.see({});
    world.pass(MIN_MS + 500);
    expect(world.probes.length).toBeGreaterThan(0);
    world.unhealthy.add(1);
    world.pass(30_000);
    expect([...world.quarantined]).toEqual([1]);
    expect(world.probes.length).toBeLessThanOrEqual(3);
    expect(world.log.map(({ level }) => level)).toEqual(['warn']);
    world.unhealthy.delete(1);
    world.silent.delete(1);
    world.pass(3000);
    expect(world.quarantined.size).toBe(0);
  });

  it('survive a reload that keeps their route', () => {
    world.looping.add(1);
    world.see({});
    world.episodes.setRoutes([route(1, '127.0.0.1:5398'), route(3)], world.nowMs);
    expect([...world.quarantined]).toEqual([1]);
    expect(world.episodes.list()[0]!.state).toBe('open');
    world.pass(1500);
    expect(world.probes.map((probe) => probe.route)).toEqual([1]);
  });

  it('are bounded in number', () => {
    const many = new World(Array.from({ length: 400 }, (_, i) => route(i)));
    for (let i = 0; i < 400; i++) many.see({ route: i });
    expect(many.episodes.list()).toHaveLength(MAX_EPISODES);
    expect(many.quarantined.size).toBe(400);
    many.pass(10_000);
    expect(many.quarantined.size).toBe(0);
  });
});

describe('the schedule of probes', () => {
  it('begins at the start when configured so, and repeats at the interval', () => {
    const world = new World([route(1), route(2, '9.9.9.9:53', '.', true)], {
      onStart: true,
      intervalMs: 60_000,
    });
    world.pass(200_000);
    expect(world.probes.map((probe) => probe.route)).toEqual([1, 1, 1, 1]);
  });

  it('begins an interval later otherwise', () => {
    const world = new World([route(1)], { onStart: false, intervalMs: 60_000 });
    world.pass(59_000);
    expect(world.probes).toEqual([]);
    world.pass(2000);
    expect(world.probes).toHaveLength(1);
  });

  it('leaves public upstreams alone until they are suspected', () => {
    const world = new World([route(1, '9.9.9.9:53', '.', true)], { onStart: true, intervalMs: 1000 });
    world.pass(60_000);
    expect(world.probes).toEqual([]);
    world.episodes.suspected(1, false, world.nowMs);
    expect(world.probes).toHaveLength(1);
  });

  it('finds a loop that begins later', () => {
    const world = new World([route(1)], { onStart: true, intervalMs: 60_000 });
    world.pass(30_000);
    world.looping.add(1);
    world.pass(60_000);
    expect([...world.quarantined]).toEqual([1]);
  });

  it('does not probe a thousand routes at the same moment', () => {
    const world = new World(
      Array.from({ length: 1000 }, (_, i) => route(i)),
      { onStart: true },
    );
    world.pass(100);
    expect(world.probes.length).toBeLessThanOrEqual(16);
    world.pass(10_000);
    expect(new Set(world.probes.map((probe) => probe.route)).size).toBe(1000);
  });
});
