// Which file kubelet copies into a pod with dnsPolicy: Default, and who says so: the command line
// of the running kubelet, else that of its unit, its KubeletConfiguration and the drop-ins of that,
// or k3s and RKE2 around it. Called by inspect.
import { posix } from 'node:path';
import type { NodeFiles } from '../discovery/node-files.ts';
import { type FlagValue, findFlag, splitCommand, type Word } from './command-line.ts';
import { NONE, PLAIN, recognizeDistribution } from './distributions.ts';
import { readK3s } from './k3s.ts';
import type { Distribution } from './kubelet-facts.ts';
import { asTexts, type KubeletFacts, readYamlKeys, type YamlValue } from './kubelet-facts.ts';
import { readUnit } from './systemd-unit.ts';

/** What kubelet reads when nothing says otherwise. */
export const DEFAULT_RESOLV_CONF = '/etc/resolv.conf';
/** More processes than a node has. */
const MAX_PROCESSES = 4096;

/**
 * The unit that kubeadm's packages bring, for a tree that holds its environment files and not the
 * unit.
 */
const KUBEADM_UNIT = `[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
EnvironmentFile=-/etc/sysconfig/kubelet
ExecStart=/usr/bin/kubelet $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`;

/** kubelet's arguments. */
interface CommandLine {
  readonly words: readonly Word[];
  /** Where a flag would be added; ''. */
  readonly path: string;
  /** A command that is no kubelet, which may start one with flags of its own; ''. */
  readonly wrapper: string;
  /** They are those of a running kubelet. */
  readonly isRunning: boolean;
}

/** kubelet's configuration file and its drop-ins, as one mapping. */
interface Configuration {
  readonly keys: ReadonlyMap<string, YamlValue & { readonly file: string }>;
  readonly isPresent: boolean;
  readonly isMissing: boolean;
  /** Why the file could not be read: "may not be read"; ''. */
  readonly detail: string;
  /** A file that is there and cannot be relied on: "FILE is not a YAML mapping"; ''. */
  readonly broken: string;
  readonly faults: readonly string[];
}

/** Reads what the node's files say of its kubelet. Never throws. */
export async function readKubelet(files: NodeFiles): Promise<KubeletFacts> {
  const distribution = await recognizeDistribution(files);
  if (distribution.rancher !== '') return readK3s(files, distribution);

  const command = await readCommandLine(files, distribution);
  const { words } = command;
  const configFlag = findFlag(words, 'config');
  const named = configFlag?.value || (await firstPresent(files, distribution.configs));
  const flagsOnly = await isFlagsOnly(files, command, configFlag !== null, distribution);
  const configFile = flagsOnly ? '' : named;
  const config = await readConfiguration(files, configFile, findFlag(words, 'config-dir')?.value ?? '');
  const unknown = describeUnknown(command, configFlag, configFile, config);
  const clusterDns =
    findFlag(words, 'cluster-dns')?.value.split(',') ?? asTexts(config.keys.get('clusterDNS')?.value);
  // Where nothing tells how kubelet is started, no file to change can be named either.
  const isNone = distribution === PLAIN && unknown !== '' && configFlag === null && config.isMissing;
  const base = {
    distribution: isNone ? NONE : distribution,
    unknown: '',
    unit: distribution.units.length > 0 ? await findOwnUnit(files, distribution) : 'kubelet',
    configFile: configFile || command.path,
    flagFile: command.path,
    flagsOnly,
    clusterDns: clusterDns.filter((address) => address !== ''),
    generatedServers: [],
    faults: config.faults,
  };
  const set = findSetting(words, config);
  if (set !== null) return { ...base, ...set };
  const { resolvConf } = distribution;
  if (resolvConf !== '') return { ...base, how: 'default', resolvConf, setBy: '' };
  return { ...base, unknown, how: 'default', resolvConf: DEFAULT_RESOLV_CONF, setBy: '' };
}

/**
 * kubelet reads no file that its arguments do not name. A unit may take them from where we cannot
 * see, so a file in the usual place counts all the same; not for arguments of a running kubelet.
 */
async function isFlagsOnly(
  files: NodeFiles,
  { words, path, wrapper, isRunning }: CommandLine,
  hasConfig: boolean,
  { units, argumentFile, configs }: Distribution,
): Promise<boolean> {
  if (hasConfig || wrapper !== '' || words.length === 0 || units.length > 0 || argumentFile !== '')
    return false;
  if (isRunning) return true;
  return path !== '' && (await files.read(await firstPresent(files, configs))).kind === 'missing';
}

/** Why a setting may be missed; '' when kubelet's configuration was read, or is known not to be. */
function describeUnknown(
  { words, wrapper }: CommandLine,
  configFlag: FlagValue | null,
  configFile: string,
  config: Configuration,
): string {
  if (config.broken !== '') return `kubelet's configuration ${config.broken}`;
  if (config.isPresent) return '';
  if (wrapper !== '') return `${wrapper} starts kubelet, with flags of its own`;
  const by = configFlag === null ? '' : ` (${configFlag.setBy})`;
  if (configFlag !== null || !config.isMissing) {
    return `kubelet's configuration ${configFile}${by} ${config.detail}`;
  }
  return words.length > 0 ? '' : `no kubelet was found here (no ${configFile || 'arguments'})`;
}

