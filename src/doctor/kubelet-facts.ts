// What the doctor knows of a node's kubelet and its distribution, and the YAML that says so. Made
// by kubelet and k3s.
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Cure } from './report.ts';

/** What is known of the kubelet of this node. */
export interface KubeletFacts {
  readonly distribution: Distribution;
  /**
   * The file it copies into pods; '' when it is told to use none. Its default where `unknown` says
   * why.
   */
  readonly resolvConf: string;
  /** Why it is not known which file it copies: a clause; '' when it is known. */
  readonly unknown: string;
  /** Who says so, "FILE:LINE"; '' when it is the default. */
  readonly setBy: string;
  /**
   * config: resolvConf in a YAML file. flag: --resolv-conf. distribution: the setting of k3s or
   * RKE2; argument: their kubelet-arg.
   */
  readonly how: 'config' | 'flag' | 'distribution' | 'argument' | 'default';
  /** The systemd unit to restart: "kubelet", "k3s-agent". */
  readonly unit: string;
  /** The file to change, which may not exist yet. */
  readonly configFile: string;
  /** Where its flags stand: its unit, its file of arguments; '' when no file tells. */
  readonly flagFile: string;
  /** It was started without --config: no file of settings counts, only flags. */
  readonly flagsOnly: boolean;
  /** Cluster DNS addresses that pods get; empty when not known. */
  readonly clusterDns: readonly string[];
  /**
   * The servers come from the distribution itself, not from a file of the node (k3s without a
   * usable file: 8.8.8.8).
   */
  readonly generatedServers: readonly string[];
  /** Files of kubelet that are there and make no sense: "FILE: reason". */
  readonly faults: readonly string[];
}

/** What a cure brings about: kubelet copies this file, whose servers are no stubs. */
export interface Change {
  readonly kubelet: KubeletFacts;
  readonly file: string;
}

/** A Kubernetes distribution: one row of distributions.ts. */
export interface Distribution {
  /** As its makers write it; '' for a kubelet that systemd starts, as kubeadm installs it. */
  readonly name: string;
  /** One of these is there on its nodes; a directory ends with a slash. */
  readonly marks: readonly string[];
  /** ID= of its os-release, where it is an operating system; ''. */
  readonly osId: string;
  /** k3s and RKE2 keep kubelet's settings among their own: the name of their folders; ''. */
  readonly rancher: '' | 'k3s' | 'rke2';
  /** Its KubeletConfiguration where no --config is seen: the first that is there. */
  readonly configs: readonly string[];
  /** A file that holds kubelet's arguments; ''. */
  readonly argumentFile: string;
  /** Units that hand --kubelet-extra-args to kubelet. */
  readonly units: readonly string[];
  /** What its kubelet copies where nothing is seen to set it; '': kubelet's own default. */
  readonly resolvConf: string;
  /** kubelet's --root-dir. */
  readonly root: string;
  /**
   * Has every node ask these servers, where the distribution writes the node's files from settings
   * of its own; else null.
   */
  readonly settings: ((servers: readonly string[]) => Cure[]) | null;
  /** Has kubelet copy that file; null where the settings do it all. */
  readonly cure: ((change: Change) => Cure[]) | null;
}

/** A value in a YAML file. */
export interface YamlValue {
  readonly value: unknown;
  readonly line: number;
}

/** Top-level keys of a YAML (or JSON) mapping, with their lines; null if the text is not one. */
export function readYamlKeys(text: string): Map<string, YamlValue> | null {
  try {
    return collectKeys(text);
  } catch {
    // An alias of nothing or too many of them, or nesting deeper than the stack.
    return null;
  }
}

function collectKeys(text: string): Map<string, YamlValue> | null {
  const lines = new LineCounter();
  // Pretty errors take time quadratic in the file's length, and are never shown.
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'silent', prettyErrors: false });
  if (document.errors.length > 0) return null;
  const keys = new Map<string, YamlValue>();
  const { contents } = document;
  // Nothing but comments is an empty mapping.
  if (contents === null || (isScalar(contents) && contents.value === null)) return keys;
  if (!isMap(contents)) return null;
  const values = document.toJS({ maxAliasCount: 10 }) as Record<string, unknown>;
  for (const item of contents.items) {
    if (!isScalar(item.key) || typeof item.key.value !== 'string') continue;
    keys.set(item.key.value, {
      value: values[item.key.value],
      line: lines.linePos(item.key.range?.[0] ?? 0).line,
    });
  }
  return keys;
}

/** A list of texts, or one text, as YAML may have either. */
export function asTexts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
