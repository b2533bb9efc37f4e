// The denial of a name above answers for a name below it (RFC 8020), and when it does not.
import dnsPacket from 'dns-packet';
import { beforeEach, describe, expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counters.ts';
import { textToName } from '../../src/wire/text.ts';
import { type Asking, CacheFixture } from './cache-fixture.ts';
import { address, alias, answerTo, queryFor, soa, TYPE_AAAA } from './messages.ts';

const NXDOMAIN = 3;
const DENIED = { rcode: NXDOMAIN, authorities: [soa(60, 30)] };
const BELOW = 'www.shop.com.default.example.com';

let cache: CacheFixture;

beforeEach(() => {
  cache = new CacheFixture();
  cache.store('com.default.example.com', DENIED);
});

/** The answer that the last look-up found, with the client's QNAME as answers writes it. */
function answerFor(name: string): dnsPacket.DecodedPacket {
  const bytes = cache.copy();
  bytes.set(textToName(name), 12);
  return dnsPacket.decode(Buffer.from(bytes));
}

const cut = (name = BELOW, asking: Asking = {}) => cache.lookupCut(name, asking);

describe('a name below a denied one', () => {
  it('is denied with the SOA and the TTL that is left', () => {
    cache.advanceSeconds(12);
    expect(cut()).toBe('cut');
    const answer = answerFor(BELOW);
    expect(answer.questions).toMatchObject([{ name: BELOW, type: 'A' }]);
    expect(answer.answers).toEqual([]);
    expect(answer.authorities).toMatchObject([
      {
        name: 'example.com',
        type: 'SOA',
        ttl: 18,
        data: { mname: 'ns.example.com', rname: 'admin.example.com' },
      },
    ]);
    expect(cache.hit.rcode).toBe(NXDOMAIN);
  });

  it('is denied for every type and in any letters', () => {
    expect(cut('WWW.Shop.COM.default.Example.com', { type: TYPE_AAAA })).toBe('cut');
    expect(answerFor(BELOW).questions![0]!.type).toBe('AAAA');
  });

  it('counts as answered by the cache', () => {
    cut();
    expect([cache.count(Counter.cacheHits), cache.count(Counter.cacheMisses)]).toEqual([1, 0]);
  });

  it('loses AD: the proof was about another name', () => {
    const reply = answerTo(queryFor('net.default.example.com'), DENIED);
    reply[3]! |= 0x20;
    cache.storeReply('net.default.example.com', reply);
    expect(cut('a.net.default.example.com')).toBe('cut');
    expect(cache.copy()[3]! & 0x20).toBe(0);
    expect(cache.lookup('net.default.example.com')).toBe('fresh');
    expect(cache.copy()[3]! & 0x20).toBe(0x20);
  });

  it('is asked for when the denial has expired, in spite of serveStale', () => {
    cache.advanceSeconds(30);
    expect(cut()).toBe('miss');
  });

  it('is denied rather than answered with older expired data', () => {
    cache.advanceSeconds(-20);
    cache.store(BELOW, { answers: [address(10)] });
    cache.advanceSeconds(20);
    expect(cache.lookup(BELOW)).toBe('stale');
    expect(cut()).toBe('cut');
  });
});

describe('a denied name does not end', () => {
  it('names beside it, above it, or with the same letters at the end', () => {
    for (const name of ['www.org.default.example.com', 'default.example.com', 'telecom.default.example.com'])
      expect(cut(name)).toBe('miss');
  });

  it('names below it that are cached, until they expire', () => {
    cache.store(BELOW, { answers: [address(20)] });
    expect(cut()).toBe('fresh');
    expect(cut(BELOW, { type: TYPE_AAAA })).toBe('cut');
  });

  it('names in another partition, with other flags, or with DO', () => {
    expect(cut(BELOW, { partition: 1 })).toBe('miss');
    expect(cut(BELOW, { flags: 0x0110 })).toBe('miss');
    expect(cut(BELOW, { dnssecOk: true })).toBe('miss');
    cache.store('com.default.example.com', DENIED, { dnssecOk: true });
    expect(cut(BELOW, { dnssecOk: true })).toBe('miss');
  });

  it('names below NODATA, an alias whose target is missing, or a failure', () => {
    cache.store('empty.example.com', { authorities: [soa(60, 30)] });
    cache.store('alias.example.com', {
      rcode: NXDOMAIN,
      answers: [alias(60, 'gone.example.com')],
      authorities: [soa(60, 30)],
    });
    cache.storeFailure('down.example.com');
    for (const name of [
      'a.empty.example.com',
      'a.alias.example.com',
      'a.down.example.com',
      'a.gone.example.com',
    ])
      expect(cut(name)).toBe('miss');
  });

  it('names below "_tcp": servers deny it though _http._tcp exists', () => {
    cache.store('_tcp.web.example.com', DENIED);
    expect(cut('_http._tcp.web.example.com')).toBe('miss');
  });

  it('names in zones that do not say so', () => {
    expect(cache.lookup(BELOW)).toBe('miss');
  });

  it('names of another zone: nothing above the zone is looked at', () => {
    cache.store('example.com', DENIED);
    expect(cut('a.example.com')).toBe('miss');
  });

  it('names below a denial with more than an SOA', () => {
    cache.store('odd.example.com', { ...DENIED, additionals: [address(30)] });
    expect(cut('a.odd.example.com')).toBe('miss');
  });

  it('names below a denial that is too long to go with a longer name into a datagram', () => {
    const query = queryFor('long.example.com');
    const base = answerTo(query, DENIED).length;
    for (const [length, outcome] of [
      [256, 'cut'],
      [257, 'miss'],
    ] as const) {
      let more = '';
      for (let left = length - base; left > 0; left -= 21) more += `${'x'.repeat(Math.min(left, 21) - 1)}.`;
      const server = textToName('ns.example.com').length;
      const { rdata, ...others } = soa(60, 30);
      const longer = {
        ...others,
        rdata: Uint8Array.of(...textToName(`${more}ns.example.com`), ...rdata.slice(server)),
      };
      const reply = answerTo(query, { ...DENIED, authorities: [longer] });
      expect(reply.length).toBe(length);
      cache.storeReply('long.example.com', reply);
      expect(cut('a.long.example.com')).toBe(outcome);
    }
  });

  it('deep names at any price: only the ten names below the zone are looked for', () => {
    cache.store('1.2.3.4.5.6.7.8.9.10.11.example.com', DENIED);
    expect(cut('0.1.2.3.4.5.6.7.8.9.10.11.example.com')).toBe('miss');
    cache.store('3.4.5.6.7.8.9.10.11.12.example.com', DENIED);
    expect(cut('0.1.2.3.4.5.6.7.8.9.10.11.12.example.com'.replace('2.3', '3'))).toBe('cut');
  });
});

describe('a denial is forgotten', () => {
  it('but not that of the zone itself, or of what stands above it', () => {
    cache.store('example.com', DENIED);
    cache.store('com', DENIED);
    cache.forgetDenialsAbove(BELOW);
    expect([cache.lookup('example.com'), cache.lookup('com')]).toEqual(['fresh', 'fresh']);
  });

  it('when a name below it turns out to exist', () => {
    cache.forgetDenialsAbove(BELOW);
    expect(cut('other.com.default.example.com')).toBe('miss');
    expect(cache.lookup('com.default.example.com')).toBe('miss');
  });

  it('when the name itself appears', () => {
    cache.store('com.default.example.com', { answers: [address(60)] });
    expect(cut()).toBe('miss');
  });

  it('with its zone, its name, or a name below it', () => {
    for (const flushed of ['example.com', 'com.default.example.com', BELOW]) {
      cache.store('com.default.example.com', DENIED);
      expect(cut()).toBe('cut');
      expect(cache.cache.flush(flushed)).toBe(1);
      expect(cut()).toBe('miss');
    }
    cache.store('com.default.example.com', DENIED);
    expect(cache.cache.flush(undefined, 0)).toBe(1);
    expect(cut()).toBe('miss');
  });

  it('but not with a name beside it', () => {
    expect(cache.cache.flush('net.default.example.com')).toBe(0);
    expect(cut()).toBe('cut');
  });
});

it('shows people which name is denied, since when and for how long', () => {
  cache.store('net.default.example.com', DENIED, { answererSlot: 5 });
  const storedAtMs = cache.nowMs;
  cache.advanceSeconds(12);
  expect(cache.peekCut('www.net.default.example.com')).toEqual({
    state: 'cut',
    ttlSeconds: 18,
    storedAtMs,
    answererSlot: 5,
    nameOffset: 12 + 4,
  });
  expect(cache.peekCut('www.org.default.example.com')).toBeNull();
  expect(cache.count(Counter.cacheHits)).toBe(0);
});

it('does not end a name that only looks as if it stood below, nor a flush one beside it', () => {
  expect(cut('www.xcom.default.example.com')).toBe('miss');
  cache.storeFailure('bad.com.default.example.com');
  // A failure is no denial: it does not go with a name below it.
  expect(cache.cache.flush('a.bad.com.default.example.com')).toBe(1);
  expect(cache.lookup('bad.com.default.example.com')).toBe('failure');
});
