// Kubelet's command line as the node's files put it together: kubeadm's and the distributions' environment files, the
// unit and its drop-ins, MicroK8s's list of arguments. Called by kubelet.
import { posix } from 'node:path';
import type { NodeFiles } from '../discovery/node-files.ts';

/** A flag as one file gives it. */
export interface FlagValue {
  readonly value: string;
  /** The file, and its line. */
  readonly file: string;
  readonly line: number;
}

const UNITS = [
  '/usr/lib/systemd/system/kubelet.service',
  '/lib/systemd/system/kubelet.service',
  '/etc/systemd/system/kubelet.service',
];
const DROP_IN_DIRECTORIES = [
  '/usr/lib/systemd/system/kubelet.service.d',
  '/etc/systemd/system/kubelet.service.d',
];
/** What the unit's command line takes in after its own flags, in its order: a later flag wins. */
const ENVIRONMENT_FILES = [
  '/var/lib/kubelet/kubeadm-flags.env',
  '/etc/default/kubelet',
  '/etc/sysconfig/kubelet',
  '/var/snap/microk8s/current/args/kubelet',
];

/** The files that may hold flags of kubelet, in the order in which they count. */
export async function listFlagFiles(files: NodeFiles): Promise<string[]> {
  const dropIns: string[] = [];
  for (const directory of DROP_IN_DIRECTORIES) {
    for (const name of await files.list(directory)) {
      if (name.endsWith('.conf')) dropIns.push(posix.join(directory, name));
    }
  }
  return [...UNITS, ...dropIns, ...ENVIRONMENT_FILES];
}

/** The last value of a flag in a text, "--name=value" or "--name value"; null when it is not there. */
export function findFlag(text: string, name: string): { value: string; line: number } | null {
  let found: { value: string; line: number } | null = null;
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    if (/^\s*[#;]/.test(written)) continue;
    const pattern = new RegExp(`(?:^|[\\s"'=])--${name}(?:=|\\s+)("[^"]*"|'[^']*'|[^\\s"']*)`, 'g');
    for (const match of written.matchAll(pattern)) {
      // --resolv-conf="" is a value too: the empty one. In KUBELET_ARGS="--resolv-conf=" the quote ends the arguments.
      found = { value: match[1]!.replace(/^["']|["']$/g, ''), line: index + 1 };
    }
  }
  return found;
}

/** The last value of a flag in all these files. */
export async function readFlag(
  files: NodeFiles,
  paths: readonly string[],
  name: string,
): Promise<FlagValue | null> {
  let last: FlagValue | null = null;
  for (const file of paths) {
    const found = findFlag(await files.text(file), name);
    if (found !== null) last = { ...found, file };
  }
  return last;
}
