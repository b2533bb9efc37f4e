// The top lists as tables.
import { expect, it } from 'vitest';
import type { TopLists } from '../../src/admin/admin-source.ts';
import { renderTop, TOP_SHOWN } from '../../src/admin/status-page-top.ts';

const TOP: TopLists = {
  since: '2026-11-23T10:00:00.000Z',
  names: [
    { name: 'www.example.', queries: 4000 },
    { name: 'mail.example.', queries: 1000 },
  ],
  clients: [{ client: '10.1.2.3', pod: 'kube-system/coredns-1', queries: 5000 }],
  nxdomainClients: [],
  searchClients: [],
  searchDomains: [],
  failingNames: [{ name: 'broken.example.', upstream: '10.0.0.2:53', failures: 7 }],
};

function render(top: TopLists | null): string {
  const section = renderTop(top);
  return typeof section === 'string' ? section : section.text;
}

it('has a list for each question, the most first, with bars by their share', () => {
  const section = render(TOP);
  expect(section).toContain('Most queries since 2026-11-23 10:00:00 UTC');
  expect(section).toMatch(/www\.example\.<.*>4,000<.*width="100".*mail\.example\.<.*>1,000<.*width="25"/s);
  expect(section).toContain('<code>10.1.2.3 (kube-system/coredns-1)</code>');
  expect(section).toContain('<code>broken.example. (10.0.0.2:53)</code>');
  expect(section).not.toContain('NXDOMAIN');
});

it('shows so many of each', () => {
  const names = Array.from({ length: 50 }, (_, index) => ({ name: `n${index}.`, queries: 100 - index }));
  expect(render({ ...TOP, names }).split('<code>n').length - 1).toBe(TOP_SHOWN);
});

it('is nothing before something was counted', () => {
  expect(render(null)).toBe('');
  expect(render({ ...TOP, names: [], clients: [] })).toBe('');
});

it('escapes names', () => {
  const name = '<img src=x onerror=alert(1)>';
  expect(render({ ...TOP, names: [{ name, queries: 1 }] })).not.toContain('<img');
});
