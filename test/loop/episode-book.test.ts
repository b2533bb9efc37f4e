import { beforeEach, describe, expect, it } from 'vitest';
import {
  EpisodeBook,
  type EpisodeRoute,
  MAX_EPISODES,
  SUMMARY_INTERVAL_MS,
} from '../../src/loop/episode-book.ts';
import { Evidence } from '../../src/loop/evidence.ts';
import type { LoopSighting } from '../../src/loop/sightings.ts';

const WALL_MS = Date.UTC(2026, 0, 15, 12);

const route = (slot: number, upstream = `10.0.0.${slot}:53`, zone = 'corp.example'): EpisodeRoute => ({
  slot,
  upstream,
  zone,
  cure: 'Fix it.',
});

const sighting = (slot: number, fields: Partial<LoopSighting> = {}): LoopSighting => ({
  route: slot,
  evidence: Evidence.edns,
  certain: true,
  count: 1,
  peer: '',
  nonce: 0,
  ...fields,
});

describe('the book of episodes', () => {
  let lines: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[];
  let wallMs: number;
  let book: EpisodeBook;
  beforeEach(() => {
    lines = [];
    wallMs = WALL_MS;
    book = new EpisodeBook(
      '127.0.0.1:5300',
      () => wallMs,
      (level, message, fields) => lines.push({ level, message, fields }),
    );
  });

  it('names the kind of evidence', () => {
    book.record(route(1), sighting(1, { evidence: Evidence.edns }), 0);
    book.record(route(2), sighting(2, { evidence: Evidence.case }), 0);
    book.record(route(3), sighting(3, { evidence: Evidence.probe }), 0);
    expect(book.list().map(({ evidence }) => evidence)).toEqual(['edns', 'case', 'probe']);
  });

  it('shows the last sender only when it is another host, however the upstream is written', () => {
    const sender = (upstream: string, peer: string): readonly string[] => {
      const one = new EpisodeBook(
        'us',
        () => WALL_MS,
        () => {},
      );
      one.record(route(1, upstream), sighting(1, { peer }), 0);
      const { path } = one.list()[0]!;
      expect([path[0], path[1], path.at(-1)]).toEqual(['us', upstream, 'us']);
      return path.slice(2, -1);
    };
    expect(sender('tls://10.0.0.2:853', '10.0.0.2')).toEqual([]);
    expect(sender('tls://10.0.0.2:853', '10.0.0.3')).toEqual(['10.0.0.3']);
    expect(sender('https://[2001:db8::1]/dns-query', '2001:db8::1')).toEqual([]);
    expect(sender('https://dns.example/dns-query', '10.0.0.9')).toEqual(['10.0.0.9']);
    expect(sender('10.0.0.2', '10.0.0.2')).toEqual([]);
    expect(sender('10.0.0.2:53', '')).toEqual([]);
  });

  it('says which upstream is in use again, for which zone and why', () => {
    book.record(route(1), sighting(1, { count: 4 }), 0);
    wallMs += 5000;
    book.close(1, 'it is fixed', 5000);
    expect(lines[1]).toEqual({
      level: 'info',
      message: 'DNS forwarding loop over: 10.0.0.1:53 is in use again for zone corp.example: it is fixed',
      fields: {
        upstream: '10.0.0.1:53',
        zone: 'corp.example',
        evidence: 'edns',
        state: 'closed',
        count: 4,
        first: '2026-01-15T12:00:00.000Z',
        last: '2026-01-15T12:00:00.000Z',
        path: ['127.0.0.1:5300', '10.0.0.1:53', '127.0.0.1:5300'],
        cure: 'Fix it.',
      },
    });
    book.close(1, 'twice', 5000);
    book.close(2, 'never open', 5000);
    expect(lines).toHaveLength(2);
  });

  it('continues an episode that was closed within a minute, and begins another one after that', () => {
    book.record(route(1), sighting(1), 0);
    book.close(1, 'fixed', 1000);
    book.record(route(1), sighting(1, { count: 5 }), 1000 + SUMMARY_INTERVAL_MS);
    expect(book.list().map(({ state, count }) => [state, count])).toEqual([['open', 6]]);
    expect(lines).toHaveLength(2);
    book.close(1, 'fixed', 200_000);
    book.record(route(1), sighting(1, { count: 2 }), 200_001 + SUMMARY_INTERVAL_MS);
    expect(book.list().map(({ state, count }) => [state, count])).toEqual([
      ['closed', 6],
      ['open', 2],
    ]);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info', 'info', 'warn']);
  });

  it('keeps the episodes of other routes when a slot is given to another', () => {
    book.record(route(1), sighting(1), 0);
    book.record(route(2), sighting(2), 0);
    book.detach(1, 'it is gone', 0);
    book.close(2, 'fixed', 0);
    book.record(route(1, '10.9.9.9:53'), sighting(1), 1);
    book.record(route(2), sighting(2), 1);
    expect(book.list().map(({ upstream, state }) => [upstream, state])).toEqual([
      ['10.0.0.1:53', 'closed'],
      ['10.0.0.2:53', 'open'],
      ['10.9.9.9:53', 'open'],
    ]);
  });

  describe('sums up once a minute', () => {
    const summaries = () => lines.filter(({ message }) => message.includes('still open'));

    it('what came back since, by upstream and zone', () => {
      book.record(route(1), sighting(1, { count: 3 }), 0);
      book.record(route(2, '10.0.0.2:53', '.'), sighting(2), 0);
      book.count(sighting(1, { count: 10 }));
      book.count(sighting(2, { count: 20 }));
      book.summarize(SUMMARY_INTERVAL_MS - 1);
      expect(summaries()).toEqual([]);
      book.summarize(SUMMARY_INTERVAL_MS);
      expect(summaries()).toEqual([
        {
          level: 'warn',
          message: 'DNS forwarding loops still open: 2: 10.0.0.1:53 (corp.example), 10.0.0.2:53 (.)',
          fields: { open: 2, count: 30 },
        },
      ]);
      book.count(sighting(2, { count: 7 }));
      book.summarize(2 * SUMMARY_INTERVAL_MS - 1);
      expect(summaries()).toHaveLength(1);
      book.summarize(2 * SUMMARY_INTERVAL_MS);
      expect(summaries()[1]!.fields).toEqual({ open: 2, count: 7 });
    });

    it('and says nothing when nothing came back, or nothing is open', () => {
      book.record(route(1), sighting(1), 0);
      book.summarize(SUMMARY_INTERVAL_MS);
      book.count(sighting(1));
      book.close(1, 'fixed', SUMMARY_INTERVAL_MS);
      book.summarize(2 * SUMMARY_INTERVAL_MS);
      expect(summaries()).toEqual([]);
      // Silence is no summary: the minute is not begun again by it.
      book.record(route(1), sighting(1), SUMMARY_INTERVAL_MS + 1);
      book.summarize(2 * SUMMARY_INTERVAL_MS);
      expect(summaries()).toHaveLength(1);
    });

    it('and names the first eight of many', () => {
      for (let slot = 1; slot <= 9; slot++) {
        book.record(route(slot), sighting(slot), 0);
        book.count(sighting(slot));
      }
      book.summarize(SUMMARY_INTERVAL_MS);
      const { message, fields } = summaries()[0]!;
      expect(fields).toEqual({ open: 9, count: 9 });
      expect(message).toContain('10.0.0.8:53');
      expect(message).not.toContain('10.0.0.9:53');
    });
  });

  it('reports too many hops once a minute, and all of them', () => {
    book.hopsExceeded(17, 1000);
    book.hopsExceeded(18, 1000 + SUMMARY_INTERVAL_MS - 1);
    book.hopsExceeded(19, 1000 + SUMMARY_INTERVAL_MS);
    expect(lines.map(({ level, fields }) => [level, fields])).toEqual([
      ['warn', { count: 17 }],
      ['warn', { count: 18 + 19 }],
    ]);
  });

  it('drops the oldest closed episode for a new one, or the oldest when all are open', () => {
    for (let slot = 0; slot < MAX_EPISODES; slot++) book.record(route(slot), sighting(slot), 0);
    book.close(5, 'fixed', 0);
    book.record(route(1000), sighting(1000), 0);
    expect(book.list()).toHaveLength(MAX_EPISODES);
    expect(book.list().some(({ upstream }) => upstream === '10.0.0.5:53')).toBe(false);
    expect(book.list()[0]!.upstream).toBe('10.0.0.0:53');
    book.record(route(1001), sighting(1001), 0);
    expect(book.list()).toHaveLength(MAX_EPISODES);
    expect(book.list()[0]!.upstream).toBe('10.0.0.1:53');
    // What was let go is counted no more.
    expect(book.count(sighting(0))).toBe(false);
    expect(book.count(sighting(1))).toBe(true);
  });

  it('keeps counting for a route after its earlier episode was dropped', () => {
    book.record(route(0), sighting(0), 0);
    book.close(0, 'fixed', 0);
    for (let slot = 0; slot < MAX_EPISODES; slot++) {
      book.record(route(slot), sighting(slot), SUMMARY_INTERVAL_MS + 1);
    }
    expect(book.list().map(({ state }) => state)).toEqual(Array(MAX_EPISODES).fill('open'));
    expect(book.count(sighting(0, { count: 6 }))).toBe(true);
    expect(book.list()[0]).toMatchObject({ upstream: '10.0.0.0:53', count: 7 });
  });
});
