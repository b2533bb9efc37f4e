// Parsed queries for the tests of the pipeline's parts.
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { bytesOf, header, opt, question } from '../wire/build-message.ts';

export interface TestQuery {
  readonly bytes: Uint8Array;
  readonly q: ParsedQuery;
}

/** A query for a name as a client sends it: RD set, OPT where asked for. */
export function testQuery(
  qname: string,
  options: { type?: number; udpSize?: number; dnssecOk?: boolean; flags?: number } = {},
): TestQuery {
  const { type = 1, udpSize, dnssecOk = false, flags = 0x0100 } = options;
  const extra = udpSize === undefined && !dnssecOk ? [] : [opt(udpSize ?? 1232, { dnssecOk })];
  const bytes = bytesOf(header(flags, 1, 0, 0, extra.length), question(qname, type), ...extra);
  const q = new ParsedQuery();
  if (parseQuery(bytes, bytes.length, q) !== QueryVerdict.ok) throw new Error(`bad test query ${qname}`);
  return { bytes, q };
}
