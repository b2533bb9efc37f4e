import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RateHistory } from '../../src/admin/rate-history.ts';
import { ROUTES } from '../../src/admin/routes.ts';
import { renderPageUpdate, renderStatusPage } from '../../src/admin/status-page.ts';
import { CONTENT_SECURITY_POLICY } from '../../src/admin/status-page-assets.ts';
import { Counter } from '../../src/metrics/counters.ts';
import { EPISODE, SampleAdmin, UPSTREAM } from './sample-admin.ts';

const NOW = { nowMs: 60_000, wallMs: Date.parse('2026-11-23T10:00:47Z') };

function render(source: SampleAdmin, history = new RateHistory(source.totals, 0)): string {
  return renderStatusPage(source.snapshot(), history, source.topNow, NOW);
}

describe('the status page', () => {
  it('says how things are first, and the cure', () => {
    const source = new SampleAdmin();
    source.upstreamList = [{ ...UPSTREAM, address: EPISODE.upstream, state: 'quarantined' }];
    source.episodes = [EPISODE];
    const page = render(source);
    expect(page).toContain('<title>Looping · unloop</title>');
    expect(page.indexOf('<strong>Looping</strong>')).toBeLessThan(page.indexOf('<h2>'));
    expect(page).toContain(`<b>Cure:</b> ${EPISODE.cure}`);
  });

  it('shows upstreams with state, round trip and origin', () => {
    const page = render(new SampleAdmin());
    expect(page).toContain('<code>10.0.0.2:53</code>');
    expect(page).toContain('<span class="state up">up</span> for 47 s');
    expect(page).toMatch(/>12<br><span class="quiet">3 timeout<\/span>/);
    expect(page).toContain('1.2 ms');
    expect(page).toContain('instead of <code>127.0.0.53:53</code>');
  });

  it('shows the path of a loop hop by hop, and when', () => {
    const source = new SampleAdmin();
    source.episodes = [EPISODE];
    const page = render(source);
    expect(page).toContain(`aria-label="The way of a query: ${EPISODE.path.join(', then ')}"`);
    expect(page).toContain('3 queries came back (edns), first 2026-11-23 10:00:00 UTC');
    expect(page).toContain('(42 s ago)');
  });

  it('shows a loop that is open before the upstreams, and others after them', () => {
    const source = new SampleAdmin();
    const order = () => [...render(source).matchAll(/<h2>(Loops|Upstreams)</g)].map((match) => match[1]);
    expect(order()).toEqual(['Upstreams', 'Loops']);
    source.episodes = [EPISODE];
    expect(order()).toEqual(['Loops', 'Upstreams']);
    source.episodes = [{ ...EPISODE, state: 'closed' }];
    expect(order()).toEqual(['Upstreams', 'Loops']);
  });

  it('shows open episodes before closed ones, and ten of those', () => {
    const source = new SampleAdmin();
    const closed = Array.from({ length: 12 }, (_, i) => ({
      ...EPISODE,
      state: 'closed' as const,
      zone: `z${i}.example`,
      last: `2026-11-23T09:00:${String(i).padStart(2, '0')}.000Z`,
    }));
    source.episodes = [...closed, EPISODE];
    const page = render(source);
    expect(page.indexOf('state open')).toBeLessThan(page.indexOf('state closed'));
    expect(page).toContain('z11.example');
    expect(page).not.toContain('z1.example');
    expect(page).toContain('2 older ones');
  });

  it('shows the last minute and the totals', () => {
    const source = new SampleAdmin();
    const history = new RateHistory(source.totals, 0);
    source.counters.values[Counter.queriesUdp] = 600;
    source.counters.values[Counter.cacheHits] = 9;
    source.counters.values[Counter.cacheMisses] = 1;
    source.counters.values[Counter.cacheBytes] = 2 ** 20;
    history.sample(5000);
    history.sample(10_000);
    const page = render(source, history);
    expect(page).toContain('<b>10</b><small>queries a second</small>');
    expect(page).toContain('<b>90 %</b>');
    expect(page).toContain('1.0 MiB');
    expect(page).toMatch(/<figcaption>Queries a second<[\s\S]*M0\.0 2\.0h\.1L300\.0 58\.0/);
  });

  it('leaves the chart out while nothing was asked', () => {
    const source = new SampleAdmin();
    const history = new RateHistory(source.totals, 0);
    history.sample(5000);
    history.sample(10_000);
    expect(render(source, history)).toContain('<div class="charts"></div>');
  });

  it('escapes everything that comes from outside', () => {
    const source = new SampleAdmin();
    const evil = `"><script>alert('1')</script>&`;
    source.upstreamList = [
      {
        ...UPSTREAM,
        address: evil,
        transport: evil,
        zones: [evil],
        source: evil,
        replaces: evil,
        state: 'down',
      },
    ];
    source.episodes = [
      {
        ...EPISODE,
        upstream: evil,
        zone: evil,
        evidence: evil,
        first: evil,
        last: evil,
        path: [evil],
        cure: evil,
      },
      { ...EPISODE, upstream: evil, zone: evil, state: 'closed' },
    ];
    source.readinessNow = { ready: false, reason: evil };
    source.listenNow = [evil];
    source.topNow = {
      since: evil,
      names: [{ name: evil, queries: 3 }],
      clients: [{ client: evil, queries: 3 }],
      searchClients: [],
      searchDomains: [],
      nxdomainClients: [{ client: evil, queries: 3 }],
      failingNames: [{ name: evil, upstream: evil, failures: 3 }],
    };
    const page = render(source);
    expect(page).not.toContain('<script>alert');
    expect(page.split('<script>').length).toBe(2);
    expect(page).toContain('&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;');
  });

  it('needs nothing from elsewhere, and its policy allows its own style and script only', () => {
    const page = render(new SampleAdmin());
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const style = /<style>([\s\S]*?)<\/style>/.exec(page)![1]!;
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)![1]!;
    expect(CONTENT_SECURITY_POLICY).toContain(`style-src ${hash(style)};`);
    expect(CONTENT_SECURITY_POLICY).toContain(`script-src ${hash(script)};`);
    expect(page).not.toMatch(/ (style|on[a-z]+)="/);
    expect(page).not.toMatch(/(src|href|action)="(?!\/|data:)/);
    expect(style).not.toMatch(/url\(|@import/);
  });

  it('refreshes itself without JavaScript', () => {
    expect(render(new SampleAdmin())).toContain(
      '<noscript><meta http-equiv="refresh" content="10"></noscript>',
    );
  });

  it('links to pages that there are', () => {
    const links = [...render(new SampleAdmin()).matchAll(/<a href="([^"]+)"/g)].map((match) => match[1]!);
    expect(links).toContain('/status');
    for (const path of links) expect([path, ROUTES.get(path)?.method]).toEqual([path, 'GET']);
  });

  it('shows its form only where a script runs, and the command where none does', () => {
    const page = render(new SampleAdmin());
    expect(page).toContain('<form hidden>');
    expect(page).toMatch(/<noscript><p[^>]*>[^<]*<code>unloop query NAME TYPE<\/code>/);
  });

  it('has the same content in an update as in the page', () => {
    const source = new SampleAdmin();
    source.episodes = [EPISODE];
    const history = new RateHistory(source.totals, 0);
    const { main, title, icon, version } = renderPageUpdate(source.snapshot(), history, source.topNow, NOW);
    const page = render(source, history);
    expect(page).toContain(main);
    expect(page).toContain(`<title>${title}</title>`);
    expect(page).toContain(icon.replaceAll("'", '&#39;'));
    expect(main).toContain(`data-version="${version}"`);
  });

  it('keeps its elements before the form in their places, whatever there is to say', () => {
    const bad = new SampleAdmin();
    bad.upstreamList = [];
    bad.readinessNow = { ready: false, reason: 'no file names one' };
    const tags = (page: string) => page.slice(page.indexOf('<main'), page.indexOf('<section id="ask"'));
    const order = (page: string) => [...tags(page).matchAll(/^<(\w+)/gm)].map((match) => match[1]);
    expect(order(render(bad))).toEqual(order(render(new SampleAdmin())));
  });

  it('works with no upstream at all', () => {
    const source = new SampleAdmin();
    source.upstreamList = [];
    source.readinessNow = { ready: false, reason: 'no file names one' };
    expect(render(source)).toContain('<strong>No upstream</strong>');
  });
});
