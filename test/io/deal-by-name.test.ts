// The program that deals queries by name: its instructions in an interpreter written from
// linux/filter.h's rules, and the kernel itself, with sockets of the addon.
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { openBatchSocket } from '../../src/io/batch-socket.ts';
import type { DatagramSocket } from '../../src/io/datagram-socket.ts';
import { dealByName, dealtTo, HASHED_BYTES, whyKernelCannotDeal } from '../../src/io/deal-by-name.ts';
import { nativeStatus } from '../../src/io/native-addon.ts';
import { LOOPBACKS } from './datagram-socket.suite.ts';

const SEED = 0xc0ffee11;
/** What the program returns when it leaves the choice to the kernel. */
const BY_ADDRESS = 0xffff_ffff;

function query(name: string, { opt = false, id = 0 } = {}): Buffer {
  const labels = name
    .split('.')
    .filter((label) => label !== '')
    .map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]));
  const header = Buffer.of(id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, opt ? 1 : 0);
  const optRecord = opt ? Buffer.of(0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0) : Buffer.alloc(0);
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, 1, 0, 1), optRecord]);
}

function inRandomCase(name: string, round: number): string {
  return [...name].map((letter, i) => ((i * 7 + round) % 3 ? letter.toUpperCase() : letter)).join('');
}

/** Runs classic BPF on a message as the kernel does; throws at what the kernel would refuse. */
function interpret(program: Uint8Array, message: Uint8Array): { result: number; steps: number } {
  const view = new DataView(program.buffer);
  const count = program.length / 8;
  // The machine's order; all that we run on are little-endian.
  const word = (at: number) => view.getUint32(at * 8 + 4, true);
  let a = 0;
  let x = 0;
  for (let at = 0, steps = 1; ; at++, steps++) {
    if (at >= count) throw new Error('ran over the end');
    const code = view.getUint16(at * 8, true);
    const jumpTrue = view.getUint8(at * 8 + 2);
    const jumpFalse = view.getUint8(at * 8 + 3);
    const k = word(at);
    switch (code) {
      case 0x01: // ldx #k
        x = k;
        break;
      case 0x80: // ld #len
        a = message.length;
        break;
      case 0x30: // ldb [k]
        if (k >= message.length) return { result: 0, steps };
        a = message[k]!;
        break;
      case 0x44: // or #k
        a = (a | k) >>> 0;
        break;
      case 0xac: // xor x
        a = (a ^ x) >>> 0;
        break;
      case 0x24: // mul #k
        a = Math.imul(a, k) >>> 0;
        break;
      case 0x74: // rsh #k
        a >>>= k;
        break;
      case 0x94: // mod #k
        if (k === 0) throw new Error('modulo 0');
        a %= k;
        break;
      case 0x05: // ja k
        at += k;
        break;
      case 0x15: // jeq #k
        at += a === k ? jumpTrue : jumpFalse;
        break;
      case 0x25: // jgt #k
        at += a > k ? jumpTrue : jumpFalse;
        break;
      case 0x07: // tax
        x = a;
        break;
      case 0x87: // txa
        a = x;
        break;
      case 0x06: // ret #k
        return { result: k, steps };
      case 0x16: // ret a
        return { result: a, steps };
      default:
        throw new Error(`unknown instruction ${code.toString(16)} at ${at}`);
    }
  }
}

const deal = (message: Uint8Array, workers = 4, seed = SEED) =>
  interpret(dealByName(workers, seed), message).result;

