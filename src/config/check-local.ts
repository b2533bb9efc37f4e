// Checks among the records that are answered here: aliases that share their name or lead round in a
// circle (faults), and those that lead away (warnings). Called by load.
import type { Assignment, Settings } from './assignment.ts';
import { type Fault, faultAt } from './fault.ts';
import type { HostsFile } from './hosts-file.ts';
import { type LocalOwner, ownersOf } from './local-owners.ts';
import { formatLocalRecord, type LocalRecord } from './local-record.ts';

const RECORDS = 'local.records';
/** A client follows an alias so far and not much further. */
const MAX_ALIASES = 8;
/** A message names at most this many names of a circle. */
const MAX_NAMED = 4;

/** Faults of the records, each at the line of its own. */
export function checkLocal(settings: Settings): Fault[] {
  const listed = new ListedRecords(settings);
  return [...findRivals(listed), ...findCircles(listed)];
}

/** Aliases that lead to a name without a record here: they are answered alone. */
export function warnOfAliasesAway(settings: Settings): Fault[] {
  const listed = new ListedRecords(settings);
  return listed.owners.flatMap(({ name, alias, next }) =>
    alias === null || next !== null
      ? []
      : [
          listed.fault(
            alias,
            `${name} is an alias of ${alias.target}, which has no record here; most clients do not look it up`,
          ),
        ],
  );
}

/**
 * Takes records out of hosts files whose name is an alias in local.records: it can have no others
 * (RFC 1034 §3.6.2), and a file that other programs write must not keep unloop from starting.
 * Returns a warning for each name.
 */
export function dropBesideAliases(settings: Map<string, Assignment>): Fault[] {
  const listed = new ListedRecords(settings);
  const aliases = new Map(
    listed.owners.flatMap(({ name, alias }) => (alias === null ? [] : [[name, alias]])),
  );
  const assignment = settings.get('local\nhosts')!;
  const warnings = new Map<string, Fault>();
  const hosts = (assignment.value as readonly HostsFile[]).map((file) => {
    const records = file.records.filter(({ name }) => {
      const alias = aliases.get(name);
      if (alias === undefined) return true;
      const message = `${name} is an alias here; what ${file.path} says of it is left out`;
      if (!warnings.has(name)) warnings.set(name, listed.fault(alias, message));
      return false;
    });
    return { ...file, records };
  });
  settings.set('local\nhosts', { ...assignment, value: hosts });
  return [...warnings.values()];
}

/** The records of the list, their places, and all names that are answered here. */
class ListedRecords {
  readonly records: readonly LocalRecord[];
  readonly owners: readonly LocalOwner[];
  readonly #assignment: Assignment;

  constructor(settings: Settings) {
    this.#assignment = settings.get('local\nrecords')!;
    this.records = this.#assignment.value as readonly LocalRecord[];
    const hosts = settings.get('local\nhosts')!.value as readonly HostsFile[];
    this.owners = ownersOf([...this.records, ...hosts.flatMap((file) => file.records)]);
  }

  fault(record: LocalRecord, message: string): Fault {
    const place = this.#assignment.placeOfItem(this.records.indexOf(record));
    return faultAt(place, RECORDS, `${RECORDS}: ${message}`);
  }

  /** Of these aliases the one that is last in the list. */
  last(owners: readonly LocalOwner[]): LocalRecord {
    const indexes = owners.map(({ alias }) => this.records.indexOf(alias!));
    return this.records[Math.max(...indexes)]!;
  }
}

/** A name with an alias has no other record (RFC 1034 §3.6.2). One fault for each name. */
function findRivals(listed: ListedRecords): Fault[] {
  return listed.owners.flatMap(({ name, alias, records }) => {
    const rival = alias === null ? undefined : records.find((record) => record !== alias);
    if (alias === null || rival === undefined) return [];
    const [first, second] = [alias, rival].toSorted(
      (a, b) => listed.records.indexOf(a) - listed.records.indexOf(b),
    ) as [LocalRecord, LocalRecord];
    const problem = rival.type === 'CNAME' ? 'has a second CNAME' : 'has a CNAME and another record';
    const message = `${name} ${problem}: ${show(second)} beside ${show(first)}; a CNAME is the only record of its name (RFC 1034 §3.6.2): remove one of them`;
    return [listed.fault(second, message)];
  });
}

/** Aliases that lead back to themselves, and those that lead on too far. */
function findCircles(listed: ListedRecords): Fault[] {
  const faults: Fault[] = [];
  /** How many aliases a name leads through; null: it comes to a circle. */
  const counts = new Map<LocalOwner, number | null>();
  for (const owner of listed.owners) {
    const path = new Set<LocalOwner>();
    let at: LocalOwner | null = owner;
    for (; at !== null && !counts.has(at) && !path.has(at); at = at.next) path.add(at);
    const way = [...path];
    if (at !== null && path.has(at)) faults.push(circleFault(listed, way.slice(way.indexOf(at))));
    let count = at === null ? 0 : (counts.get(at) ?? null);
    for (const passed of way.toReversed()) {
      if (count !== null && passed.alias !== null) count++;
      counts.set(passed, count);
      if (count !== MAX_ALIASES + 1) continue;
      const message = `${show(passed.alias!)} leads on through ${MAX_ALIASES} more aliases; let it lead to ${endOf(passed)} itself`;
      faults.push(listed.fault(passed.alias!, message));
    }
  }
  return faults;
}

function circleFault(listed: ListedRecords, circle: readonly LocalOwner[]): Fault {
  return listed.fault(listed.last(circle), describeCircle(circle));
}

function describeCircle(circle: readonly LocalOwner[]): string {
  const aliases = circle.map(({ alias }) => alias!);
  const cure = 'let one of them lead to a name that has an address';
  if (aliases.length > 1) {
    const named = aliases.slice(0, MAX_NAMED).map(show).join(' and ');
    const more = aliases.length > MAX_NAMED ? ` and ${aliases.length - MAX_NAMED} more` : '';
    return `${named}${more} lead round in a circle; ${cure}`;
  }
  const { name, target } = aliases[0]!;
  if (name === target)
    return `${show(aliases[0]!)} leads to itself; let it lead to a name that has an address`;
  return `${show(aliases[0]!)} leads to itself, as ${target} is one of the names of ${name}; give ${target} a record of its own, or let ${name} lead to another name`;
}

/** The name that its alias leads to in the end. */
function endOf(owner: LocalOwner): string {
  let { alias } = owner;
  for (let at = owner.next; at?.alias; at = at.next) alias = at.alias;
  return alias!.target;
}

function show(record: LocalRecord): string {
  return `"${formatLocalRecord(record)}"`;
}
