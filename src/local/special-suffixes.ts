// The special-use names that are answered here, and how: the table that special-names reads.

/**
 * What a name below a suffix gets. `loopback`: the loopback addresses. `missing`: NXDOMAIN.
 * `empty`: the name exists, without records.
 */
export type SpecialKind = 'loopback' | 'missing' | 'empty';

export interface SpecialSuffix {
  readonly kind: SpecialKind;
  /**
   * Servers of a private network may have such names: only public servers are not asked. Otherwise
   * no server is.
   */
  readonly mayBePrivate: boolean;
}

const NEVER_ASKED = { kind: 'missing', mayBePrivate: false } as const;
const PRIVATE = { kind: 'missing', mayBePrivate: true } as const;

/** Reverse zones of addresses that are not public (RFC 6303 §4, RFC 7793, RFC 9637). */
const REVERSE_ZONES: readonly string[] = [
  '0.in-addr.arpa',
  '10.in-addr.arpa',
  ...range(64, 127).map((number) => `${number}.100.in-addr.arpa`),
  '127.in-addr.arpa',
  '254.169.in-addr.arpa',
  ...range(16, 31).map((number) => `${number}.172.in-addr.arpa`),
  '2.0.192.in-addr.arpa',
  '168.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  '255.255.255.255.in-addr.arpa',
  `${'0.'.repeat(31)}0.ip6.arpa`,
  `1.${'0.'.repeat(30)}0.ip6.arpa`,
  'd.f.ip6.arpa',
  ...['8', '9', 'a', 'b'].map((nibble) => `${nibble}.e.f.ip6.arpa`),
  '8.b.d.0.1.0.0.2.ip6.arpa',
  '0.f.f.f.3.ip6.arpa',
];

/** By suffix: lower case, no trailing dot. */
export const SPECIAL_SUFFIXES: ReadonlyMap<string, SpecialSuffix> = new Map<string, SpecialSuffix>([
  // RFC 6761 §6.3, §6.4, §6.2.
  ['localhost', { kind: 'loopback', mayBePrivate: false }],
  ['invalid', NEVER_ASKED],
  ['test', PRIVATE],
  // RFC 7686 §2.
  ['onion', NEVER_ASKED],
  // RFC 8375 §4: the home network's own.
  ['home.arpa', PRIVATE],
  // RFC 9462 §6.4: what another server says of itself would be taken for ours.
  ['resolver.arpa', { kind: 'empty', mayBePrivate: false }],
  ...REVERSE_ZONES.map((zone): [string, SpecialSuffix] => [zone, PRIVATE]),
]);

/** The top-level domains of all of them. */
export const SPECIAL_TOPS: readonly string[] = ['localhost', 'invalid', 'test', 'onion', 'arpa'];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
