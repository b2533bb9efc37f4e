// What the pods of a Kubernetes cluster ask, as their C library makes it of what programs look up
// (`ndots: 5` and three search domains): one after the other, each time A and AAAA at once.
//
//   h0000002a.bench.example ─▶ h0000002a.bench.example.ns-07.svc.cluster.local   NXDOMAIN
//                              h0000002a.bench.example.svc.cluster.local         NXDOMAIN
//                              h0000002a.bench.example.cluster.local             NXDOMAIN
//                              h0000002a.bench.example                           an answer
//
// Pods ask in turn, so that others' questions lie between two of one look-up. Hosts are drawn by
// Zipf. Now and then a deployment starts: its pods, all at once, look up the same new hosts. Called
// by the lanes for every query; no allocation.
import { copyBytes } from '../base/word-bytes.ts';
import { textToName } from '../wire/text.ts';
import { FastRandom, shareThreshold } from './fast-random.ts';
import { writeHex } from './hex-label.ts';
import type { QuerySource } from './query-source.ts';
import { type QueryShape, QueryWriter } from './query-writer.ts';
import { Zipf } from './zipf.ts';

/** What the cluster looks like; the rest is fixed. */
export interface ClusterOptions extends QueryShape {
  /** Hosts that are looked up again and again: services of the cluster, and hosts outside. */
  readonly hotNames: number;
  readonly zipfExponent: number;
  /** Share of the look-ups whose host exists nowhere, 0 … 1. */
  readonly nxdomainShare: number;
  /** What hosts outside of the cluster end in. */
  readonly suffix: string;
  /** What hosts that exist nowhere end in. */
  readonly nxdomainSuffix: string;
  readonly seed: number;
}

export const CLUSTER_PODS = 200;
export const CLUSTER_NAMESPACES = 20;
/** A deployment starts after every this many look-ups. */
export const LOOKUPS_PER_DEPLOYMENT = 4000;
export const DEPLOYMENT_PODS = 20;
/** What each of its pods looks up at its start. */
export const DEPLOYMENT_HOSTS = 5;

/** Kinds of hosts, by how a program names them. */
const OUTSIDE = 0;
const OTHER_NAMESPACE = 1;
const FULL = 2;
const OWN_NAMESPACE = 3;
const NOWHERE = 4;
/** Of ten hosts: four outside, three in the pod's own namespace, two in another, one in full. */
const KINDS = Uint8Array.of(
  OUTSIDE,
  OWN_NAMESPACE,
  OTHER_NAMESPACE,
  OUTSIDE,
  OWN_NAMESPACE,
  FULL,
  OUTSIDE,
  OWN_NAMESPACE,
  OTHER_NAMESPACE,
  OUTSIDE,
);
/** By kind: questions until the one that exists, or, for hosts that do not, until the last. */
const STEPS = Uint8Array.of(4, 2, 4, 1, 4);

const TYPE_A = 1;
const TYPE_AAAA = 28;
const LETTER_H = 0x68;
const LETTER_N = 0x6e;
/** "h" and 8 digits of the rank; "n", 8 of a counter, 8 of the seed. */
const HOST_LABEL_LENGTH = 9;
const NEW_LABEL_LENGTH = 17;
const SERVICES = 'svc.cluster.local';
const LONGEST_NAME = 255;

/** Makes up a cluster's queries without end. */
export class ClusterQueries implements QuerySource {
  readonly description: string;
  readonly together = 2;
  readonly #random: FastRandom;
  readonly #writer: QueryWriter;
  readonly #zipf: Zipf;
  readonly #nowhereThreshold: number;
  readonly #seed: number;
  /** Without the root label. */
  readonly #outside: Uint8Array;
  readonly #nowhere: Uint8Array;
  readonly #namespaces: readonly Uint8Array[];
  /** svc.cluster.local and cluster.local, with the root label. */
  readonly #services = textToName(SERVICES);
  readonly #cluster = textToName('cluster.local');
  /** By pod, those of the deployment last: what it looks up, and how far it is. */
  readonly #hosts = new Uint32Array(CLUSTER_PODS + DEPLOYMENT_PODS);
  readonly #kinds = new Uint8Array(CLUSTER_PODS + DEPLOYMENT_PODS);
  readonly #steps = new Uint8Array(CLUSTER_PODS + DEPLOYMENT_PODS);
  readonly #namespaceOf = new Uint8Array(CLUSTER_PODS + DEPLOYMENT_PODS);
  /** Of the pods of the deployment: look-ups still to begin. */
  readonly #left = new Uint8Array(DEPLOYMENT_PODS);
  #pod = -1;
  /** Pods of the deployment that are not done. */
  #starting = 0;
  #lookups = 0;
  /** New hosts so far, those of the deployment last. */
  #newHosts = 0;
  #isSecond = false;

