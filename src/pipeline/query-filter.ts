// Which answers the query log has a line for: log.queryFilter. Numbers and bytes are compared, so
// that a query which is left out costs next to nothing.
import { HEADER_LENGTH } from '../wire/header.ts';
import { equalNamesFolded, skipName } from '../wire/name.ts';
import type { AnswerRecord } from './answer-record.ts';
import { isIn, type NetworkWords } from './client-gate.ts';
import type { Recipient } from './reply-sink.ts';

/** What a line must meet; an empty list is met by all. */
export interface QueryConditions {
  /** Names in wire form: these and all below them. */
  readonly zones: readonly Uint8Array[];
  readonly clients: readonly NetworkWords[];
  readonly rcodes: readonly number[];
  /** At least so long; 0: all. */
  readonly slowerThanMs: number;
  /** One in this many of those that meet the rest. */
  readonly sample: number;
}

export class QueryFilter {
  readonly #conditions: QueryConditions;
  #matched = 0;

  constructor(conditions: QueryConditions) {
    this.#conditions = conditions;
  }

  /** Whether this answer gets a line. */
  takes(to: Recipient, answer: Uint8Array, length: number, { rcode, durationMs }: AnswerRecord): boolean {
    const { zones, clients, rcodes, slowerThanMs, sample } = this.#conditions;
    if (durationMs < slowerThanMs) return false;
    if (rcodes.length > 0 && !rcodes.includes(rcode)) return false;
    if (clients.length > 0 && !isIn(clients, to.peers, to.peerOffset)) return false;
    if (zones.length > 0 && !isBelowOne(zones, answer, length)) return false;
    return sample === 1 || this.#matched++ % sample === 0;
  }
}

/** Whether QNAME is one of the names, or below one. */
function isBelowOne(zones: readonly Uint8Array[], answer: Uint8Array, length: number): boolean {
  const nameEnd = skipName(answer, length, HEADER_LENGTH);
  // Walks up: www.example.com., example.com., com., the root.
  for (let at = HEADER_LENGTH; at < nameEnd; at += answer[at]! + 1) {
    const rest = nameEnd - at;
    for (const zone of zones)
      if (zone.length === rest && equalNamesFolded(answer, at, zone, 0, rest)) return true;
  }
  return false;
}
