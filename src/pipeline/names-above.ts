// The names between a zone and a name in it, the shortest first: those that search lists end in,
// and those that are asked for before a longer one.
//
//   www.example.com.default.svc.cluster.local in cluster.local:
//     svc.cluster.local, default.svc.cluster.local, com.default.svc.cluster.local, …
import { HEADER_LENGTH } from '../wire/header.ts';
import { hashLabel, ROOT_HASH } from '../wire/name-hash.ts';

/**
 * Names read below the zone: enough for the first label behind a namespace of Kubernetes. RFC 9156
 * §2.3 limits them too: a name of a hundred labels must not cost a hundred queries.
 */
export const MAX_NAMES = 3;
const MAX_LABELS = 128;
const UNDERSCORE = 0x5f;

export class NamesAbove {
  /** How many of the first MAX_NAMES names below the zone there are, QNAME perhaps the last. */
  count = 0;
  /** Labels of QNAME below the zone. */
  labelsBelow = 0;
  /** Where each of them starts in the message, the shortest name first. */
  readonly offsets = new Uint16Array(MAX_NAMES);
  readonly hashes = new Int32Array(MAX_NAMES);
  readonly #labels = new Uint16Array(MAX_LABELS);

  /** Reads the uncompressed QNAME at 12, which is in the zone of this many bytes. */
  read(message: Uint8Array, zoneLength: number): void {
    const labels = this.#labels;
    let total = 0;
    let at = HEADER_LENGTH;
    for (; message[at] !== 0; at += message[at]! + 1) labels[total++] = at;
    labels[total] = at;
    const zoneOffset = at + 1 - zoneLength;
    let hash = ROOT_HASH;
    this.count = 0;
    this.labelsBelow = 0;
    for (let i = total - 1; i >= 0; i--) {
      const start = labels[i]!;
      const isBelow = start < zoneOffset;
      if (isBelow) this.labelsBelow++;
      if (this.labelsBelow > MAX_NAMES) continue;
      hash = hashLabel(hash, message, start, labels[i + 1]!);
      if (!isBelow || this.count < this.labelsBelow - 1) continue;
      // Below "_tcp" there may be names that its own denial does not end (cache/nxdomain-cut.ts).
      if (message[start + 1] === UNDERSCORE) continue;
      this.offsets[this.count] = start;
      this.hashes[this.count++] = hash;
    }
  }
}
