// The names that are answered here, each with its records and the name that its alias leads to: who
// a wildcard answers for is decided here. Called by check-local, and by the server for its workers.
import { formatLocalRecord, type LocalRecord } from './local-record.ts';

/** One name with records. */
export interface LocalOwner {
  /** "*.NAME" for a wildcard. */
  readonly name: string;
  /** Each record once. */
  readonly records: readonly LocalRecord[];
  /** Its alias; null: it is none. */
  readonly alias: LocalAlias | null;
  /** Whose records its alias leads to; null: it is no alias, or that leads away from here. */
  readonly next: LocalOwner | null;
}

export type LocalAlias = LocalRecord & { readonly type: 'CNAME' };

function isAlias(record: LocalRecord): record is LocalAlias {
  return record.type === 'CNAME';
}

/** In the order of the records. */
export function ownersOf(records: readonly LocalRecord[]): LocalOwner[] {
  const texts = new Set<string>();
  const recordsByName = new Map<string, LocalRecord[]>();
  for (const record of records) {
    // The same record may be in two hosts files (RFC 2181 §5).
    const text = formatLocalRecord(record);
    if (texts.has(text)) continue;
    texts.add(text);
    const same = recordsByName.get(record.name);
    if (same === undefined) recordsByName.set(record.name, [record]);
    else same.push(record);
  }
  const owners = new Map<string, { -readonly [Key in keyof LocalOwner]: LocalOwner[Key] }>();
  for (const [name, ofName] of recordsByName) {
    const alias = ofName.find(isAlias) ?? null;
    owners.set(name, { name, records: ofName, alias, next: null });
  }
  for (const owner of owners.values())
    if (owner.alias !== null) owner.next = findOwner(owners, owner.alias.target);
  return [...owners.values()];
}

/** Who answers for a name: itself, or the closest wildcard above it; null: nobody. */
function findOwner(owners: ReadonlyMap<string, LocalOwner>, name: string): LocalOwner | null {
  const own = owners.get(name);
  if (own !== undefined) return own;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const above = name.slice(dot + 1);
    const wildcard = owners.get(`*.${above}`);
    if (wildcard !== undefined) return wildcard;
    // A name with records of its own ends the wildcards above it (RFC 4592 §3.3.1).
    if (owners.has(above)) return null;
  }
  return null;
}
