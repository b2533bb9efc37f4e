import { expect, it } from 'vitest';
import { domainHash, domainLabel } from '../../src/wire/domain.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { nameToText } from '../../src/wire/text.ts';
import { bytesOf, header, question } from './build-message.ts';

const parse = (name: string) => {
  const bytes = bytesOf(header(0x0100, 1, 0, 0, 0), question(name, 1));
  const q = new ParsedQuery();
  parseQuery(bytes, bytes.length, q);
  return { bytes, q, label: domainLabel(bytes, q) };
};

it.each([
  ['www.example.com', 'example.com.'],
  ['a.b.c.example.com', 'example.com.'],
  ['example.com', 'example.com.'],
  ['db', 'db.'],
  ['.', '.'],
  // Not one owner's: the suffix is one under which others register.
  ['www.bbc.co.uk', 'bbc.co.uk.'],
  ['www.shop.com.au', 'shop.com.au.'],
  ['www.someone.eu.org', 'someone.eu.org.'],
  ['co.uk', 'co.uk.'],
  ['www.ibm.com', 'ibm.com.'],
  ['1.2.0.192.in-addr.arpa', '2.0.192.in-addr.arpa.'],
  ['1.2.0.192.IN-ADDR.ARPA', '2.0.192.IN-ADDR.ARPA.'],
  [
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.f.0.0.1.8.b.d.0.1.0.0.2.ip6.arpa',
    'f.0.0.1.8.b.d.0.1.0.0.2.ip6.arpa.',
  ],
  ['8.b.d.0.1.0.0.2.IP6.arpa', '8.b.d.0.1.0.0.2.IP6.arpa.'],
  // Nearly "arpa".
  ['1.2.0.192.in-addr.xrpa', 'in-addr.xrpa.'],
  ['1.2.0.192.in-addr.axpa', 'in-addr.axpa.'],
  ['1.2.0.192.in-addr.arxa', 'in-addr.arxa.'],
  ['1.2.0.192.in-addr.arpx', 'in-addr.arpx.'],
  ['1.2.0.192.in-addr.arpanet', 'in-addr.arpanet.'],
])('%s: the part that stands for its owner is %s', (name, domain) => {
  const { bytes, q, label } = parse(name);
  expect(nameToText(bytes, q.labelOffsets[label]!)).toBe(domain);
});

it('hashes that part alone, letters’ case aside', () => {
  const hash = (name: string) => {
    const { bytes, q, label } = parse(name);
    return domainHash(bytes, q, label);
  };
  expect(hash('www.Example.com')).toBe(hash('a.b.example.COM'));
  expect(hash('www.example.com')).not.toBe(hash('www.example.net'));
  expect(hash('www.example.com')).not.toBe(hash('www.another.com'));
  expect(hash('db')).not.toBe(hash('mail'));
});
