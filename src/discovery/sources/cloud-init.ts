// cloud-init's network configuration (https://docs.cloudinit.io, "Network configuration"): for
// machines where resolved is off and no other program names the servers. Version 1 has entries of
// type nameserver and subnets with dns_nameservers; version 2 is netplan's. Called by all.
import { posix } from 'node:path';
import { member, netplanScopes, parseYaml, textsOf } from './netplan.ts';
import { factsOf, type NetworkScope } from './network-scopes.ts';
import type { SourceContext, SourceFacts } from './source.ts';

const FOLDER = '/etc/cloud/cloud.cfg.d';
/** What was put into effect, then what the NoCloud data source was given. */
const FILES = [
  '/var/lib/cloud/instance/network-config.json',
  '/var/lib/cloud/seed/nocloud-net/network-config',
  '/var/lib/cloud/seed/nocloud/network-config',
];

/** The source: one group per file that names a server; the system's own configuration first. */
export async function readCloudInitSource({ files }: SourceContext): Promise<SourceFacts[]> {
  const names = (await files.list(FOLDER)).filter((name) => name.endsWith('.cfg'));
  const groups: SourceFacts[] = [];
  // A later file of the folder overrules an earlier one.
  for (const path of [...names.reverse().map((name) => posix.join(FOLDER, name)), ...FILES]) {
    const document = parseYaml(await files.text(path));
    // Only `network:` counts in a cloud.cfg; the other files may have its content at their top.
    const network = member(document, 'network') ?? (path.startsWith(FOLDER) ? null : document);
    const scopes =
      member(network, 'version') === 1
        ? versionOneScopes(member(network, 'config'), path)
        : netplanScopes(network, path);
    groups.push(...factsOf('cloud-init', scopes));
  }
  return groups;
}

function versionOneScopes(config: unknown, path: string): NetworkScope[] {
  const scopes: NetworkScope[] = [];
  for (const entry of Array.isArray(config) ? config : []) {
    if (member(entry, 'type') === 'nameserver') {
      scopes.push({
        path,
        servers: textsOf(member(entry, 'address')),
        domains: textsOf(member(entry, 'search')),
      });
    }
    const subnets = member(entry, 'subnets');
    for (const subnet of Array.isArray(subnets) ? subnets : []) {
      scopes.push({
        path,
        servers: textsOf(member(subnet, 'dns_nameservers')),
        domains: textsOf(member(subnet, 'dns_search')),
      });
    }
  }
  return scopes;
}
