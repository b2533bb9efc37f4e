// A record that is answered here, as one line: "db.internal A 10.0.0.9". Called by list-type and
// hosts-file.
import { formatIp, parseIp } from '../base/ip-address.ts';
import { parseDomainName } from './domain-name.ts';
import { InvalidValue, showValue } from './invalid-value.ts';
import { formatTxtStrings, parseTxtStrings } from './txt-strings.ts';

/** A record without its TTL. */
export type LocalRecord = {
  /**
   * Lower case, no trailing dot; "*.NAME" is every name below NAME, save those with records of
   * their own and what is below those (local-owners).
   */
  readonly name: string;
} & LocalData;

/** What a record of each type says. */
export type LocalData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR'; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      /** '.': there is no such service (RFC 2782). */
      readonly target: string;
    }
  /** A character of a string is a byte. */
  | { readonly type: 'TXT'; readonly strings: readonly string[] };

const EXAMPLES: Readonly<Record<LocalData['type'], string>> = {
  A: 'db.internal A 10.0.0.9',
  AAAA: 'db.internal AAAA fd00::9',
  CNAME: 'www.internal CNAME db.internal',
  PTR: '9.0.0.10.in-addr.arpa PTR db.internal',
  SRV: '_ldap._tcp.internal SRV 0 5 389 db.internal',
  TXT: 'internal TXT "made here"',
};
/** A name as an example. */
const NAME = 'db.internal';

/** Reads one line. Throws InvalidValue. */
export function parseLocalRecord(line: string): LocalRecord {
  const [, owner = '', word = '', rest = ''] = /^(\S+)\s+(\S+)\s+(.*?)\s*$/s.exec(line.trim()) ?? [];
  const type = word.toUpperCase() as LocalData['type'];
  if (!Object.hasOwn(EXAMPLES, type)) {
    const types = Object.keys(EXAMPLES).join(', ');
    throw new InvalidValue(
      `${showValue(line)} is no NAME TYPE DATA with a type of ${types}; expected for example ${showValue(EXAMPLES.A)}`,
    );
  }
  return { name: parseOwner(owner), ...parseData(type, rest) };
}

/** The same line, canonical. */
export function formatLocalRecord(record: LocalRecord): string {
  return `${record.name} ${record.type} ${formatData(record)}`;
}

function parseOwner(text: string): string {
  const wildcard = text.startsWith('*.') ? '*.' : '';
  return wildcard + parseName(text.slice(wildcard.length), text);
}

/** `written`: what it is a part of. */
function parseName(text: string, written = text): string {
  if (text.includes('*')) {
    throw new InvalidValue(
      `${showValue(written)} is not the name of a record; "*" can only be the first label of a name on the left, as in *.apps.internal`,
    );
  }
  if (text === '.' || text === '')
    throw new InvalidValue(`${showValue(written)} is not the name of a record; expected for example ${NAME}`);
  return parseDomainName(text, NAME);
}

function parseData(type: LocalData['type'], text: string): LocalData {
  const unlike = () =>
    new InvalidValue(
      `${showValue(text)} is not valid data for ${type}; expected for example ${showValue(EXAMPLES[type])}`,
    );
  switch (type) {
    case 'A':
    case 'AAAA': {
      const ip = parseIp(text);
      if (ip === null || ip.zone !== '' || ip.family !== (type === 'A' ? 4 : 6)) throw unlike();
      return { type, address: formatIp(ip) };
    }
    case 'CNAME':
    case 'PTR':
      return { type, target: parseName(text) };
    case 'SRV': {
      const [, priority, weight, port, target = ''] = /^(\d+)\s+(\d+)\s+(\d+)\s+(\S+)$/.exec(text) ?? [];
      const numbers = [priority, weight, port].map(Number) as [number, number, number];
      if (target === '' || numbers.some((number) => number > 0xffff)) throw unlike();
      return {
        type,
        priority: numbers[0],
        weight: numbers[1],
        port: numbers[2],
        target: target === '.' ? target : parseName(target),
      };
    }
    case 'TXT':
      return { type, strings: parseTxtStrings(text) };
  }
}

function formatData(data: LocalData): string {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return data.address;
    case 'CNAME':
    case 'PTR':
      return data.target;
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`;
    case 'TXT':
      return formatTxtStrings(data.strings);
  }
}