/** What sets the file. Flags win over the configuration (kubelet --help). */
function findSetting(
  words: readonly Word[],
  config: Configuration,
): Pick<KubeletFacts, 'how' | 'resolvConf' | 'setBy'> | null {
  const flag: FlagValue | null = findFlag(words, 'resolv-conf');
  if (flag !== null) return { how: 'flag', resolvConf: flag.value, setBy: flag.setBy };
  const setting = config.keys.get('resolvConf');
  if (typeof setting?.value !== 'string') return null;
  // A relative path is below the folder of its file (kubelet's loader of configuration files).
  const resolvConf = setting.value === '' ? '' : posix.resolve(posix.dirname(setting.file), setting.value);
  return { how: 'config', resolvConf, setBy: `${setting.file}:${setting.line}` };
}

/** The running kubelet's arguments, else those that its unit or its file of arguments gives it. */
async function readCommandLine(files: NodeFiles, distribution: Distribution): Promise<CommandLine> {
  const { argumentFile, units } = distribution;
  const written: Word[] = [];
  let path = argumentFile;
  let wrapper = '';
  if (argumentFile !== '') {
    written.push(...splitCommand(await files.text(argumentFile), argumentFile, 1));
  } else if (units.length > 0) {
    for (const unit of units) {
      const { command } = await readUnit(files, unit, '');
      const extra = findFlag(command, 'kubelet-extra-args');
      const [file = '', line = '0'] = extra?.setBy.split(/:(?=\d+$)/) ?? [];
      written.push(...splitCommand(extra?.value ?? '', file, Number(line)));
    }
  } else {
    const unit = await readUnit(files, 'kubelet', KUBEADM_UNIT);
    path = unit.path;
    // The binary itself is no argument; without a unit file it is a guess that says nothing of a
    // kubelet here.
    const isKubelet = unit.command.some(({ text }) => posix.basename(text) === 'kubelet');
    if (!isKubelet && unit.command.length > 0) wrapper = unit.command[0]!.text;
    written.push(...(path === '' ? unit.command.slice(1) : unit.command));
  }
  const running = await findRunning(files);
  if (running === null) return { words: written, path, wrapper, isRunning: false };
  // Where a file has the same word, that is the place to change it.
  const words = running.map((word) => written.find(({ text }) => text === word.text) ?? word);
  return { words, path, wrapper: '', isRunning: true };
}

/** The arguments of the kubelet that runs, where /proc is the node's. */
async function findRunning(files: NodeFiles): Promise<Word[] | null> {
  for (const name of await files.list('/proc', MAX_PROCESSES)) {
    if (!/^\d+$/.test(name)) continue;
    const path = `/proc/${name}/cmdline`;
    const [program = '', ...rest] = (await files.text(path)).split('\0');
    const base = posix.basename(program);
    if (base !== 'kubelet' && !(base === 'hyperkube' && rest[0] === 'kubelet')) continue;
    return [program, ...rest.filter((text) => text !== '')].map((text) => ({ text, file: path, line: 0 }));
  }
  return null;
}

/** Drop-ins come after the file, in the order of their names (kubelet --config-dir). */
async function readConfiguration(files: NodeFiles, file: string, directory: string): Promise<Configuration> {
  const keys = new Map<string, YamlValue & { readonly file: string }>();
  const faults: string[] = [];
  const paths = file === '' ? [] : [file];
  if (directory.startsWith('/')) {
    const names = (await files.list(directory)).filter((name) => name.endsWith('.conf'));
    paths.push(...names.map((name) => posix.join(directory, name)));
  }
  let isPresent = false;
  let isMissing = file === '';
  let detail = '';
  let broken = '';
  for (const path of paths) {
    const reading = await files.read(path);
    if (reading.kind !== 'text') {
      if (path !== file) {
        if (reading.kind !== 'missing') broken = `${path} ${reading.detail}`;
        continue;
      }
      isMissing = reading.kind === 'missing';
      detail = reading.kind === 'missing' ? 'does not exist here' : reading.detail;
      continue;
    }
    isPresent = true;
    const found = readYamlKeys(reading.text);
    if (found === null) {
      faults.push(`${path}: is not a YAML mapping`);
      broken = `${path} is not a YAML mapping`;
    } else for (const [key, value] of found) keys.set(key, { ...value, file: path });
  }
  return { keys, isPresent, isMissing, detail, broken, faults };
}

/** The first file that is there, else the first. */
async function firstPresent(files: NodeFiles, paths: readonly string[]): Promise<string> {
  for (const path of paths) if ((await files.read(path)).kind !== 'missing') return path;
  return paths[0] ?? '';
}

/** The unit of the distribution that is installed on this node. */
async function findOwnUnit(files: NodeFiles, { units }: Distribution): Promise<string> {
  for (const unit of units) if ((await readUnit(files, unit, '')).path !== '') return unit;
  return units[0]!;
}
