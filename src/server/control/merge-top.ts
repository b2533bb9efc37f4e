// What the workers have counted, as one: a client asks several workers, and each reports two
// windows. Main thread, per request.
import type { TopLists } from '../../admin/admin-source.ts';
import type { TopEntry, TopReport } from '../../top/top-counts.ts';

/**
 * The most frequent `limit` of each.
 * @param upstreams their text, by slot; a slot that is not in it has no upstream any more
 */
export function mergeTop(
  reports: readonly TopReport[],
  upstreams: ReadonlyMap<number, string>,
  limit: number,
): TopLists {
  const most = (of: (report: TopReport) => readonly TopEntry[]) => mostOf(reports.flatMap(of), limit);
  const clients = (of: (report: TopReport) => readonly TopEntry[]) =>
    most(of).map(({ key, count }) => ({ client: key, queries: count }));
  return {
    since: new Date(Math.min(Date.now(), ...reports.map(({ sinceMs }) => sinceMs))).toISOString(),
    names: most(({ names }) => names).map(({ key, count }) => ({ name: key, queries: count })),
    clients: clients((report) => report.clients),
    nxdomainClients: clients(({ nxdomainClients }) => nxdomainClients),
    searchClients: clients(({ searchClients }) => searchClients),
    searchDomains: most(({ searchDomains }) => searchDomains).map(({ key, count }) => ({
      domain: key,
      queries: count,
    })),
    failingNames: most(({ failingNames }) => failingNames.filter(({ slot }) => upstreams.has(slot))).map(
      ({ key, slot, count }) => ({ name: key, upstream: upstreams.get(slot)!, failures: count }),
    ),
  };
}

function mostOf(entries: readonly TopEntry[], limit: number): TopEntry[] {
  const merged = new Map<string, TopEntry>();
  for (const entry of entries) {
    const id = `${entry.slot} ${entry.key}`;
    merged.set(id, { ...entry, count: entry.count + (merged.get(id)?.count ?? 0) });
  }
  return [...merged.values()].sort((a, b) => b.count - a.count).slice(0, limit);
}