  /** Throws RangeError when a suffix is not a name. */
  constructor(options: ClusterOptions) {
    this.#seed = options.seed >>> 0;
    this.#random = new FastRandom(this.#seed);
    this.#writer = new QueryWriter(options, this.#random);
    this.#zipf = new Zipf(options.hotNames, options.zipfExponent, this.#random);
    this.#nowhereThreshold = shareThreshold(options.nxdomainShare);
    this.#outside = hostSuffix(options.suffix);
    this.#nowhere = hostSuffix(options.nxdomainSuffix);
    this.#namespaces = Array.from({ length: CLUSTER_NAMESPACES }, (_, i) =>
      withoutRoot(textToName(`ns-${String(i).padStart(2, '0')}`)),
    );
    for (let pod = 0; pod < CLUSTER_PODS; pod++) {
      this.#namespaceOf[pod] = pod % CLUSTER_NAMESPACES;
      this.#beginLookup(pod);
    }
    this.description =
      `a cluster: ${options.hotNames} hosts (Zipf ${options.zipfExponent}), ${CLUSTER_PODS} pods, ` +
      'ndots 5, A and AAAA at once';
  }

  write(out: Uint8Array, offset: number): number {
    if (!this.#isSecond) this.#pod = this.#nextPod();
    const at = this.#writer.begin(out, offset);
    const end = this.#writeName(out, at, this.#pod);
    const length = this.#writer.finish(out, offset, end, this.#isSecond ? TYPE_AAAA : TYPE_A);
    if (this.#isSecond) this.#advance(this.#pod);
    this.#isSecond = !this.#isSecond;
    return length;
  }

  /** Pods in turn; while a deployment starts, its pods alone. */
  #nextPod(): number {
    if (this.#starting === 0) return this.#pod + 1 < CLUSTER_PODS ? this.#pod + 1 : 0;
    let pod = this.#pod;
    do {
      pod = pod >= CLUSTER_PODS && pod + 1 < CLUSTER_PODS + DEPLOYMENT_PODS ? pod + 1 : CLUSTER_PODS;
    } while (this.#left[pod - CLUSTER_PODS] === 0);
    return pod;
  }

  /** To the next question of the look-up, or to the next look-up. */
  #advance(pod: number): void {
    const step = this.#steps[pod]! + 1;
    this.#steps[pod] = step;
    if (step < STEPS[this.#kinds[pod]!]!) return;
    if (pod < CLUSTER_PODS) this.#beginLookup(pod);
    else this.#endDeploymentLookup(pod);
  }

  #beginLookup(pod: number): void {
    const host = this.#zipf.next();
    const isNowhere = this.#nowhereThreshold > 0 && this.#random.uint32() < this.#nowhereThreshold;
    this.#hosts[pod] = host;
    this.#kinds[pod] = isNowhere ? NOWHERE : KINDS[host % KINDS.length]!;
    this.#steps[pod] = 0;
    if (++this.#lookups % LOOKUPS_PER_DEPLOYMENT === 0) this.#startDeployment();
  }

  #startDeployment(): void {
    this.#starting = DEPLOYMENT_PODS;
    this.#newHosts += DEPLOYMENT_HOSTS;
    const namespace = this.#random.uint32() % CLUSTER_NAMESPACES;
    for (let i = 0; i < DEPLOYMENT_PODS; i++) {
      this.#namespaceOf[CLUSTER_PODS + i] = namespace;
      this.#left[i] = DEPLOYMENT_HOSTS;
      this.#takeNewHost(CLUSTER_PODS + i);
    }
  }

  #endDeploymentLookup(pod: number): void {
    const i = pod - CLUSTER_PODS;
    this.#left[i]!--;
    if (this.#left[i] === 0) this.#starting--;
    else this.#takeNewHost(pod);
  }

  /** Each pod of the deployment looks up the same hosts, in the same order. */
  #takeNewHost(pod: number): void {
    const host = this.#newHosts - this.#left[pod - CLUSTER_PODS]!;
    this.#hosts[pod] = host;
    this.#kinds[pod] = KINDS[host % KINDS.length]!;
    this.#steps[pod] = 0;
  }

  /** The name that the pod asks for now; returns where it ends. */
  #writeName(out: Uint8Array, at: number, pod: number): number {
    const kind = this.#kinds[pod]!;
    const step = this.#steps[pod]!;
    let end = this.#writeLabel(out, at, pod);
    if (kind === OUTSIDE) end = append(this.#outside, out, end);
    else if (kind === NOWHERE) end = append(this.#nowhere, out, end);
    else if (kind !== OWN_NAMESPACE) {
      end = append(this.#namespaces[this.#hosts[pod]! % CLUSTER_NAMESPACES]!, out, end);
      if (kind === FULL) end = append(this.#services, out, end, 1);
    }
    if (step === 0) {
      end = append(this.#namespaces[this.#namespaceOf[pod]!]!, out, end);
      return append(this.#services, out, end);
    }
    if (step === 1) return append(this.#services, out, end);
    if (step === 2) return append(this.#cluster, out, end);
    out[end] = 0;
    return end + 1;
  }

  #writeLabel(out: Uint8Array, at: number, pod: number): number {
    const isNew = pod >= CLUSTER_PODS;
    out[at] = isNew ? NEW_LABEL_LENGTH : HOST_LABEL_LENGTH;
    out[at + 1] = isNew ? LETTER_N : LETTER_H;
    const end = writeHex(out, at + 2, this.#hosts[pod]!);
    return isNew ? writeHex(out, end, this.#seed) : end;
  }
}

/** Appends a name without its last `less` bytes. */
function append(name: Uint8Array, out: Uint8Array, at: number, less = 0): number {
  const length = name.length - less;
  copyBytes(name, 0, out, at, length);
  return at + length;
}

function withoutRoot(name: Uint8Array): Uint8Array {
  return name.subarray(0, name.length - 1);
}

/** Room must be left for the label before it and the search domain behind it. */
function hostSuffix(text: string): Uint8Array {
  const name = textToName(text);
  const searchDomain = textToName(`ns-00.${SERVICES}`);
  if (name.length + NEW_LABEL_LENGTH + searchDomain.length > LONGEST_NAME)
    throw new RangeError(`"${text}" is too long for a suffix`);
  return withoutRoot(name);
}
