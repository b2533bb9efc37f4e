// Drops entries of the cache: for operators (`unloop cache flush`), and when a new setting forbids
// what it may hold. Called through MessageCache.flush(). Visits every entry: not for queries.
import { Rcode } from '../wire/codes.ts';
import { equalNamesFolded, MAX_NAME_LENGTH } from '../wire/name.ts';
import type { EntryClasses } from './entry-classes.ts';
import type { EntryMessages } from './entry-message.ts';
import type { EntryTable } from './entry-table.ts';

/** Which entries. */
export interface FlushOf {
  /** This name and the names below it, in wire form; null: every name. */
  readonly name: Uint8Array | null;
  /** Absent: every partition. */
  readonly partition?: number | undefined;
}

/** Drops them, and returns how many they were. */
export function flushEntries(classes: EntryClasses, messages: EntryMessages, of: FlushOf): number {
  const { table } = classes;
  const { name, partition } = of;
  const qname = new Uint8Array(MAX_NAME_LENGTH);
  const drops = (ref: number): boolean => {
    if (partition !== undefined && table.partitionOf(ref) !== partition) return false;
    if (name === null) return true;
    const length = messages.copyQname(ref, qname);
    if (isAtOrBelow(qname, length, name, name.length)) return true;
    // What denies a name above denies this one as well (RFC 8020).
    return isDenial(table, ref) && isAtOrBelow(name, name.length, qname, length);
  };
  const everything = name === null && partition === undefined;
  let dropped = 0;
  for (const store of [classes.positives, classes.negatives, classes.failures])
    dropped += everything ? store.clear() : store.removeWhere(drops);
  classes.publish();
  return dropped;
}

function isDenial(table: EntryTable, ref: number): boolean {
  return table.qtypeOf(ref) === 0 && table.rcodeOf(ref) === Rcode.NXDOMAIN;
}

/** Whether the name in name[0 … length−1] is the one in above[0 … aboveLength−1] or below it. */
function isAtOrBelow(name: Uint8Array, length: number, above: Uint8Array, aboveLength: number): boolean {
  let offset = 0;
  while (length - offset > aboveLength) offset += name[offset]! + 1;
  return length - offset === aboveLength && equalNamesFolded(name, offset, above, 0, aboveLength);
}
