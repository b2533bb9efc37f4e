import { describe, expect, it } from 'vitest';
import { parseZoneSuffix } from '../../src/config/zone-suffix.ts';

describe('a zone suffix', () => {
  it.each([
    ['cluster.local', 'cluster.local'],
    ['Corp.Example.', 'corp.example'],
    ['_msdcs.corp', '_msdcs.corp'],
    ['10.in-addr.arpa', '10.in-addr.arpa'],
    ['0/25.2.0.192.in-addr.arpa', '0/25.2.0.192.in-addr.arpa'],
  ])('%s is %s', (text, suffix) => {
    expect(parseZoneSuffix(text)).toBe(suffix);
  });

  it.each([
    ['.', 'its servers stand under the top-level "upstreams"'],
    ['*.corp', 'write corp'],
    ['.corp', 'write corp'],
    ['a..b', 'has an empty label'],
    ['', 'has an empty label'],
    [`${'a'.repeat(64)}.b`, 'has a label longer than 63'],
    [Array(64).fill('abc').join('.'), 'is longer than a domain name can be'],
    ['bücher.example', 'write the name in its xn-- form'],
    ['a b', 'is not a domain name'],
  ])('%j is refused', (text, message) => {
    expect(() => parseZoneSuffix(text)).toThrow(message);
  });
});
