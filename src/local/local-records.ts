// Answers from the records of the configuration (local.records). Loaded only where there are any:
// dns2 makes the messages, and costs memory in every thread.
import dns2 from 'dns2';
import { parseIp } from '../base/ip-address.ts';
import type { LocalRecord } from '../config/local-record.ts';
import { Type } from '../wire/codes.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { ParsedQuery } from '../wire/query.ts';
import { nameToText } from '../wire/text.ts';

/** Answers kept; further names that a wildcard makes are made again each time. */
const MAX_MESSAGES = 1000;
/** An alias that leads further than this is left where it stands. */
const MAX_ALIASES = 8;

export class LocalRecords {
  readonly #ttlSeconds: number;
  /** By name; "*.NAME" for a wildcard. */
  readonly #records = new Map<string, LocalRecord[]>();
  readonly #hasWildcards: boolean;
  /** Answers by "NAME TYPE". */
  readonly #messages = new Map<string, Uint8Array>();

  constructor(records: readonly LocalRecord[], ttlSeconds: number) {
    this.#ttlSeconds = ttlSeconds;
    for (const record of records) {
      const same = this.#records.get(record.name);
      if (same === undefined) this.#records.set(record.name, [record]);
      else same.push(record);
    }
    this.#hasWildcards = records.some(({ name }) => name.startsWith('*.'));
  }

  /**
   * The answer to a question of class IN, without OPT; null: no record has the name. A name that
   * has records of other types only is answered with none.
   */
  find(bytes: Uint8Array, q: ParsedQuery): Uint8Array | null {
    const name = nameToText(bytes, HEADER_LENGTH, HEADER_LENGTH + q.qnameLength)
      .toLowerCase()
      .slice(0, -1);
    const records = this.#recordsOf(name);
    if (records === undefined) return null;
    const key = `${name} ${q.qtype}`;
    const known = this.#messages.get(key);
    if (known !== undefined) return known;
    const message = this.#encode(name, q.qtype, records);
    if (this.#messages.size < MAX_MESSAGES) this.#messages.set(key, message);
    return message;
  }

  #recordsOf(name: string): readonly LocalRecord[] | undefined {
    const own = this.#records.get(name);
    if (own !== undefined || !this.#hasWildcards) return own;
    // The closest wildcard (RFC 4592 §3.3.1); a name with records of its own in between ends it.
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const above = name.slice(dot + 1);
      const wildcard = this.#records.get(`*.${above}`);
      if (wildcard !== undefined) return wildcard;
      if (this.#records.has(above)) return undefined;
    }
    return undefined;
  }

  #encode(name: string, qtype: number, records: readonly LocalRecord[]): Uint8Array {
    const { Packet } = dns2;
    const packet = new Packet(new Packet.Header({ qr: 1, aa: 1 }));
    packet.questions.push(new Packet.Question({ name, type: qtype, class: Packet.CLASS.IN }));
    let owner = name;
    let found: readonly LocalRecord[] | undefined = records;
    for (let aliases = 0; found !== undefined && aliases <= MAX_ALIASES; aliases++) {
      for (const record of found) {
        const isWanted = Type[record.type] === qtype || qtype === Type.ANY || record.type === 'CNAME';
        if (isWanted) packet.answers.push(this.#resource(owner, record));
      }
      const alias: LocalRecord | undefined = found.find(({ type }) => type === 'CNAME');
      if (alias?.type !== 'CNAME' || qtype === Type.CNAME || qtype === Type.ANY) break;
      owner = alias.target;
      found = this.#recordsOf(owner);
    }
    return new Uint8Array(packet.toBuffer());
  }

  #resource(name: string, record: LocalRecord): InstanceType<typeof dns2.Packet.Resource> {
    const { Packet } = dns2;
    const common = { name, type: Type[record.type], class: Packet.CLASS.IN, ttl: this.#ttlSeconds };
    switch (record.type) {
      case 'A':
        return new Packet.Resource({ ...common, address: record.address });
      case 'AAAA':
        return new Packet.Resource({ ...common, address: wordsOf(record.address) });
      case 'CNAME':
      case 'PTR':
        return new Packet.Resource({ ...common, domain: record.target });
      case 'SRV': {
        const { priority, weight, port, target } = record;
        return new Packet.Resource({ ...common, priority, weight, port, target });
      }
      case 'TXT':
        return new Packet.Resource({ ...common, data: record.text });
    }
  }
}

/** An IPv6 address as eight groups: dns2 reads "::1" wrongly. */
function wordsOf(address: string): string {
  const { bytes } = parseIp(address)!;
  return Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)).join(
    ':',
  );
}
