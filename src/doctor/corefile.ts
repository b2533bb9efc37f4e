// What a Corefile means for the way of a query: what its server blocks bind to, where they forward,
// what they answer themselves. Called by cluster-dns; config/corefile knows the syntax.
import { isIP } from 'node:net';
import { type Directive, parseCorefile } from '../config/corefile.ts';

/** One `forward FROM TO…` (or fanout, or the older proxy). */
export interface Forward {
  /** The suffix it is for; '.' for every name of its block. */
  readonly zone: string;
  /** As written: an address, a file, tls://…, a placeholder. */
  readonly to: readonly string[];
  /** Suffixes it leaves alone. */
  readonly except: readonly string[];
  /** "forward . /etc/resolv.conf", as one line. */
  readonly text: string;
  readonly line: number;
}

/** One server block. */
export interface ServerBlock {
  readonly zones: readonly { readonly zone: string; readonly port: number }[];
  /** Addresses of its bind directives; empty: every address. */
  readonly binds: readonly string[];
  readonly forwards: readonly Forward[];
  /** Zones that a plugin of the block answers itself (kubernetes, file, hosts…). */
  readonly ownZones: readonly string[];
  readonly line: number;
}

export interface Corefile {
  readonly path: string;
  readonly blocks: readonly ServerBlock[];
  /** What could not be followed: imported files, a block without an end. */
  readonly gaps: readonly string[];
}

/** Plugins that answer for the zones they name, or for those of their block. */
const ZONE_PLUGINS = ['kubernetes', 'file', 'secondary', 'etcd', 'k8s_external'];
const FORWARDERS = new Set(['forward', 'fanout', 'proxy']);
const SCHEMES = /^(dns|tls|https|https3|quic|grpc):\/\//;

/** Reads the text of a Corefile. Never throws: what makes no sense is in `gaps`. */
export function readCorefile(text: string, path: string): Corefile {
  const { blocks, faults } = parseCorefile(text, path);
  const gaps = faults.map(({ line, message }) => `line ${line}: ${message}`);
  const found: ServerBlock[] = [];
  for (const { keys, directives, line } of blocks) {
    const imports = directives.filter(({ name }) => name === 'import').map(({ args }) => args);
    if (keys[0] === 'import') imports.push(keys.slice(1));
    else found.push(readBlock(keys, directives, line));
    for (const args of imports)
      gaps.push(`the block of line ${line} imports ${args.join(' ')}, which is not read`);
  }
  return { path, blocks: found, gaps };
}

function readBlock(keys: readonly string[], directives: readonly Directive[], line: number): ServerBlock {
  const zones = keys.map(parseZone);
  const blockZones = zones.map(({ zone }) => zone);
  const named = (name: string) => directives.filter((directive) => directive.name === name);
  const ownZones = ZONE_PLUGINS.flatMap((plugin) =>
    named(plugin).flatMap(({ args }) => {
      // The first argument of `file` is the database.
      const listed = (plugin === 'file' ? args.slice(1) : args).map((zone) => parseZone(zone).zone);
      return listed.length === 0 ? blockZones : listed;
    }),
  );
  return {
    zones,
    binds: named('bind').flatMap(({ args }) => args),
    forwards: directives.filter(({ name }) => FORWARDERS.has(name)).map(readForward),
    ownZones,
    line,
  };
}

function readForward({ name, args, body, line }: Directive): Forward {
  const [from = '.', ...to] = args;
  const except = body.filter((entry) => entry.name === 'except').flatMap((entry) => entry.args);
  const text = [name, ...args].join(' ');
  return {
    zone: parseZone(from).zone,
    to,
    except: except.map((zone) => parseZone(zone).zone),
    text,
    line,
  };
}

/** "cluster.local:53", "dns://.:5300", "10.0.0.0/24" (a reverse zone, kept as written). */
function parseZone(label: string): { zone: string; port: number } {
  const bare = label.replace(SCHEMES, '').toLowerCase();
  const match = /^(.*?)(?::(\d+))?$/.exec(bare)!;
  const zone = match[1] === '.' ? '.' : match[1]!.replace(/\.$/, '');
  return { zone: zone === '' ? '.' : zone, port: Number(match[2] ?? 53) };
}

/** One TO of a forward. */
export type ForwardTarget =
  | { readonly kind: 'server'; readonly host: string; readonly port: number }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'unknown' };

/**
 * An address, a file in resolv.conf's format, or something that only CoreDNS's surroundings can
 * fill in.
 */
export function parseForwardTarget(text: string): ForwardTarget {
  if (text.startsWith('/')) return { kind: 'file', path: text };
  const scheme = SCHEMES.exec(text)?.[1] ?? 'dns';
  const bare = text.replace(SCHEMES, '').replace(/\/.*$/, '');
  const match = /^(?:\[([^\]]+)\]|([0-9.]+)|([0-9a-fA-F:.]+(?:%\w+)?))(?::(\d+))?$/.exec(bare);
  const host = match?.[1] ?? match?.[2] ?? match?.[3] ?? '';
  if (isIP(host) === 0) return { kind: 'unknown' };
  const standard = scheme === 'dns' ? 53 : scheme === 'tls' || scheme === 'quic' ? 853 : 443;
  return { kind: 'server', host, port: match?.[4] === undefined ? standard : Number(match[4]) };
}
