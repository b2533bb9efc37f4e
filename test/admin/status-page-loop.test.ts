// The picture of a loop: each hop has its box, and the way ends where it began.
import { expect, it } from 'vitest';
import { renderLoopPicture } from '../../src/admin/status-page-loop.ts';

function draw(path: readonly string[], state: 'open' | 'closed' = 'open'): string {
  const picture = renderLoopPicture(path, state);
  return typeof picture === 'string' ? picture : picture.text;
}
const count = (text: string, part: string) => text.split(part).length - 1;

it('has a box for each hop, an arrow to the next one, and one back', () => {
  const picture = draw(['10.0.0.1:53', '10.0.0.2:53', '10.0.0.3', '10.0.0.1:53']);
  expect(count(picture, '<rect')).toBe(3);
  expect(count(picture, 'class="way"')).toBe(3);
  for (const part of ['10.0.0.1:53</text>', '10.0.0.2:53</text>', '10.0.0.3</text>', 'comes back'])
    expect(picture).toContain(part);
  expect(picture).toContain(
    'aria-label="The way of a query: 10.0.0.1:53, then 10.0.0.2:53, then 10.0.0.3, then 10.0.0.1:53"',
  );
  expect(picture.indexOf('unloop, here')).toBeLessThan(picture.indexOf('the upstream'));
});

it('says whether it goes on', () => {
  const path = ['a', 'b', 'a'];
  expect(draw(path)).toContain('class="loop open"');
  expect(draw(path, 'closed')).toContain('class="loop closed"');
});

it('stays small: a long path is cut in its middle, a long name at its end', () => {
  const hops = Array.from({ length: 40 }, (_, index) => `hop-${index}`);
  const picture = draw([...hops, hops[0]!]);
  expect(count(picture, '<rect')).toBe(6);
  expect(picture).toContain('>… 35 more</text>');
  expect(picture).toContain('>hop-39</text>');
  const long = `https://${'resolver.'.repeat(5)}example/dns-query`;
  expect(draw(['a', long, 'a'])).toContain(`<title>${long}</title>`);
  expect(draw(['a', long, 'a'])).toContain('>https://resolver.resolver.r…</text>');
});

it('is not drawn where there is no way', () => {
  expect(draw([])).toBe('');
  expect(draw(['a', 'a'])).toBe('');
});

it('escapes what stands in it', () => {
  expect(draw(['"><script>', '<b>', 'x'])).not.toMatch(/<script|<b>/);
});
