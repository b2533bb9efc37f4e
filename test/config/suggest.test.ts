import { expect, it } from 'vitest';
import { suggest } from '../../src/config/suggest.ts';

const KNOWN = ['upstreams', 'workers', 'maxInFlight', 'log'];

it.each([
  ['upstream', 'upstreams'],
  ['upstraems', 'upstreams'],
  ['UPSTREAMS', 'upstreams'],
  ['max-in-flight', 'maxInFlight'],
  ['max_in_flihgt', 'maxInFlight'],
  ['lgo', 'log'],
])('takes %s for %s', (written, known) => {
  expect(suggest(written, KNOWN)).toBe(known);
});

it.each(['', 'cache', 'logging', 'up', 'upst'])('has no suggestion for %j', (written) => {
  expect(suggest(written, KNOWN)).toBeNull();
});

it('allows one edit for each three letters', () => {
  expect(suggest('abcdef', ['abcdxy'])).toBe('abcdxy');
  expect(suggest('abcdef', ['abcxyz'])).toBeNull();
});

it('takes the nearest, and the first of equals', () => {
  expect(suggest('abcdef', ['abcdxy', 'abcdex'])).toBe('abcdex');
  expect(suggest('abcdef', ['abcdex', 'abcdey'])).toBe('abcdex');
});