describe('the program', () => {
  it('is far shorter than what the kernel takes', () => {
    // 4,096 instructions, and net.core.optmem_max (20 KiB before Linux 6.4) for them as eBPF.
    expect(dealByName(256, SEED).length / 8).toBeLessThan(600);
  });

  it('gives a name one worker, in any case of letters, with OPT and without', () => {
    for (let i = 0; i < 200; i++) {
      const name = `host-${i}.Example.com`;
      const worker = deal(query(name));
      expect(worker).toBeLessThan(4);
      for (let round = 0; round < 3; round++)
        expect(deal(query(inRandomCase(name, round), { opt: round > 0, id: i * round }))).toBe(worker);
    }
  });

  it.each([2, 3, 4, 16])('spreads names over %i workers', (workers) => {
    const counts = new Array<number>(workers).fill(0);
    const names = 4000 * workers;
    const program = dealByName(workers, SEED);
    for (let i = 0; i < names; i++) counts[interpret(program, query(`host${i}.example.com`)).result]!++;
    // Four standard deviations of 4,000 draws are 250.
    for (const count of counts) expect(Math.abs(count - 4000)).toBeLessThan(300);
  });

  it('spreads names that differ in one letter, or in the last label alone', () => {
    for (const nameOf of [
      (i: number) => `${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))}`,
      (i: number) => `www.example.t${i}`,
    ]) {
      const counts = [0, 0];
      for (let i = 0; i < 26 * 26; i++) counts[deal(query(nameOf(i)), 2)]!++;
      for (const count of counts) expect(count).toBeGreaterThan(270);
    }
  });

  it('deals otherwise with another seed', () => {
    let moved = 0;
    for (let i = 0; i < 400; i++)
      if (deal(query(`host${i}.example`), 4, 1) !== deal(query(`host${i}.example`), 4, 2)) moved++;
    expect(moved).toBeGreaterThan(250);
    expect(moved).toBeLessThan(350);
  });

  it('hashes a long name as far as it goes', () => {
    const long = `${'a'.repeat(HASHED_BYTES - 1)}.`;
    const workers = new Set<number>();
    for (let i = 0; i < 50; i++) workers.add(deal(query(`${long}x${i}`)));
    expect(workers.size).toBe(1);
    expect(deal(query(`${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example`))).toBeLessThan(4);
  });

  it('deals the root and the longest name', () => {
    expect(deal(query(''))).toBeLessThan(4);
    const longest = [63, 63, 63, 61].map((length) => 'x'.repeat(length)).join('.');
    expect(deal(query(longest))).toBeLessThan(4);
  });

  it('leaves a message that ends too soon to the kernel, however short', () => {
    const whole = query('a-name.of.some-length.example');
    for (let length = 0; length < whole.length; length++) {
      const result = deal(whole.subarray(0, length));
      // Near the end the hash is complete, though QTYPE or QCLASS is not.
      if (length <= whole.length - 5) expect(result).toBe(BY_ADDRESS);
      else expect(result === BY_ADDRESS || result < 4).toBe(true);
    }
  });

  it('ends for any message', () => {
    const program = dealByName(3, SEED);
    for (let i = 0; i < 2000; i++) {
      const message = Buffer.alloc(i % 120);
      for (let at = 0; at < message.length; at++) message[at] = Math.imul(i + 1, at * 2654435761 + 7) >>> 13;
      const { result, steps } = interpret(program, message);
      expect(result === BY_ADDRESS || result < 3).toBe(true);
      expect(steps).toBeLessThanOrEqual(program.length / 8);
    }
  });
});

describe('whyKernelCannotDeal', () => {
  it.each(['5.7.0', '5.10.0-28-cloud-amd64', '6.1', '7.0.0-rc1'])('nothing against %s', (release) => {
    expect(whyKernelCannotDeal(release)).toBe('');
  });
  it.each(['4.18.0-553.el8', '4.4.0', '5.4.0-1', '5.6.19', 'nonsense'])('names %s', (release) => {
    expect(whyKernelCannotDeal(release)).toBe(`needs Linux 5.7, this is ${release}`);
  });
});

