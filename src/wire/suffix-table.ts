// Finds the longest of many suffixes that a QNAME ends in: zones, special-use names, wildcards. By
// bytes, from the top-level domain on: the walk ends where no suffix goes on.
//
//   www.example.com against { example.com, example.net }:   com ─▶ example.com ✓ ─▶ (nothing) end
import { hashLabel, ROOT_HASH } from './name-hash.ts';
import { matchesSuffix, type ParsedQuery } from './query.ts';

interface Suffix<T> {
  readonly wireName: Uint8Array;
  readonly value: T;
}

export class SuffixTable<T> {
  /** Of the suffix that find() has just found: the label of QNAME that it starts with. */
  label = 0;
  /** By hash. Empty: on the way to a longer one. */
  readonly #byHash = new Map<number, Suffix<T>[]>();

  /** An uncompressed name, not the root; each only once. */
  add(wireName: Uint8Array, value: T): void {
    const labelOffsets = labelOffsetsOf(wireName);
    let hash = ROOT_HASH;
    for (let label = labelOffsets.length - 2; label >= 0; label--) {
      hash = hashLabel(hash, wireName, labelOffsets[label]!, labelOffsets[label + 1]!);
      let suffixes = this.#byHash.get(hash);
      if (suffixes === undefined) {
        suffixes = [];
        this.#byHash.set(hash, suffixes);
      }
      if (label === 0) suffixes.push({ wireName, value });
    }
  }

  /**
   * What was added with the longest suffix of QNAME; null: with none. `first`: 0, or 1 for names
   * above QNAME only.
   */
  find(bytes: Uint8Array, q: ParsedQuery, first: number): T | null {
    let found: T | null = null;
    if (this.#byHash.size === 0) return found;
    let hash = ROOT_HASH;
    for (let label = q.labelCount - 1; label >= first; label--) {
      hash = hashLabel(hash, bytes, q.labelOffsets[label]!, q.labelOffsets[label + 1]!);
      const suffixes = this.#byHash.get(hash);
      if (suffixes === undefined) break;
      for (const { wireName, value } of suffixes) {
        if (!matchesSuffix(bytes, q, label, wireName)) continue;
        found = value;
        this.label = label;
      }
    }
    return found;
  }
}

/** The offsets of the labels of an uncompressed name, the root's zero byte last. */
function labelOffsetsOf(wireName: Uint8Array): number[] {
  const offsets = [0];
  for (let at = 0; wireName[at] !== 0; offsets.push(at)) at += wireName[at]! + 1;
  return offsets;
}
