// Well-formed answers of a scripted upstream, as actions.
import dnsPacket from 'dns-packet';
import { type SendAction, send } from './actions.ts';
import { withFlags } from './altered-answers.ts';
import { questionEnd, type ReceivedQuery } from './received-query.ts';

export interface AnswerOptions {
  /** A or AAAA answers with this address. Default 192.0.2.1 (2001:db8::1 for AAAA). */
  readonly address?: string;
  readonly ttl?: number;
  readonly rcode?: number;
  readonly answers?: dnsPacket.Answer[];
  readonly authorities?: dnsPacket.Answer[];
  readonly additionals?: dnsPacket.Answer[];
  /** false: no OPT, whatever the query had. */
  readonly opt?: boolean;
}

/**
 * A good answer: A and AAAA get an address, TXT and the rest get a TXT record, unless other records
 * are given.
 */
export function answer(query: ReceivedQuery, options: AnswerOptions = {}): SendAction {
  const rcode = options.rcode ?? 0;
  const additionals: dnsPacket.Answer[] = [...(options.additionals ?? [])];
  if (query.hasOpt && options.opt !== false) additionals.push(optRecord());
  const bytes = dnsPacket.encode({
    type: 'response',
    id: query.id,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (rcode & 15),
    questions: [{ type: 'A', name: '' }],
    answers: [],
    additionals: [],
  });
  const question = query.bytes.subarray(12, questionEnd(query.bytes));
  const records = dnsPacket
    .encode({
      type: 'response',
      answers: options.answers ?? (rcode === 0 ? defaultAnswers(query, options) : []),
      authorities: options.authorities ?? [],
      additionals,
    })
    .subarray(0);
  // The question goes back byte for byte; dns-packet never compresses, so that records may follow
  // any question.
  const message = Buffer.concat([bytes.subarray(0, 12), question, records.subarray(12)]);
  message.writeUInt16BE(question.length > 0 ? 1 : 0, 4);
  records.copy(message, 6, 6, 12);
  return send(message);
}

/** An answer without records. */
export function errorAnswer(query: ReceivedQuery, rcode: number): SendAction {
  return answer(query, { rcode, answers: [] });
}

/** SERVFAIL. */
export function servfail(query: ReceivedQuery): SendAction {
  return errorAnswer(query, 2);
}

/** TC and no records: ask again over TCP. */
export function truncated(query: ReceivedQuery): SendAction {
  return withFlags(answer(query, { answers: [] }), (flags) => flags | 0x0200);
}

/** NXDOMAIN with an SOA. */
export function nxdomain(query: ReceivedQuery, minimum = 300): SendAction {
  return answer(query, {
    rcode: 3,
    answers: [],
    authorities: [
      {
        type: 'SOA',
        name: 'example',
        ttl: minimum,
        data: {
          mname: 'ns.example',
          rname: 'host.example',
          serial: 1,
          refresh: 1,
          retry: 1,
          expire: 1,
          minimum,
        },
      },
    ],
  });
}

/** FORMERR for a query with OPT, as servers from before EDNS do; a good answer for others. */
export function formerrOnEdns(query: ReceivedQuery): SendAction {
  return query.hasOpt ? answer(query, { rcode: 1, answers: [], opt: false }) : answer(query);
}

function optRecord(): dnsPacket.Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as unknown as dnsPacket.Answer;
}

function defaultAnswers(query: ReceivedQuery, options: AnswerOptions): dnsPacket.Answer[] {
  const ttl = options.ttl ?? 300;
  const { name } = query;
  if (query.type === 'A') return [{ type: 'A', name, ttl, data: options.address ?? '192.0.2.1' }];
  if (query.type === 'AAAA') return [{ type: 'AAAA', name, ttl, data: options.address ?? '2001:db8::1' }];
  if (query.type === 'NS') return [{ type: 'NS', name, ttl, data: 'ns.example' }];
  return [{ type: 'TXT', name, ttl, data: [query.name] }];
}
