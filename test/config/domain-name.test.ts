import { expect, it } from 'vitest';
import { parseDomainName } from '../../src/config/domain-name.ts';

it.each([
  ['Corp.Example.', 'corp.example'],
  ['_msdcs.corp', '_msdcs.corp'],
])('%s is %s', (text, name) => expect(parseDomainName(text, 'x.y')).toBe(name));

it.each([
  ['a..b', 'has an empty label; expected for example x.y'],
  ['-a.b', 'is not a domain name; expected for example x.y'],
  ['bücher.example', 'write the name in its xn-- form'],
  [`${'a'.repeat(64)}.b`, 'has a label longer than 63'],
])('%j is refused, with the example', (text, message) => {
  expect(() => parseDomainName(text, 'x.y')).toThrow(message);
});
