// Responses by RCODE, for both tables: mnemonics as in the IANA registry (RFC 6895 §2.3) and as
// CoreDNS writes them.
import { type CounterTotals, RCODE_SLOTS } from './counters.ts';
import type { Sample } from './metric.ts';

const NAMES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  6: 'YXDOMAIN',
  7: 'YXRRSET',
  8: 'NXRRSET',
  9: 'NOTAUTH',
  10: 'NOTZONE',
  11: 'DSOTYPENI',
  16: 'BADVERS',
  17: 'BADKEY',
  18: 'BADTIME',
  19: 'BADMODE',
  20: 'BADNAME',
  21: 'BADALG',
  22: 'BADTRUNC',
  23: 'BADCOOKIE',
};

/**
 * Label of a slot of the response counters: the mnemonic, `RCODE12` where there is none, `other`
 * for the shared slot.
 */
export function rcodeLabel(slot: number): string {
  if (slot === RCODE_SLOTS - 1) return 'other';
  return NAMES[slot] ?? `RCODE${slot}`;
}

/** RCODEs that are always listed, so that a rate over them exists before the first one. */
const USUAL_RCODES = 6;

/** Responses by RCODE: the usual ones, and the others once there was one. */
export function responseSamples(totals: CounterTotals): Sample[] {
  const samples: Sample[] = [];
  for (let slot = 0; slot < RCODE_SLOTS; slot++) {
    const value = totals.responses(slot);
    if (value > 0 || slot < USUAL_RCODES) samples.push({ labels: { rcode: rcodeLabel(slot) }, value });
  }
  return samples;
}
