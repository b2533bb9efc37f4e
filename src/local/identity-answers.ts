// The answers to questions for this server's version and name, made once when the configuration is
// read. Loaded only where one of the two may be told (identity.version, identity.name): dns2 makes
// the messages, and costs memory in every thread.
import dns2 from 'dns2';
import { Type } from '../wire/codes.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { ParsedQuery } from '../wire/query.ts';
import { nameToText } from '../wire/text.ts';

/** The names of a version and of a server's own name (RFC 4892; BIND's older ones). */
const VERSION_NAMES = ['version.bind.', 'version.server.'];
const SERVER_NAMES = ['id.server.', 'hostname.bind.'];

/** What may be told. */
export interface Identity {
  /** Empty: not told. */
  readonly version: string;
  /** Empty: not told. */
  readonly name: string;
}

export class IdentityAnswers {
  readonly #messages = new Map<string, Uint8Array>();

  constructor({ version, name }: Identity) {
    if (version !== '') for (const asked of VERSION_NAMES) this.#messages.set(asked, encode(asked, version));
    if (name !== '') for (const asked of SERVER_NAMES) this.#messages.set(asked, encode(asked, name));
  }

  /** The answer to the question, OPT left off; null: it is not told. */
  find(bytes: Uint8Array, q: ParsedQuery): Uint8Array | null {
    if (q.qtype !== Type.TXT) return null;
    const asked = nameToText(bytes, HEADER_LENGTH, HEADER_LENGTH + q.qnameLength).toLowerCase();
    return this.#messages.get(asked) ?? null;
  }
}

/** One TXT record of class CHAOS. TTL 0: it must not be cached. */
function encode(absoluteName: string, text: string): Uint8Array {
  const { Packet } = dns2;
  const name = absoluteName.slice(0, -1);
  const question = { name, type: Packet.TYPE.TXT, class: Packet.CLASS.CH };
  const packet = new Packet(new Packet.Header({ qr: 1, aa: 1 }));
  packet.questions.push(new Packet.Question(question));
  packet.answers.push(new Packet.Resource({ ...question, ttl: 0, data: text }));
  return new Uint8Array(packet.toBuffer());
}
