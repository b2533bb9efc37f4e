// Which pod has which address. Filled by the watch of pods, asked when a client is shown to people.
// Main thread. Bounded.
import { canonicalAddress } from '../base/ip-address.ts';

/** Further ones stay without a name: this many take 10 MiB with an address of each family. */
export const MAX_PODS = 20_000;
/** A pod has one of each family; more are no pod's. */
const MAX_ADDRESSES = 4;
/** Names of objects and of namespaces are DNS names. */
const NAME = /^[a-z0-9.-]{1,253}$/;

/** A pod, as far as clients are concerned. */
export interface Pod {
  /** `namespace/name` */
  readonly id: string;
  /** Canonical. Empty: it has none of its own, now. */
  readonly addresses: readonly string[];
}

/** The fields of the API's Pod that are read here. */
interface PodObject {
  readonly metadata?: { readonly name?: unknown; readonly namespace?: unknown };
  readonly spec?: { readonly hostNetwork?: unknown };
  readonly status?: {
    readonly phase?: unknown;
    readonly podIP?: unknown;
    readonly podIPs?: unknown;
  };
}

/** Null: it is no pod. */
export function readPod(object: unknown): Pod | null {
  const { metadata, spec, status } = (object ?? {}) as PodObject;
  const { namespace, name } = metadata ?? {};
  if (typeof namespace !== 'string' || typeof name !== 'string') return null;
  if (!NAME.test(namespace) || !NAME.test(name)) return null;
  const id = `${namespace}/${name}`;
  // A pod on the node's network has the node's address, as others there have. The address of one
  // that has ended is given to another.
  const isShared = spec?.hostNetwork === true;
  const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  if (isShared || hasEnded) return { id, addresses: [] };
  const listed = Array.isArray(status?.podIPs) ? (status.podIPs as { ip?: unknown }[]) : [];
  const texts = [...listed.map((entry) => entry?.ip), status?.podIP].filter(
    (text): text is string => typeof text === 'string' && text !== '',
  );
  return { id, addresses: [...new Set(texts.map(canonicalAddress))].slice(0, MAX_ADDRESSES) };
}

export class PodTable {
  readonly #maxPods: number;
  readonly #podOf = new Map<string, string>();
  readonly #addressesOf = new Map<string, readonly string[]>();
  #left = 0;

  constructor(maxPods: number = MAX_PODS) {
    this.#maxPods = maxPods;
  }

  /** Pods with an address. */
  get size(): number {
    return this.#addressesOf.size;
  }

  /** Times that a pod was left out: there was no room. */
  get left(): number {
    return this.#left;
  }

  set({ id, addresses }: Pod): void {
    this.remove(id);
    if (addresses.length === 0) return;
    if (this.#addressesOf.size >= this.#maxPods) {
      this.#left++;
      return;
    }
    this.#addressesOf.set(id, addresses);
    // The last one that is said to have an address has it: the one before is about to go.
    for (const address of addresses) this.#podOf.set(address, id);
  }

  remove(id: string): void {
    for (const address of this.#addressesOf.get(id) ?? [])
      if (this.#podOf.get(address) === id) this.#podOf.delete(address);
    this.#addressesOf.delete(id);
  }

  /** `namespace/name` of the pod with this address; null: none's. */
  podOf(address: string): string | null {
    return this.#podOf.get(canonicalAddress(address)) ?? null;
  }
}
