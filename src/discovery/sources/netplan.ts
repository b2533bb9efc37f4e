// Netplan's description of the network (https://netplan.readthedocs.io, "YAML configuration"): for
// machines where resolved is off and nothing else names the servers. The same format is version 2
// of cloud-init's network configuration. Called by all and cloud-init.
import { posix } from 'node:path';
import { parse } from 'yaml';
import { factsOf, type NetworkScope } from './network-scopes.ts';
import type { SourceContext, SourceFacts } from './source.ts';

/** In falling priority: a file hides those of its name further down (netplan(5)). */
const DIRECTORIES = ['/run/netplan', '/etc/netplan', '/lib/netplan'];

/** The source: nameservers of every interface, file by file in the order of their names. */
export async function readNetplanSource({ files }: SourceContext): Promise<SourceFacts[]> {
  const paths = new Map<string, string>();
  for (const directory of DIRECTORIES) {
    for (const name of await files.list(directory)) {
      if (name.endsWith('.yaml') && !paths.has(name)) paths.set(name, posix.join(directory, name));
    }
  }
  const scopes: NetworkScope[] = [];
  for (const name of [...paths.keys()].sort()) {
    const path = paths.get(name)!;
    scopes.push(...netplanScopes(member(parseYaml(await files.text(path)), 'network'), path));
  }
  return factsOf('netplan', scopes);
}

/** The scopes of a `network:` mapping, version 2: each type of interface, each interface in it. */
export function netplanScopes(network: unknown, path: string): NetworkScope[] {
  const interfaces = valuesOf(network).flatMap(valuesOf);
  return interfaces.flatMap((one) => {
    const nameservers = member(one, 'nameservers');
    const servers = textsOf(member(nameservers, 'addresses'));
    return servers.length === 0 ? [] : [{ path, servers, domains: textsOf(member(nameservers, 'search')) }];
  });
}

/** A YAML or JSON text; null when it is neither. */
export function parseYaml(text: string): unknown {
  try {
    return parse(text, { logLevel: 'silent' });
  } catch {
    return null;
  }
}

/** A member of a mapping; undefined when it has none, or is no mapping. */
export function member(mapping: unknown, key: string): unknown {
  return isMapping(mapping) ? mapping[key] : undefined;
}

/** A text, or the texts of a list; empty when it is neither. */
export function textsOf(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((one) => typeof one === 'string');
}

function valuesOf(value: unknown): unknown[] {
  return isMapping(value) ? Object.values(value) : [];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
