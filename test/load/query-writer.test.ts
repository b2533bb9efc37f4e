import dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { FastRandom } from '../../src/load/fast-random.ts';
import { type QueryShape, QueryWriter } from '../../src/load/query-writer.ts';
import { textToName } from '../../src/wire/text.ts';

const OFFSET = 6;

/** A query for the name, in memory that was used before. */
function write(name: string, shape: Partial<QueryShape>, random = new FastRandom(1)): Buffer {
  const writer = new QueryWriter({ randomCase: false, ednsShare: 0, dnssecShare: 0, ...shape }, random);
  const out = Buffer.alloc(600, 0xff);
  const nameAt = writer.begin(out, OFFSET);
  const wire = textToName(name);
  out.set(wire, nameAt);
  const length = writer.finish(out, OFFSET, nameAt + wire.length, 28);
  expect(out.subarray(OFFSET + length).every((byte) => byte === 0xff)).toBe(true);
  expect(out.subarray(0, OFFSET).every((byte) => byte === 0xff)).toBe(true);
  return out.subarray(OFFSET, OFFSET + length);
}

/** Many queries of a shape: the part of them that meets the test. */
function share(shape: Partial<QueryShape>, test: (query: Buffer) => boolean): number {
  const random = new FastRandom(7);
  return Array.from({ length: 400 }, () => write('a.example', shape, random)).filter(test).length / 400;
}

const hasOpt = (query: Buffer) => query[11] === 1;
const hasDo = (query: Buffer) => hasOpt(query) && query[query.length - 4] === 0x80;

describe('a query', () => {
  it('is a question with RD and ID 0, and nothing else', () => {
    const query = write('www.example', {});
    const { id, flag_rd, questions, additionals } = dnsPacket.decode(query);
    expect([id, flag_rd, additionals]).toEqual([0, true, []]);
    expect(questions).toEqual([{ name: 'www.example', type: 'AAAA', class: 'IN' }]);
    expect(query).toHaveLength(12 + 13 + 4);
  });

  it('may be for the root, which has no letters', () => {
    const query = write('.', { randomCase: true, ednsShare: 1 });
    expect(dnsPacket.decode(query).questions).toMatchObject([{ name: '.' }]);
  });

  it('with OPT takes 1232 bytes', () => {
    const { additionals } = dnsPacket.decode(write('www.example', { ednsShare: 1 }));
    expect(additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232, flag_do: false }]);
  });

  it('with DO has OPT too', () => {
    const { additionals } = dnsPacket.decode(write('www.example', { dnssecShare: 1 }));
    expect(additionals).toMatchObject([{ type: 'OPT', flag_do: true }]);
  });

  it('has OPT and DO as often as the shares say', () => {
    const both = { ednsShare: 0.5, dnssecShare: 0.2 };
    expect(Math.abs(share(both, hasOpt) - 0.5)).toBeLessThan(0.1);
    expect(Math.abs(share(both, hasDo) - 0.2)).toBeLessThan(0.1);
    expect(share({ ednsShare: 1, dnssecShare: 0 }, hasDo)).toBe(0);
    // DO needs OPT: the larger share counts for it.
    expect(share({ ednsShare: 0.1, dnssecShare: 1 }, hasOpt)).toBe(1);
  });
});

describe('letters in random case', () => {
  it('differ from query to query, and the name stays the same', () => {
    const random = new FastRandom(3);
    const name = 'abcdefghijklmnopqrstuvwxyz.example';
    const names = Array.from({ length: 20 }, () => {
      const { questions } = dnsPacket.decode(write(name, { randomCase: true }, random));
      return questions![0]!.name;
    });
    expect(new Set(names).size).toBe(20);
    expect(names.every((written) => written.toLowerCase() === name)).toBe(true);
  });

  it('leave digits, hyphens and length bytes as they are', () => {
    // A label of 63 bytes begins with "?", the largest length; @ [ ` { stand next to letters.
    const label = `09-_@[\`{${'a'.repeat(55)}`;
    const query = write(`${label}.example`, { randomCase: true }, new FastRandom(5));
    const text = query.toString('latin1', 12, 12 + 73);
    expect(text.toLowerCase()).toBe(`?${label}\x07example\0`);
    expect(text.slice(1, 9)).toBe('09-_@[`{');
  });
});
