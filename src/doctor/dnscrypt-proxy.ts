// dnscrypt-proxy on the node: where it listens, and which encrypted resolvers it asks. Debian has
// systemd listen for it, on 127.0.2.1. Called by local-servers.
import { posix } from 'node:path';
import { canonicalAddress } from '../base/ip-address.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import { toSuffix } from '../discovery/sources/source.ts';
import { parseForwardTarget } from './corefile.ts';
import { type Route, type Service, type Target, toTarget } from './service.ts';
import { readToml } from './toml.ts';

const PATH = '/etc/dnscrypt-proxy/dnscrypt-proxy.toml';
const SOCKETS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'].map(
  (directory) => `${directory}/dnscrypt-proxy.socket`,
);
/** Debian's socket unit. */
const DEBIAN_LISTEN = '127.0.2.1:53';

/** Null when it is not installed. */
export async function readDnscryptProxy(files: NodeFiles): Promise<Service | null> {
  const reading = await files.read(PATH);
  if (reading.kind !== 'text') return null;
  const values = readToml(reading.text);
  const names = values.get('server_names');
  const text =
    names === undefined || names.texts.length === 0
      ? 'public resolvers of its lists'
      : names.texts.join(', ');
  const source = names === undefined ? PATH : `${PATH}:${names.line}`;
  const encrypted: Target = { endpoint: null, text: `${text} (encrypted)`, source };
  const listed = values.get('listen_addresses')?.texts ?? [];
  const rules = values.get('forwarding_rules')?.texts[0];
  return {
    role: 'dnscrypt-proxy',
    place: 'node',
    listens: (listed.length > 0 ? listed : await readSocket(files)).flatMap(toListen),
    ownZones: [],
    routes: [
      { zone: '.', targets: [encrypted], unknown: '' },
      ...(rules === undefined ? [] : await readRules(files, posix.resolve(posix.dirname(PATH), rules))),
    ],
    isAssumed: false,
  };
}

async function readSocket(files: NodeFiles): Promise<string[]> {
  for (const path of SOCKETS) {
    const listens = [...(await files.text(path)).matchAll(/^[ \t]*Listen(?:Stream|Datagram)=[ \t]*(\S+)/gm)];
    if (listens.length > 0) return [...new Set(listens.map((match) => match[1]!))];
  }
  return [DEBIAN_LISTEN];
}

function toListen(text: string): { address: string; port: number }[] {
  const parsed = parseForwardTarget(text);
  return parsed.kind === 'server' ? [{ address: canonicalAddress(parsed.host), port: parsed.port }] : [];
}

/** "corp.example 10.1.0.2,10.1.0.3:5353"; servers given by DHCP or a keyword are left out. */
async function readRules(files: NodeFiles, path: string): Promise<Route[]> {
  const routes: Route[] = [];
  for (const [index, line] of (await files.text(path)).split(/\r?\n/).entries()) {
    const match = /^\s*(?:\*\.)?([\w.-]+)\s+(\S+)/.exec(line);
    const zone = match === null ? '' : toSuffix(match[1]!);
    if (match === null || zone === '') continue;
    const targets = match[2]!.split(',').flatMap((text) => {
      const parsed = parseForwardTarget(text);
      return parsed.kind === 'server' ? [toTarget(parsed.host, parsed.port, `${path}:${index + 1}`)] : [];
    });
    if (targets.length > 0) routes.push({ zone, targets, unknown: '' });
  }
  return routes;
}
