// Counts what search lists cost: NXDOMAINs for names that have at least two labels in front of a
// search domain, as www.example.com.default.svc.cluster.local has. Only in zones with search: on or
// report. Called by answers for each such NXDOMAIN; changes no answer.
import { Counter, type Counters } from '../metrics/counters.ts';
import type { TopCounts } from '../top/top-counts.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import type { KnownNames } from './known-names.ts';
import { NamesAbove } from './names-above.ts';
import type { Recipient } from './reply-sink.ts';
import type { Zone } from './zone.ts';

/** A name of one label is typed, not made: perhaps a service that is not there yet. */
const LEAST_LABELS = 2;

export class SearchWaste {
  readonly #counters: Counters;
  readonly #top: TopCounts;
  readonly #known: KnownNames;
  readonly #above = new NamesAbove();

  constructor(counters: Counters, top: TopCounts, known: KnownNames) {
    this.#counters = counters;
    this.#top = top;
    this.#known = known;
  }

  /** An NXDOMAIN for the question in `answer`, whose name is in the zone. */
  note(to: Recipient, answer: Uint8Array, zone: Zone): void {
    const above = this.#above;
    above.read(answer, zone.wireSuffix.length);
    if (above.labelsBelow < LEAST_LABELS) return;
    this.#counters.increment(Counter.searchWaste);
    if (!this.#top.wastes.isDue()) return;
    const offset = this.#searchDomain(zone);
    this.#top.noteWaste(answer, offset >= 0 ? offset : endOf(answer) - zone.wireSuffix.length, to);
  }

  /** Where the longest name starts that is known and leaves two labels in front; −1: the zone. */
  #searchDomain(zone: Zone): number {
    const above = this.#above;
    for (let i = Math.min(above.count, above.labelsBelow - LEAST_LABELS) - 1; i >= 0; i--) {
      if (this.#known.wasKnown(above.hashes[i]!, zone.partition)) return above.offsets[i]!;
    }
    return -1;
  }
}

/** The end of the uncompressed QNAME at 12. */
function endOf(message: Uint8Array): number {
  let at = HEADER_LENGTH;
  while (message[at] !== 0) at += message[at]! + 1;
  return at + 1;
}
