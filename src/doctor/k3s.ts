// k3s and RKE2, which start kubelet themselves: their own settings, and how they choose a
// resolv.conf when none is set (the first of two files whose servers are all unicast, else a file
// of their own with 8.8.8.8). Called by kubelet.
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { canonicalAddress } from '../base/ip-address.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import { readResolvConf } from '../discovery/resolv-conf.ts';
import { findFlag, splitCommand } from './command-line.ts';
import type { Distribution } from './kubelet-facts.ts';
import { asTexts, type KubeletFacts, readYamlKeys } from './kubelet-facts.ts';

const CANDIDATES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
const UNIT_DIRECTORIES = ['/usr/local/lib/systemd/system', '/etc/systemd/system'];
const LAST_RESORT = '8.8.8.8';

interface Setting {
  readonly value: string;
  readonly setBy: string;
}

/** What k3s or RKE2 has kubelet use. */
export async function readK3s(files: NodeFiles, distribution: Distribution): Promise<KubeletFacts> {
  const variant = distribution.rancher as 'k3s' | 'rke2';
  const etc = `/etc/rancher/${variant}`;
  const agentEtc = `/var/lib/rancher/${variant}/agent/etc`;
  const units = [`${variant}.service`, `${variant}-agent.service`, `${variant}-server.service`].flatMap(
    (unit) => [
      ...UNIT_DIRECTORIES.map((directory) => `${directory}/${unit}`),
      `/etc/systemd/system/${unit}.env`,
    ],
  );
  const faults: string[] = [];
  let broken = '';
  let own: Setting | null = null;
  let kubeletArg: Setting | null = null;
  let clusterDns: string[] = [];

  const configFiles = [`${etc}/config.yaml`];
  for (const name of await files.list(`${etc}/config.yaml.d`)) {
    if (/\.ya?ml$/.test(name)) configFiles.push(posix.join(etc, 'config.yaml.d', name));
  }
  for (const file of configFiles) {
    const reading = await files.read(file);
    if (reading.kind !== 'text') continue;
    const keys = readYamlKeys(reading.text);
    if (keys === null) {
      faults.push(`${file}: is not a YAML mapping`);
      broken = `${variant}'s configuration ${file} is not a YAML mapping`;
      continue;
    }
    const setting = keys.get('resolv-conf');
    if (typeof setting?.value === 'string') own = { value: setting.value, setBy: `${file}:${setting.line}` };
    const args = keys.get('kubelet-arg') ?? keys.get('kubelet-arg+');
    for (const arg of asTexts(args?.value)) {
      const value = /^(?:--)?resolv-conf=(.*)$/.exec(arg)?.[1];
      if (value !== undefined) kubeletArg = { value, setBy: `${file}:${args!.line}` };
    }
    const dns = keys.get('cluster-dns');
    if (dns !== undefined) clusterDns = asTexts(dns.value).flatMap((text) => text.split(','));
  }
  for (const file of units) {
    const text = (await files.text(file)).replaceAll(/['"]/g, ' ');
    const flag = findFlag(splitCommand(text, file, 1), 'resolv-conf');
    if (flag !== null && flag.value !== '') own = flag;
    const variable = new RegExp(`^[ \\t]*${variant.toUpperCase()}_RESOLV_CONF=\\s*(\\S+)`, 'm').exec(
      text,
    )?.[1];
    if (variable !== undefined) own = { value: variable, setBy: file };
    const argument = /--kubelet-arg[=\s]+(?:--)?resolv-conf=(\S+)/.exec(text)?.[1];
    if (argument !== undefined) kubeletArg = { value: argument, setBy: file };
  }
  // What it wrote for kubelet at its last start (newer versions).
  for (const name of await files.list(`${agentEtc}/kubelet.conf.d`)) {
    const file = `${agentEtc}/kubelet.conf.d/${name}`;
    const keys = readYamlKeys(await files.text(file));
    if (clusterDns.length === 0) clusterDns = asTexts(keys?.get('clusterDNS')?.value);
    const setting = keys?.get('resolvConf');
    if (own === null && typeof setting?.value === 'string') {
      own = { value: setting.value, setBy: `${file}:${setting.line}` };
    }
  }

  const base = {
    distribution,
    unknown: '',
    unit: await findUnit(files, variant),
    configFile: distribution.configs[0]!,
    flagFile: '',
    flagsOnly: false,
    clusterDns,
    faults,
  };
  const set = kubeletArg ?? own;
  if (set !== null) {
    const isGenerated = set.value === `${agentEtc}/resolv.conf`;
    const generatedServers =
      isGenerated && (await files.read(set.value)).kind !== 'text' ? [LAST_RESORT] : [];
    const how = kubeletArg === null ? 'distribution' : 'argument';
    return { ...base, how, resolvConf: set.value, setBy: set.setBy, generatedServers };
  }
  const guess = { ...base, unknown: broken, how: 'default', setBy: '' } as const;
  for (const candidate of CANDIDATES) {
    if (await isUsable(files, candidate)) {
      return { ...guess, resolvConf: candidate, generatedServers: [] };
    }
  }
  const resolvConf = `${agentEtc}/resolv.conf`;
  const generatedServers = (await files.read(resolvConf)).kind === 'text' ? [] : [LAST_RESORT];
  return { ...guess, resolvConf, generatedServers };
}

/** The agent's unit where it is installed, else the server's. */
async function findUnit(files: NodeFiles, variant: 'k3s' | 'rke2'): Promise<string> {
  for (const directory of UNIT_DIRECTORIES) {
    if ((await files.list(directory)).includes(`${variant}-agent.service`)) return `${variant}-agent`;
  }
  return variant === 'k3s' ? 'k3s' : 'rke2-server';
}

/**
 * Whether all its servers are what Go calls global unicast: no loopback, no link-local, no
 * multicast.
 */
async function isUsable(files: NodeFiles, path: string): Promise<boolean> {
  const { nameservers, badLines } = await readResolvConf(files, path);
  if (badLines.some((bad) => bad.text.startsWith('nameserver'))) return false;
  return nameservers.length > 0 && nameservers.every(({ address }) => isGlobalUnicast(address));
}

function isGlobalUnicast(address: string): boolean {
  // A zone (fe80::1%eth0) is not an address to k3s.
  if (address.includes('%')) return false;
  const canonical = canonicalAddress(address);
  if (isIP(canonical) === 4)
    return !/^(0\.0\.0\.0$|127\.|169\.254\.|2(2[4-9]|3\d)\.|255\.255\.255\.255$)/.test(canonical);
  return !/^(::1?$|fe[89ab]|ff)/i.test(canonical);
}
