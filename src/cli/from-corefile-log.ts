// CoreDNS's `log` plugin in the words of unloop. Called by from-corefile.
import type { Directive } from '../config/corefile.ts';
import { type Notes, quote } from './from-corefile-notes.ts';

/** What `log:` is set to. */
export interface LogSettings {
  readonly queries: true;
  readonly queryFilter?: { readonly rcodes: readonly string[] };
}

/** The rcodes of CoreDNS's classes of answers; a class that is not here has all. */
const CLASSES: ReadonlyMap<string, readonly string[]> = new Map([
  ['success', ['NOERROR']],
  ['denial', ['NXDOMAIN']],
  ['error', ['FORMERR', 'SERVFAIL', 'NOTIMP', 'REFUSED']],
]);

/** Reads one `log`. */
export function readLog(directive: Directive, notes: Notes): LogSettings {
  if (directive.args.length > 0)
    notes.add(directive, `${quote(directive)}: for all names, in a format of its own`);
  const rcodes = new Set<string>();
  for (const option of directive.body) {
    const isKnown = option.name === 'class' && option.args.every((name) => CLASSES.has(name));
    if (!isKnown) {
      if (option.name !== 'class' || !option.args.includes('all'))
        notes.add(option, `${quote(option)}: no equivalent; every query is logged`);
      return { queries: true };
    }
    if (option.args.includes('denial'))
      notes.add(option, `${quote(option)}: NXDOMAIN only: answers without records are NOERROR here`);
    for (const name of option.args) for (const rcode of CLASSES.get(name)!) rcodes.add(rcode);
  }
  return rcodes.size === 0 ? { queries: true } : { queries: true, queryFilter: { rcodes: [...rcodes] } };
}

/** Two of them: what either logs is logged. */
export function joinLogs(one: LogSettings | null, other: LogSettings): LogSettings {
  if (one === null) return other;
  if (one.queryFilter === undefined || other.queryFilter === undefined) return { queries: true };
  const rcodes = new Set([...one.queryFilter.rcodes, ...other.queryFilter.rcodes]);
  return { queries: true, queryFilter: { rcodes: [...rcodes] } };
}
