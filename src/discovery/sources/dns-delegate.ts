// systemd-resolved's *.dns-delegate files (systemd.dns-delegate(5), systemd 258 and later): domains
// with servers of their own, which belong to no link. Called by resolved-state.
import { posix } from 'node:path';
import type { FoundUpstream, Transport } from '../../base/endpoint.ts';
import type { NodeFiles } from '../node-files.ts';
import { parseBoolean, parseServers, SYSTEMD_DIRECTORIES, sectionAssignments } from './resolved-conf.ts';
import { splitWords, toSuffix } from './source.ts';

export interface DnsDelegate {
  readonly upstreams: readonly FoundUpstream[];
  /** Suffixes, '.' for the root. */
  readonly domains: readonly string[];
  /** Whether names that nothing else claims go here too; no unless it is said. */
  readonly isDefaultRoute: boolean;
}

/** The manual's folder; 258 itself looked into the other one. */
const FOLDERS = ['dns-delegate.d', 'dns-delegate'];

/**
 * Reads every delegate that has a server, its drop-ins after it. A file hides those of its name in
 * later directories.
 */
export async function readDnsDelegates(files: NodeFiles, transport: Transport): Promise<DnsDelegate[]> {
  const mains = await filesByName(files, FOLDERS, '.dns-delegate');
  const delegates: DnsDelegate[] = [];
  for (const [name, path] of mains) {
    const dropIns = await filesByName(
      files,
      FOLDERS.map((folder) => `${folder}/${name}.d`),
      '.conf',
    );
    // A drop-in states its own section; what is open at the end of a file does not go on.
    let text = '';
    for (const part of [path, ...dropIns.values()]) text += `${await files.text(part)}\n[]\n`;
    const delegate = parseDelegate(text, path, transport);
    if (delegate.upstreams.length > 0) delegates.push(delegate);
  }
  return delegates;
}

async function filesByName(
  files: NodeFiles,
  folders: readonly string[],
  extension: string,
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const directory of SYSTEMD_DIRECTORIES) {
    for (const folder of folders.map((one) => posix.join(directory, one))) {
      for (const name of await files.list(folder)) {
        if (name.endsWith(extension) && !paths.has(name)) paths.set(name, posix.join(folder, name));
      }
    }
  }
  return new Map([...paths].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parseDelegate(text: string, path: string, transport: Transport): DnsDelegate {
  let servers = '';
  let domains: string[] = [];
  let isDefaultRoute = false;
  for (const [key, value] of sectionAssignments(text, 'Delegate')) {
    // An empty assignment forgets what stood before (systemd.syntax(7)).
    if (key === 'DNS') servers = value === '' ? '' : `${servers} ${value}`;
    else if (key === 'Domains') domains = value === '' ? [] : [...domains, ...splitWords(value)];
    else if (key === 'DefaultRoute') isDefaultRoute = parseBoolean(value) ?? isDefaultRoute;
  }
  const suffixes = domains
    .map((domain) => toSuffix(domain.replace(/^~/, '').replace(/^\*$/, '.')))
    .filter((one) => one !== '');
  return {
    upstreams: parseServers(servers, path, transport),
    domains: [...new Set(suffixes)],
    isDefaultRoute,
  };
}
