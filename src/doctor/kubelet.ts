// Which file kubelet copies into a pod with dnsPolicy: Default, and who says so: its flags, its KubeletConfiguration, or k3s
// and RKE2 around it. Called by inspect.
import { posix } from 'node:path';
import type { NodeFiles } from '../discovery/node-files.ts';
import { readK3s } from './k3s.ts';
import { asTexts, type KubeletFacts, readYamlKeys, type YamlValue } from './kubelet-facts.ts';
import { listFlagFiles, readFlag } from './kubelet-flags.ts';

/** Where kubeadm keeps it; other installers say --config. */
const DEFAULT_CONFIG = '/var/lib/kubelet/config.yaml';
/** What kubelet reads when nothing says otherwise. */
export const DEFAULT_RESOLV_CONF = '/etc/resolv.conf';

/** Reads what the node's files say of its kubelet. Never throws. */
export async function readKubelet(files: NodeFiles): Promise<KubeletFacts> {
  const distribution = await readK3s(files);
  if (distribution !== null) return distribution;

  const flagFiles = await listFlagFiles(files);
  const faults: string[] = [];
  const configFile = (await readFlag(files, flagFiles, 'config'))?.value || DEFAULT_CONFIG;
  const dropInDirectory = (await readFlag(files, flagFiles, 'config-dir'))?.value ?? '';
  const configFiles = [configFile];
  if (dropInDirectory.startsWith('/')) {
    const names = (await files.list(dropInDirectory)).filter((name) => name.endsWith('.conf'));
    configFiles.push(...names.map((name) => posix.join(dropInDirectory, name)));
  }
  const config = new Map<string, YamlValue & { readonly file: string }>();
  let isPresent = false;
  for (const file of configFiles) {
    const reading = await files.read(file);
    if (reading.kind !== 'text') continue;
    isPresent = true;
    const keys = readYamlKeys(reading.text);
    if (keys === null) faults.push(`${file}: is no YAML mapping`);
    else for (const [key, value] of keys) config.set(key, { ...value, file });
  }
  for (const file of flagFiles) isPresent ||= (await files.read(file)).kind === 'text';

  const clusterDnsFlag = await readFlag(files, flagFiles, 'cluster-dns');
  const clusterDns = clusterDnsFlag?.value.split(',') ?? asTexts(config.get('clusterDNS')?.value);
  const base = {
    flavour: isPresent ? ('kubelet' as const) : ('none' as const),
    unit: 'kubelet',
    configFile,
    clusterDns: clusterDns.filter((address) => address !== ''),
    generatedServers: [],
    faults,
  };
  // Flags win over the file (kubelet --help).
  const flag = await readFlag(files, flagFiles, 'resolv-conf');
  if (flag !== null) {
    return {
      ...base,
      how: 'flag',
      resolvConf: flag.value,
      setBy: `${flag.file}:${flag.line}`,
      configFile: flag.file,
    };
  }
  const setting = config.get('resolvConf');
  if (setting !== undefined && typeof setting.value === 'string') {
    const { value, file, line } = setting;
    return {
      ...base,
      how: 'config',
      resolvConf: value as string,
      setBy: `${file}:${line}`,
      configFile: file,
    };
  }
  return { ...base, how: 'default', resolvConf: DEFAULT_RESOLV_CONF, setBy: '' };
}
