// Clients' queries for the tests of the pipeline's parts.
import { PEER_WORDS } from '../../src/io/datagram-socket.ts';
import { ClientQuery } from '../../src/pipeline/client-query.ts';
import type { ReplySink } from '../../src/pipeline/reply-sink.ts';
import { type ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { bytesOf, header, opt, question } from '../wire/build-message.ts';

export interface TestQuery {
  readonly bytes: Uint8Array;
  readonly q: ParsedQuery;
  readonly query: ClientQuery;
}

/** A way back that leads nowhere. */
export const DATAGRAMS: ReplySink = { stream: false, reserve: () => new Uint8Array(0), send() {} };
export const STREAM: ReplySink = { ...DATAGRAMS, stream: true };

/** A query for a name as a client sends it: RD set, OPT where asked for. */
export function testQuery(
  qname: string,
  options: { type?: number; udpSize?: number; dnssecOk?: boolean; flags?: number } = {},
): TestQuery {
  const { type = 1, udpSize, dnssecOk = false, flags = 0x0100 } = options;
  const extra = udpSize === undefined && !dnssecOk ? [] : [opt(udpSize ?? 1232, { dnssecOk })];
  const bytes = bytesOf(header(flags, 1, 0, 0, extra.length), question(qname, type), ...extra);
  const query = new ClientQuery();
  query.take(bytes, bytes.length, DATAGRAMS, new Int32Array(PEER_WORDS), 0);
  const q = query.parsed;
  if (parseQuery(bytes, bytes.length, q) !== QueryVerdict.ok) throw new Error(`bad test query ${qname}`);
  return { bytes, q, query };
}

/** A query from the peer at peers[peerOffset …]; what it asks does not matter. */
export function queryFrom(peers: Int32Array, peerOffset: number, replyTo = DATAGRAMS): ClientQuery {
  const query = new ClientQuery();
  query.take(new Uint8Array(0), 0, replyTo, peers, peerOffset);
  return query;
}
