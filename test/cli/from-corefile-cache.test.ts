import { describe, expect, it } from 'vitest';
import { readCache } from '../../src/cli/from-corefile-cache.ts';
import { Notes } from '../../src/cli/from-corefile-notes.ts';
import { parseCorefile } from '../../src/config/corefile.ts';

/** The settings for a `cache` and its body, and the notes about it. */
function convert(head: string, ...body: string[]) {
  const text = `. {\n${head}${body.length === 0 ? '' : ` {\n${body.join('\n')}\n}`}\n}\n`;
  const { blocks, faults } = parseCorefile(text, 'Corefile');
  expect(faults).toEqual([]);
  const notes = new Notes();
  const cache = readCache(blocks[0]!.directives[0]!, notes);
  const said = notes.lines
    .map((note) => note.text)
    .filter((note) => !note.startsWith('cache without serve_stale'));
  return { cache, said };
}

describe("CoreDNS's cache", () => {
  it.each<[string[], object]>([
    [['cache'], { maxTtl: '1h', maxNegativeTtl: '30m' }],
    [['cache 30'], { maxTtl: '30s', maxNegativeTtl: '30s' }],
    [['cache', 'success 5000'], { maxEntries: 14_984 }],
    [['cache', 'success 5000', 'denial 1000'], { maxEntries: 6000 }],
    [['cache', 'success 5000 600 5'], { maxTtl: '10m', minTtl: '5s' }],
    [['cache', 'denial 5000 60'], { maxTtl: '1h', maxNegativeTtl: '1m' }],
    [['cache', 'prefetch 10'], { prefetch: { hits: 10, remaining: '10%' } }],
    [['cache', 'prefetch 10 1m 20%'], { prefetch: { hits: 10, remaining: '20%' } }],
    [['cache', 'prefetch 10 1m 100%'], { prefetch: { hits: 10, remaining: '90%' } }],
    [['cache', 'prefetch many'], { prefetch: { hits: 0, remaining: '10%' } }],
    [['cache', 'serve_stale'], { serveStale: { maxAge: '1h' } }],
    [['cache', 'serve_stale 2h verify'], { serveStale: { maxAge: '2h' } }],
    [['cache', 'serve_stale 2h verify 100ms'], { serveStale: { maxAge: '2h', after: '100ms' } }],
    [['cache', 'servfail 10s'], { failureTtl: '10s' }],
    [['cache', 'disable success'], { maxTtl: '0s', maxNegativeTtl: '30m' }],
    [['cache 30', 'disable denial'], { maxTtl: '30s', maxNegativeTtl: '0s' }],
  ])('%j becomes %j', ([head, ...body], expected) => {
    expect(convert(head!, ...body).cache).toMatchObject(expected);
  });

  it.each<[string[], RegExp]>([
    [['cache 30 example.org'], /the zones are left out/],
    [['cache example.org'], /the zones are left out/],
    [['cache', 'denial 5000 60 5'], /no minimum of its own for negative answers/],
    [['cache', 'prefetch 10 1m'], /1m has no equivalent/],
    [['cache', 'serve_stale 1h'], /not at once/],
    [['cache', 'servfail 0'], /0 becomes 1s/],
    [['cache', 'disable success example.org'], /no equivalent for single zones/],
    [['cache', 'keepttl'], /keepttl: no equivalent/],
  ])('%j is noted', ([head, ...body], note) => {
    const { said } = convert(head!, ...body);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(note);
  });

  it('needs no note for what has an exact equivalent', () => {
    expect(convert('cache 30', 'success 100 600', 'serve_stale 1h verify', 'prefetch 3').said).toEqual([]);
  });
});
