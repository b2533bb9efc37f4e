// unbound on the node: where it listens, and its upstreams: the root servers unless a forward-zone
// says otherwise (unbound.conf(5)). Called by local-servers.
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { canonicalAddress } from '../base/ip-address.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import { toSuffix } from '../discovery/sources/source.ts';
import { type Route, type Service, type Target, toTarget } from './service.ts';

const PATH = '/etc/unbound/unbound.conf';
/** Files may include one another in a circle. */
const MAX_FILES = 64;

/** One "attribute: value" line. */
interface Line {
  readonly name: string;
  readonly value: string;
  readonly source: string;
}

/** Null when it is not installed where distributions put it. */
export async function readUnbound(files: NodeFiles): Promise<Service | null> {
  const lines = await readLines(files, PATH, new Set());
  if (lines === null) return null;
  const interfaces: string[] = [];
  let port = 53;
  const zones: { zone: string; targets: Target[] }[] = [];
  for (const { name, value, source } of lines) {
    if (name === 'interface' || name === 'ip-address') interfaces.push(value);
    else if (name === 'port') port = Number(value) || 53;
    else if (name === 'forward-zone' || name === 'stub-zone') zones.push({ zone: '', targets: [] });
    else if (name === 'name' && zones.length > 0) zones.at(-1)!.zone = toSuffix(value);
    else if (/^(forward|stub)-(addr|host)$/.test(name)) {
      const target = toUpstream(value, source);
      if (target !== null) zones.at(-1)?.targets.push(target);
    }
  }
  const routes: Route[] = zones
    .filter(({ zone, targets }) => zone !== '' && targets.length > 0)
    .map((zone) => ({ ...zone, unknown: '' }));
  if (!routes.some(({ zone }) => zone === '.')) {
    const root: Target = { endpoint: null, text: 'the root servers', source: PATH };
    routes.unshift({ zone: '.', targets: [root], unknown: '' });
  }
  return {
    role: 'unbound',
    place: 'node',
    listens: (interfaces.length === 0 ? ['127.0.0.1', '::1'] : interfaces).flatMap((text) => {
      const [address = '', own] = text.split('@');
      return isIP(address) === 0 ? [] : [{ address: canonicalAddress(address), port: Number(own ?? port) }];
    }),
    ownZones: [],
    routes,
    isAssumed: false,
  };
}

/** The lines of a file and of those it includes; null when it is not there. */
async function readLines(files: NodeFiles, path: string, seen: Set<string>): Promise<Line[] | null> {
  if (seen.has(path) || seen.size === MAX_FILES) return [];
  seen.add(path);
  const reading = await files.read(path);
  if (reading.kind !== 'text') return null;
  const lines: Line[] = [];
  for (const [index, written] of reading.text.split(/\r?\n/).entries()) {
    const match = /^\s*([\w-]+):(.*)$/.exec(written.replace(/(^|\s)#.*$/, ''));
    if (match === null) continue;
    const value = match[2]!.trim().replaceAll(/^["']|["']$/g, '');
    if (!/^include(-toplevel)?$/.test(match[1]!)) {
      lines.push({ name: match[1]!, value, source: `${path}:${index + 1}` });
      continue;
    }
    for (const file of await expandPattern(files, value)) {
      lines.push(...((await readLines(files, file, seen)) ?? []));
    }
  }
  return lines;
}

/** "/etc/unbound/unbound.conf.d/*.conf": stars in the file's name only. */
async function expandPattern(files: NodeFiles, pattern: string): Promise<string[]> {
  if (!pattern.startsWith('/')) return [];
  if (!pattern.includes('*')) return [pattern];
  const [start = '', end = ''] = posix.basename(pattern).split('*');
  const directory = posix.dirname(pattern);
  const names = (await files.list(directory)).filter((name) => name.startsWith(start) && name.endsWith(end));
  return names.map((name) => posix.join(directory, name));
}

/** "10.0.0.2", "9.9.9.9@853#dns.quad9.net", or a host name. */
function toUpstream(value: string, source: string): Target | null {
  const match = /^([^@#\s]+)(?:@(\d+))?(?:#\S+)?$/.exec(value);
  if (match === null) return null;
  const [, host = '', port] = match;
  return isIP(host) === 0
    ? { endpoint: null, text: host, source }
    : toTarget(host, Number(port ?? 53), source);
}
