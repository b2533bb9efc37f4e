// What an off-path attacker must guess to forge a reply: ID, port and case, each measured in the
// code that draws it. docs/hardening.md has the sums.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Clock } from '../../src/base/clock.ts';
import { RandomPool } from '../../src/base/random.ts';
import { PEER_WORDS, type ReceiveBatch } from '../../src/io/datagram-socket.ts';
import { openDatagramSocket } from '../../src/io/open-socket.ts';
import { CasePattern } from '../../src/loop/case-pattern.ts';
import { createKeyMaterial, KeyRing } from '../../src/loop/keys.ts';
import { Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { UpstreamQuery } from '../../src/upstream/exchange.ts';
import { IdTable } from '../../src/upstream/id-table.ts';
import { UdpExchange } from '../../src/upstream/udp-exchange.ts';
import { textToName } from '../../src/wire/text.ts';
import { rounds } from '../kit/rounds.ts';
import { createQuery, RecordingOwner } from '../upstream/test-queries.ts';

/** Six standard deviations: chance exceeds it once in a thousand million runs. */
const SIGMAS = 6;

/**
 * Expects counts that a fair draw gives (Pearson's χ², whose variance is twice its degrees of
 * freedom).
 */
function expectUniform(counts: ArrayLike<number>): void {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  const expected = total / counts.length;
  let chiSquare = 0;
  for (let i = 0; i < counts.length; i++) chiSquare += (counts[i]! - expected) ** 2 / expected;
  const freedom = counts.length - 1;
  expect(chiSquare).toBeLessThan(freedom + SIGMAS * Math.sqrt(2 * freedom));
}

describe('IDs', () => {
  const DRAWS = rounds(1_000_000, 400_000);

  it('are uniform over all 65,536, and do not predict the next', () => {
    const table = new IdTable(new RandomPool());
    const query = new UpstreamQuery();
    const bytes = textToName('example');
    query.bytes = Uint8Array.of(...new Uint8Array(12), ...bytes, 0, 1, 0, 1);
    query.questionEnd = query.bytes.length;
    const ids = new Uint32Array(65_536);
    const steps = new Uint32Array(65_536);
    let last = 0;
    for (let i = 0; i < DRAWS; i++) {
      const id = table.take(query);
      table.release(query);
      ids[id]!++;
      steps[(id - last) & 0xffff]!++;
      last = id;
    }
    expectUniform(ids);
    expectUniform(steps);
  });

  it('stay so with a full table: what is drawn is never one that is taken', () => {
    const table = new IdTable(new RandomPool());
    const bytes = new Uint32Array(256);
    const seen = new Set<number>();
    for (let i = 0; i < 8000; i++) {
      const query = new UpstreamQuery();
      query.bytes = new Uint8Array(17);
      query.questionEnd = 17;
      const id = table.take(query);
      expect(seen.has(id)).toBe(false);
      seen.add(id);
      bytes[id >>> 8]!++;
      bytes[id & 255]!++;
    }
    expectUniform(bytes);
  });
});

describe('ports', () => {
  it('are sixteen of the kernel’s choosing, drawn evenly, and others in the next exchange', async () => {
    const byPort = new Map<number, number>();
    let received = 0;
    let enough = () => {};
    const wanted = rounds(1600, 800);
    const onBatch = (batch: ReceiveBatch) => {
      for (let i = 0; i < batch.count; i++) {
        const port = batch.peers[i * PEER_WORDS]! & 0xffff;
        byPort.set(port, (byPort.get(port) ?? 0) + 1);
        received++;
      }
      if (received >= wanted) enough();
    };
    const sink = await openDatagramSocket(
      { address: '127.0.0.1', port: 0, receiveBufferBytes: 4 * 1024 * 1024 },
      { onBatch, onError() {} },
    );
    const options = {
      host: '127.0.0.1',
      port: sink.localPort,
      random: new RandomPool(),
      clock: new Clock(),
      counters: new Counters(createCounterBlock()),
    };
    const exchange = await UdpExchange.open(options);
    const other = await UdpExchange.open(options);
    while (exchange.localPorts().length < 16 || other.localPorts().length < 16) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const ports = exchange.localPorts();
    expect(new Set([...ports, ...other.localPorts()]).size).toBe(32);
    const arrived = new Promise<void>((resolve) => {
      enough = resolve;
    });
    // One turn each: a turn's queries share a socket.
    for (let i = 0; i < wanted; i++) {
      exchange.send(createQuery(`n${i}.example`, new RecordingOwner()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await arrived;
    expect([...byPort.keys()].sort()).toEqual([...ports].sort());
    expectUniform([...byPort.values()]);
    await Promise.all([exchange.close(true), other.close(true)]);
    await sink.close();
  });
});

describe('case', () => {
  it('is one fair bit per letter, another pattern for each name, type and process', () => {
    const LETTERS = 20;
    const NAMES = rounds(20_000, 5000);
    const pattern = new CasePattern(new KeyRing(createKeyMaterial('', 'default'), 0));
    const otherProcess = new CasePattern(new KeyRing(createKeyMaterial('', 'default'), 0));
    const upper = new Uint32Array(LETTERS);
    let sameAsOtherType = 0;
    let sameAsOtherProcess = 0;
    for (let i = 0; i < NAMES; i++) {
      // Twenty letters: 'a' … 't', in an order of its own, and a number in front.
      const name = textToName(`${i}.abcdefghijklmnopqrst`);
      const spelt = name.slice();
      pattern.apply(spelt, 0, spelt.length, 1);
      const from = spelt.length - 1 - LETTERS;
      for (let letter = 0; letter < LETTERS; letter++)
        upper[letter]! += (spelt[from + letter]! & 0x20) === 0 ? 1 : 0;
      const otherType = name.slice();
      pattern.apply(otherType, 0, otherType.length, 28);
      if (Buffer.from(otherType).equals(spelt)) sameAsOtherType++;
      const elsewhere = name.slice();
      otherProcess.apply(elsewhere, 0, elsewhere.length, 1);
      if (Buffer.from(elsewhere).equals(spelt)) sameAsOtherProcess++;
    }
    const deviation = Math.sqrt(NAMES / 4);
    for (const count of upper) expect(Math.abs(count - NAMES / 2)).toBeLessThan(SIGMAS * deviation);
    // 2⁻²⁰ each.
    expect(sameAsOtherType).toBeLessThan(5);
    expect(sameAsOtherProcess).toBeLessThan(5);
  });
});

describe('the sums in docs/hardening.md', () => {
  /**
   * Linux' default net.ipv4.ip_local_port_range, and the sockets of UdpExchange (counted above).
   */
  const KERNEL_PORTS = 60_999 - 32_768 + 1;
  const SOCKETS = 16;

  it('are those of the code', () => {
    const page = readFileSync(new URL('../../docs/hardening.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z.]+)` \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$/gm)];
    expect(rows.length).toBeGreaterThan(3);
    const pattern = new CasePattern(new KeyRing(createKeyMaterial('', 'default'), 0));
    for (const [, name, letters, unknown, known] of rows) {
      const wireName = textToName(name!);
      const bits = 16 + pattern.apply(wireName, 0, wireName.length, 1);
      expect(Number(letters), name).toBe(bits - 16);
      expect(Number(unknown), name).toBeCloseTo(bits + Math.log2(KERNEL_PORTS), 1);
      expect(Number(known), name).toBeCloseTo(bits + Math.log2(SOCKETS), 1);
    }
  });
});
