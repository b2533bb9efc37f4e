// What a query source asks, decoded by somebody else's code.
import dnsPacket from 'dns-packet';
import { expect } from 'vitest';
import { LONGEST_QUERY, type QuerySource } from '../../src/load/query-source.ts';

export const PLAIN = { randomCase: false, ednsShare: 0, dnssecShare: 0 };

export interface Asked {
  name: string;
  type: string;
  edns: boolean;
  dnssecOk: boolean;
}

/** The next queries. */
export function ask(source: QuerySource, count: number): Asked[] {
  const out = new Uint8Array(8 + LONGEST_QUERY).fill(0xee);
  return Array.from({ length: count }, () => {
    const length = source.write(out, 8);
    expect(out[8 + length] ?? 0xee).toBe(0xee);
    const message = dnsPacket.decode(Buffer.from(out.subarray(8, 8 + length)));
    out.fill(0xee);
    expect(message.flag_rd).toBe(true);
    expect(message.questions).toHaveLength(1);
    const { name, type } = message.questions![0]!;
    const opt = message.additionals!.find((record) => record.type === 'OPT') as
      | { flag_do?: boolean }
      | undefined;
    return { name, type, edns: opt !== undefined, dnssecOk: opt?.flag_do === true };
  });
}
