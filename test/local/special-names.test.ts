import dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { hasSpecialTop, SpecialNames } from '../../src/local/special-names.ts';
import { SPECIAL_SUFFIXES, SPECIAL_TOPS } from '../../src/local/special-suffixes.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { queryBytes } from '../kit/dns-client.ts';

const names = new SpecialNames();
const PUBLIC = true;
const PRIVATE = false;

function parse(name: string, type: string) {
  const bytes = queryBytes({ name, type });
  const parsed = new ParsedQuery();
  parseQuery(bytes, bytes.length, parsed);
  return { bytes, parsed };
}

/** The answer, decoded; null: it is left to an upstream. */
function ask(name: string, type = 'A', isPublic = PUBLIC) {
  const { bytes, parsed } = parse(name, type);
  if (!hasSpecialTop(bytes, parsed)) return null;
  const length = names.find(bytes, parsed, isPublic);
  return length === 0 ? null : dnsPacket.decode(Buffer.from(names.message.slice(0, length)));
}

describe('localhost', () => {
  it.each([
    ['localhost', 'A', '127.0.0.1'],
    ['LocalHost', 'AAAA', '::1'],
    ['db.localhost', 'A', '127.0.0.1'],
  ])('%s %s is %s', (name, type, address) => {
    const { answers, questions, rcode, flag_aa } = ask(name, type, PRIVATE) as never as {
      answers: unknown[];
      questions: unknown[];
      rcode: string;
      flag_aa: boolean;
    };
    expect({ rcode, flag_aa }).toEqual({ rcode: 'NOERROR', flag_aa: true });
    expect(questions).toMatchObject([{ name, type }]);
    expect(answers).toMatchObject([{ name, type, ttl: 10_800, data: address }]);
  });

  it('has no other records', () => {
    expect(ask('localhost', 'MX')).toMatchObject({
      rcode: 'NOERROR',
      answers: [],
      authorities: [{ type: 'SOA' }],
    });
  });
});

describe('a name that does not exist', () => {
  it.each(['x.invalid', 'abc.onion', 'a.b.c.INVALID'])('%s, whatever the upstreams', (name) => {
    for (const isPublic of [PUBLIC, PRIVATE]) {
      expect(ask(name, 'AAAA', isPublic)).toMatchObject({
        rcode: 'NXDOMAIN',
        answers: [],
        authorities: [
          {
            name: name.split('.').at(-1),
            type: 'SOA',
            ttl: 10_800,
            data: { rname: 'nobody.invalid', minimum: 10_800, serial: 1 },
          },
        ],
      });
    }
  });

  it.each([
    '1.0.0.10.in-addr.arpa',
    '9.254.31.172.in-addr.arpa',
    '1.1.64.100.in-addr.arpa',
    '1.2.168.192.in-addr.arpa',
    `${'1.'.repeat(29)}d.f.ip6.arpa`,
    `${'1.'.repeat(27)}0.f.f.f.3.ip6.arpa`,
    'box.home.arpa',
    'www.test',
  ])('%s, where only public servers would be asked', (name) => {
    expect(ask(name, 'PTR', PUBLIC)).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(ask(name, 'PTR', PRIVATE)).toBeNull();
  });

  it.each([
    '8.8.8.8.in-addr.arpa',
    '1.1.32.172.in-addr.arpa',
    '1.1.128.100.in-addr.arpa',
    'ipv4only.arpa',
    'arpa',
    'www.latest',
    'test.example',
    'local',
    'www.example',
    '.',
  ])('%s is none of them', (name) => expect(ask(name)).toBeNull());
});

describe('the name of a zone itself', () => {
  it('exists, with SOA and NS', () => {
    expect(ask('10.in-addr.arpa', 'A')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(ask('10.in-addr.arpa', 'SOA')).toMatchObject({
      answers: [{ name: '10.in-addr.arpa', type: 'SOA', data: { mname: '10.in-addr.arpa' } }],
      authorities: [],
    });
    expect(ask('invalid', 'NS')).toMatchObject({ answers: [{ type: 'NS', data: 'invalid' }] });
  });

  it('has its DS in the zone above, which proves that ours needs no signatures', () => {
    expect(ask('home.arpa', 'DS')).toBeNull();
    expect(ask('10.in-addr.arpa', 'DS')).toBeNull();
    expect(ask('1.10.in-addr.arpa', 'DS')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(ask('onion', 'DS')).toMatchObject({ rcode: 'NOERROR', answers: [] });
  });
});

it('says nothing of resolver.arpa, and that nothing is there', () => {
  expect(ask('_dns.resolver.arpa', 'SVCB', PRIVATE)).toMatchObject({
    rcode: 'NOERROR',
    answers: [],
    authorities: [{ name: 'resolver.arpa', type: 'SOA' }],
  });
});

it('takes a dot within a label as no end of it', () => {
  const { bytes, parsed } = parse('a-b.test', 'A');
  bytes[14] = '.'.charCodeAt(0);
  const length = names.find(bytes, parsed, PUBLIC);
  expect(dnsPacket.decode(Buffer.from(names.message.slice(0, length))).authorities).toMatchObject([
    { name: 'test' },
  ]);
});

it('fits the longest question', () => {
  const label = 'x'.repeat(62);
  const name = `${label}.${label}.${label}.${'y'.repeat(56)}.invalid`;
  expect(ask(name, 'A')).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ name: 'invalid' }] });
});

it('knows the top-level domain of each suffix', () => {
  const tops = [...SPECIAL_SUFFIXES.keys()].map((suffix) => suffix.split('.').at(-1));
  expect([...new Set(tops)].sort()).toEqual([...SPECIAL_TOPS].sort());
});
