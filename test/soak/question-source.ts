// What the soak's clients ask: popular names and names never asked before, of every kind, in random
// case, with and without OPT.
import { HEADER_LENGTH } from '../../src/wire/header.ts';
import { KINDS, type Kind, TYPE_A, TYPE_AAAA, TYPE_TXT, ZONE_WIRE } from './truth.ts';

/** A query, as it goes out; its ID is written when it is sent. */
export interface Question {
  readonly query: Buffer;
  readonly hasOpt: boolean;
  /** The longest answer over UDP. */
  readonly udpLimit: number;
}

const PLAIN_LIMIT = 512;
const OPT_LIMIT = 1232;
const POPULAR_NAMES = 1000;
const POPULAR_SHARE = 0.7;
const OPT_SHARE = 0.5;
/** In the proportion of a resolver's day: most are plain. */
const KIND_WEIGHTS: Readonly<Record<Kind, number>> = { a: 60, cname: 12, big: 6, huge: 2, nx: 12, nodata: 8 };
const TTLS = [1, 2, 5, 30, 300];
const DRAWS = KINDS.flatMap((kind) => Array<Kind>(KIND_WEIGHTS[kind]).fill(kind));

export class QuestionSource {
  #unique = POPULAR_NAMES;

  next(): Question {
    const isPopular = Math.random() < POPULAR_SHARE;
    // The square makes low numbers more frequent.
    const number = isPopular ? Math.floor(Math.random() ** 2 * POPULAR_NAMES) : this.#unique++;
    // A popular name is always of one kind and has one TTL, else there would be many of it.
    const kind = isPopular ? DRAWS[(number * 37) % DRAWS.length]! : pick(DRAWS);
    const ttlSeconds = isPopular ? TTLS[number % TTLS.length]! : pick(TTLS);
    const type = kind === 'huge' ? TYPE_TXT : Math.random() < 0.7 ? TYPE_A : TYPE_AAAA;
    const hasOpt = Math.random() < OPT_SHARE;
    return {
      query: writeQuery(`${kind}-${number}-${ttlSeconds}`, type, hasOpt),
      hasOpt,
      udpLimit: hasOpt ? OPT_LIMIT : PLAIN_LIMIT,
    };
  }
}

function writeQuery(label: string, type: number, hasOpt: boolean): Buffer {
  const nameEnd = HEADER_LENGTH + 1 + label.length + ZONE_WIRE.length;
  const query = Buffer.alloc(nameEnd + 4 + (hasOpt ? 11 : 0));
  query.writeUInt16BE(0x0100, 2);
  query.writeUInt16BE(1, 4);
  query.writeUInt16BE(hasOpt ? 1 : 0, 10);
  query[HEADER_LENGTH] = label.length;
  query.write(label, HEADER_LENGTH + 1, 'latin1');
  ZONE_WIRE.copy(query, HEADER_LENGTH + 1 + label.length);
  for (let at = HEADER_LENGTH; at < nameEnd; at++) {
    const byte = query[at]!;
    if (byte >= 0x61 && byte <= 0x7a && Math.random() < 0.5) query[at] = byte - 32;
  }
  query.writeUInt16BE(type, nameEnd);
  query.writeUInt16BE(1, nameEnd + 2);
  if (hasOpt) {
    query.writeUInt16BE(41, nameEnd + 5);
    query.writeUInt16BE(OPT_LIMIT, nameEnd + 7);
  }
  return query;
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)]!;
}
