// Protection against DNS rebinding: a public name must not lead a browser to a machine inside.
// Called once per answer if limits.rebindProtection is on. Zones with upstreams of their own may
// return such addresses.
import { HEADER_LENGTH } from '../wire/header.ts';
import { equalNamesFolded } from '../wire/name.ts';
import { hasPrivateAddress } from '../wire/private-address.ts';
import { textToName } from '../wire/text.ts';
import type { Flight } from './pending/flight.ts';

/** Nobody on the Internet can own it (RFC 6761 §6.3). */
const LOCALHOST = 'localhost';
const ROOT = '.';

export class RebindGuard {
  readonly #exceptions: readonly Uint8Array[];

  /** @param exceptions suffixes that may have private addresses */
  constructor(exceptions: readonly string[]) {
    this.#exceptions = [LOCALHOST, ...exceptions].map(textToName);
  }

  /** Whether the answer to a flight, without OPT, must be withheld. */
  blocks(flight: Flight, message: Uint8Array, length: number): boolean {
    if (flight.zone!.suffix !== ROOT || !hasPrivateAddress(message, length)) return false;
    return !this.#exceptions.some((suffix) => isAtOrBelow(flight, suffix));
  }
}

function isAtOrBelow({ query, qnameLength }: Flight, suffix: Uint8Array): boolean {
  let at = HEADER_LENGTH;
  let left = qnameLength;
  while (left > suffix.length) {
    const label = query[at]! + 1;
    at += label;
    left -= label;
  }
  return left === suffix.length && equalNamesFolded(query, at, suffix, 0, left);
}
