import dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { paddingLength, writePadding } from '../../src/upstream/padding.ts';

/** A query with an OPT record, with or without options, or none. */
function query(name: string, options: { opt?: boolean; data?: number } = {}): { bytes: Buffer; end: number } {
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    flags: 0,
    options: options.data === undefined ? [] : [{ code: 65_280, data: Buffer.alloc(options.data) }],
  };
  const bytes = dnsPacket.encode({
    type: 'query',
    questions: [{ type: 'A', name }],
    additionals: options.opt === false ? [] : [opt as unknown as dnsPacket.Answer],
  });
  return { bytes, end: 12 + name.length + 2 + 4 };
}

describe('padding', () => {
  it.each([
    ['a.example', undefined, 128],
    ['a.example', 20, 128],
    ['a.example', 79, 128],
    ['a.example', 83, 256],
    [`${'x'.repeat(60)}.example`, 40, 256],
  ])('fills %s with %s bytes of options to %d bytes', (name, data, expected) => {
    const { bytes, end } = query(name, data === undefined ? {} : { data });
    const padding = paddingLength(bytes, bytes.length, end);
    expect(bytes.length + padding).toBe(expected);
    const at = 2;
    const padded = Buffer.alloc(at + bytes.length + padding);
    bytes.copy(padded, at);
    writePadding(padded, at, bytes.length, end, padding);
    const decoded = dnsPacket.decode(padded.subarray(at));
    const opt = decoded.additionals![0] as unknown as { options: { code: number }[] };
    expect(opt.options.map((option) => option.code)).toEqual(data === undefined ? [12] : [65_280, 12]);
    expect(decoded.questions).toEqual([{ type: 'A', class: 'IN', name }]);
  });

  it('leaves a message alone that has no OPT record at its end', () => {
    const plain = query('a.example', { opt: false });
    expect(paddingLength(plain.bytes, plain.bytes.length, plain.end)).toBe(0);
    const { bytes, end } = query('a.example');
    expect(paddingLength(Buffer.concat([bytes, Buffer.alloc(1)]), bytes.length + 1, end)).toBe(0);
    for (const at of [6, 7, 8, 9, 10]) {
      const counted = Buffer.from(bytes);
      counted[at] = 1;
      expect(paddingLength(counted, counted.length, end)).toBe(0);
    }
    const signed = Buffer.from(bytes);
    signed[11] = 2;
    expect(paddingLength(signed, signed.length, end)).toBe(0);
  });
});
