// Who is served: deny before allow, networks to the bit, and a rate that a client cannot dodge by
// its port.
import { describe, expect, it } from 'vitest';
import { parseCidr } from '../../src/config/cidr.ts';
import { parsePeer } from '../../src/io/peer.ts';
import { Drop } from '../../src/metrics/counters.ts';
import { ClientGate, networkWords } from '../../src/pipeline/client-gate.ts';
import { ClientRates, createClientRates } from '../../src/pipeline/client-rates.ts';
import { DATAGRAMS, queryFrom, STREAM } from './queries.ts';

const networks = (...texts: string[]) =>
  texts.map((text) => {
    const { bytes, prefix } = parseCidr(text);
    return networkWords(bytes, prefix);
  });

function judge(gate: ClientGate, address: string, nowMs = 0, port = 4000, stream = false): number | null {
  // Behind another record, as in a batch.
  const peers = new Int32Array(24);
  peers.set(parsePeer(address, port)!, 12);
  return gate.refuses(queryFrom(peers, 12, stream ? STREAM : DATAGRAMS), nowMs);
}

describe('client-gate', () => {
  it('serves all clients when there are no lists', () => {
    const gate = new ClientGate([], [], 0, new ClientRates(createClientRates()));
    expect(judge(gate, '203.0.113.9')).toBeNull();
    expect(judge(gate, '2001:db8::1')).toBeNull();
  });

  it('tells of a client that is denied that it is not served', () => {
    for (const allow of [[], networks('10.0.0.0/8')]) {
      const gate = new ClientGate(allow, networks('10.1.0.0/16'), 0, new ClientRates(createClientRates()));
      expect([gate.serves('10.2.0.1'), gate.serves('10.1.0.1')]).toEqual([true, false]);
    }
  });

  it('serves exactly the allowed networks, to the bit', () => {
    const gate = new ClientGate(
      networks('10.32.0.0/11', '192.0.2.7', 'fd00:1:2::/47', '::1'),
      [],
      0,
      new ClientRates(createClientRates()),
    );
    for (const address of [
      '10.32.0.0',
      '10.63.255.255',
      '192.0.2.7',
      'fd00:1:2::1',
      'fd00:1:3:ffff::',
      '::1',
    ])
      expect(judge(gate, address), address).toBeNull();
    for (const address of ['10.31.255.255', '10.64.0.0', '192.0.2.6', 'fd00:1:4::', 'fd00:1:1:ffff::', '::2'])
      expect(judge(gate, address), address).toBe(Drop.not_allowed);
  });

  it('does not confuse IPv4 and IPv6 networks', () => {
    // 10.0.0.0/8 as the first bytes of an IPv6 address, and the other way round.
    const v4 = new ClientGate(networks('10.0.0.0/8'), [], 0, new ClientRates(createClientRates()));
    expect(judge(v4, 'a00:1::')).toBe(Drop.not_allowed);
    const v6 = new ClientGate(networks('a00::/8'), [], 0, new ClientRates(createClientRates()));
    expect(judge(v6, '10.0.0.1')).toBe(Drop.not_allowed);
    const all = new ClientGate(networks('0.0.0.0/0'), [], 0, new ClientRates(createClientRates()));
    expect(judge(all, '203.0.113.9')).toBeNull();
    expect(judge(all, '2001:db8::1')).toBe(Drop.not_allowed);
  });

  it('recognizes an IPv4 client of a dual-stack socket by its IPv4 address', () => {
    const gate = new ClientGate(
      networks('10.0.0.0/8'),
      networks('10.1.0.0/16'),
      0,
      new ClientRates(createClientRates()),
    );
    expect(judge(gate, '::ffff:10.2.0.1')).toBeNull();
    for (const address of [
      '::ffff:10.1.0.1',
      '::ffff:11.0.0.1',
      '::10.2.0.1',
      '::fffe:10.2.0.1',
      '1::ffff:10.2.0.1',
    ])
      expect(judge(gate, address), address).toBe(Drop.not_allowed);
    // A network of IPv6 that holds all of them does not count for IPv4 clients.
    expect(
      judge(new ClientGate(networks('::/0'), [], 0, new ClientRates(createClientRates())), '::ffff:10.2.0.1'),
    ).toBe(Drop.not_allowed);
  });

  it('lets deny win over allow', () => {
    const gate = new ClientGate(
      networks('10.0.0.0/8'),
      networks('10.1.0.0/16'),
      0,
      new ClientRates(createClientRates()),
    );
    expect(judge(gate, '10.2.0.1')).toBeNull();
    expect(judge(gate, '10.1.0.1')).toBe(Drop.not_allowed);
  });

  it('ignores host bits in a network', () => {
    const gate = new ClientGate(
      [networkWords(Uint8Array.of(10, 9, 8, 7), 8)],
      [],
      0,
      new ClientRates(createClientRates()),
    );
    expect(judge(gate, '10.200.0.1')).toBeNull();
  });

  describe('with a rate', () => {
    /** How many of `count` queries at one moment are served. */
    const served = (gate: ClientGate, address: string, count: number, nowMs: number) => {
      let ok = 0;
      for (let i = 0; i < count; i++) if (judge(gate, address, nowMs, 1024 + i) === null) ok++;
      return ok;
    };

    it('allows a burst of one second, then the rate, whatever the source port', () => {
      const gate = new ClientGate([], [], 50, new ClientRates(createClientRates()));
      const burst = served(gate, '192.0.2.1', 1000, 10_000);
      expect(burst).toBeGreaterThanOrEqual(50);
      expect(burst).toBeLessThanOrEqual(51);
      expect(served(gate, '192.0.2.1', 1000, 10_500)).toBe(25);
      expect(served(gate, '192.0.2.1', 1000, 60_000)).toBe(burst);
    });

    it('says why', () => {
      const gate = new ClientGate([], [], 1, new ClientRates(createClientRates()));
      served(gate, '192.0.2.1', 10, 10_000);
      expect(judge(gate, '192.0.2.1', 10_000)).toBe(Drop.rate_limited);
    });

    it('keeps the allowances of clients apart', () => {
      const gate = new ClientGate([], [], 50, new ClientRates(createClientRates()));
      served(gate, '192.0.2.1', 1000, 10_000);
      expect(served(gate, '192.0.2.2', 10, 10_000)).toBe(10);
    });

    it('gives TCP its own allowance, which forged datagrams cannot use up', () => {
      const gate = new ClientGate([], [], 50, new ClientRates(createClientRates()));
      served(gate, '192.0.2.1', 1000, 10_000);
      expect(judge(gate, '192.0.2.1', 10_000)).toBe(Drop.rate_limited);
      const overStream = () => judge(gate, '192.0.2.1', 10_000, 4000, true);
      let ok = 0;
      for (let i = 0; i < 1000; i++) if (overStream() === null) ok++;
      expect(ok).toBeGreaterThanOrEqual(50);
      expect(ok).toBeLessThanOrEqual(51);
    });

    it('applies one rate to a whole IPv6 /64', () => {
      const gate = new ClientGate([], [], 50, new ClientRates(createClientRates()));
      let ok = 0;
      for (let i = 0; i < 1000; i++) if (judge(gate, `2001:db8::${i}`, 10_000) === null) ok++;
      expect(ok).toBeLessThanOrEqual(51);
      expect(judge(gate, '2001:db8:0:1::1', 10_000)).toBeNull();
    });

    it('keeps serving when there are more clients than it can track', () => {
      const gate = new ClientGate([], [], 50, new ClientRates(createClientRates()));
      for (let i = 0; i < 60_000; i++) judge(gate, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 10_000);
      expect(served(gate, '192.0.2.1', 10, 20_000)).toBe(10);
    });
  });
});