if (nativeStatus().available && whyKernelCannotDeal() === '')
  describe.each(LOOPBACKS)('the kernel, over %s', (address) => {
    const opened: DatagramSocket[] = [];
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((socket) => socket.close()));
    });

    /** Sockets of one group, and the index of the one that got each query, by the query's ID. */
    function openGroup(size: number) {
      const takers = new Map<number, number>();
      const sockets: DatagramSocket[] = [];
      for (let index = 0; index < size; index++) {
        const socket = openBatchSocket(
          { address, port: sockets[0]?.localPort ?? 0, reusePort: true, claim: index === 0 },
          {
            onBatch({ buffers, count }) {
              for (let slot = 0; slot < count; slot++)
                takers.set((buffers[slot]![0]! << 8) | buffers[slot]![1]!, index);
            },
            onError() {},
          },
        );
        sockets.push(socket);
        opened.push(socket);
      }
      return { sockets, takers, port: sockets[0]!.localPort };
    }

    /** Asks from a port of its own for each message. */
    async function ask(port: number, messages: Buffer[]): Promise<void> {
      for (const message of messages) {
        const client = createSocket(address.includes(':') ? 'udp6' : 'udp4');
        await new Promise<void>((resolve) => client.send(message, port, address, () => resolve()));
        client.close();
      }
    }

    const names = Array.from({ length: 40 }, (_, i) => `host${i}.example`);
    const asked = () =>
      names.flatMap((name, i) => [
        query(name, { id: i * 4 }),
        query(inRandomCase(name, 1), { id: i * 4 + 1 }),
        query(name, { id: i * 4 + 2, opt: true }),
        query(inRandomCase(name, 2), { id: i * 4 + 3, opt: true }),
      ]);

    it('takes the program, without privilege, and deals as the interpreter does', async () => {
      const { sockets, takers, port } = openGroup(4);
      const program = dealByName(4, SEED);
      expect(sockets[3]!.deal(program)).toBe('');
      await ask(port, asked());
      await expect.poll(() => takers.size).toBe(160);
      for (const message of asked())
        expect(takers.get(message.readUInt16BE(0))).toBe(interpret(program, message).result);
    });

    it('says EINVAL while there is no group, and of instructions that are none', () => {
      const { sockets } = openGroup(1);
      expect(sockets[0]!.deal(dealByName(2, SEED))).toBe('EINVAL');
      const { sockets: two } = openGroup(2);
      expect(two[1]!.deal(new Uint8Array(7))).toBe('EINVAL');
      expect(two[1]!.deal(new Uint8Array(0))).toBe('EINVAL');
      expect(two[1]!.deal(Uint8Array.of(0xff, 0xff, 0, 0, 0, 0, 0, 0))).toBe('EINVAL');
      expect(two[1]!.deal(new Uint8Array(8 * 5000))).toBe('EINVAL');
      expect(two[1]!.deal(dealByName(2, SEED))).toBe('');
    });

    it('spreads messages without a whole name by their ports', async () => {
      const { sockets, takers, port } = openGroup(2);
      sockets[1]!.deal(dealByName(2, SEED));
      await ask(
        port,
        Array.from({ length: 64 }, (_, id) => query('www.example', { id }).subarray(0, 14)),
      );
      await expect.poll(() => takers.size).toBe(64);
      expect(new Set(takers.values()).size).toBe(2);
    });

    it('moves names, and loses nothing, when a socket retires; those that stay keep one home each', async () => {
      const { sockets, takers, port } = openGroup(3);
      sockets[2]!.deal(dealByName(3, SEED));
      await sockets[0]!.retire();
      // Two are left of three: what falls on the third is left to the kernel. With a program for
      // two each name has one home again.
      await ask(port, asked());
      await expect.poll(() => takers.size).toBe(160);
      expect(new Set(takers.values())).toEqual(new Set([1, 2]));

      takers.clear();
      expect(sockets[1]!.deal(dealByName(2, SEED))).toBe('');
      await ask(port, asked());
      await expect.poll(() => takers.size).toBe(160);
      for (let i = 0; i < names.length; i++) {
        const homes = new Set([0, 1, 2, 3].map((variant) => takers.get(i * 4 + variant)));
        expect(homes.size).toBe(1);
        expect(homes).not.toContain(0);
      }
      // The one that retired still sends, and gets nothing more.
      const before = sockets[0]!.counters().received;
      await sleep(5);
      expect(sockets[0]!.counters().received).toBe(before);
    });

    it('keeps the program for sockets that come later', async () => {
      const { sockets, takers, port } = openGroup(2);
      const program = dealByName(2, SEED);
      sockets[1]!.deal(program);
      await sockets[0]!.close();
      const late = openBatchSocket(
        { address, port, reusePort: true },
        {
          onBatch({ buffers, count }) {
            for (let slot = 0; slot < count; slot++)
              takers.set((buffers[slot]![0]! << 8) | buffers[slot]![1]!, 9);
          },
          onError() {},
        },
      );
      opened.push(late);
      await ask(port, asked());
      await expect.poll(() => takers.size).toBe(160);
      // The last one moved into the place that was free, and the new one is behind it.
      for (const message of asked())
        expect(takers.get(message.readUInt16BE(0))).toBe(interpret(program, message).result === 0 ? 1 : 9);
    });
  });

it.each([1, 2, 3, 16])('among %i, the socket of a name is known without the kernel', (workers) => {
  const program = dealByName(workers, SEED);
  const names = ['', 'a', 'www.Example.com', 'x'.repeat(63), `${'long.'.repeat(40)}example`];
  for (const name of [...names, ...Array.from({ length: 50 }, (_, i) => `n${i}.example`)]) {
    const message = query(name);
    const wire = message.subarray(12, message.length - 4);
    expect([name, dealtTo(program, workers, wire)]).toEqual([name, interpret(program, message).result]);
  }
});
