// `unloop top`: who asks the running unloop most, for what, and what fails. Imported by dispatch.
import type { TopLists } from '../admin/admin-source.ts';
import { formatClient, formatCount, formatTime } from '../admin/readable.ts';
import { printable, printableJson } from '../base/printable.ts';
import { askAdmin } from './ask-admin.ts';
import { parseTopFlags } from './flags.ts';
import { alignColumns } from './status-text.ts';

/** Resolves to 0. */
export async function main(args: string[]): Promise<number> {
  const flags = parseTopFlags(args);
  const query = flags.limit === null ? '' : `?${new URLSearchParams({ limit: flags.limit })}`;
  const lists = (await askAdmin(flags, { command: 'top', method: 'GET', path: `/top${query}` })) as TopLists;
  process.stdout.write(flags.json ? `${printableJson(lists)}\n` : renderTop(lists));
  return 0;
}

function renderTop(lists: TopLists): string {
  const { since, names, clients, nxdomainClients, failingNames, searchClients, searchDomains } = lists;
  const clientRows = (of: TopLists['clients']) =>
    of.map(({ client, pod, queries }) => [formatCount(queries), formatClient(client, pod)]);
  const lines: string[] = [
    `since ${formatTime(since)}`,
    ...section(
      'Names, by queries',
      names.map(({ name, queries }) => [formatCount(queries), name]),
    ),
    ...section('Clients, by queries', clientRows(clients)),
    ...section('Clients, by NXDOMAIN', clientRows(nxdomainClients)),
    ...section(
      'Names, by failures of an upstream',
      failingNames.map(({ name, upstream, failures }) => [formatCount(failures), name, upstream]),
    ),
    ...(searchClients.length === 0
      ? []
      : [
          ...section('Clients, by NXDOMAIN of search lists', clientRows(searchClients)),
          ...section(
            'Search domains, by NXDOMAIN',
            searchDomains.map(({ domain, queries }) => [formatCount(queries), domain]),
          ),
        ]),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function section(title: string, rows: readonly string[][]): string[] {
  return ['', title, ...(rows.length === 0 ? ['  none'] : alignColumns(rows).map((line) => `  ${line}`))];
}
