// What the doctor finds out, as data: `unloop doctor --json` prints it as it is (docs/doctor.md
// describes it), and render-text makes a page of it. Filled in by diagnose.

/**
 * loops: it does, with what is set up here. wouldLoop: it does as soon as a pod with dnsPolicy:
 * Default runs a DNS server.
 */
export type Verdict = 'healthy' | 'wouldLoop' | 'loops' | 'unknown';

/** Exit codes of `unloop doctor`. */
export const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  healthy: 0,
  wouldLoop: 1,
  loops: 1,
  unknown: 2,
};

/** What happens to a query that gets here. dead: nothing listens. */
export type HopState = 'ok' | 'loops' | 'wouldLoop' | 'unknown' | 'dead';

/** One server on the way of a query, and where it sends the query on. */
export interface Hop {
  /** Names under this suffix take this way; '.' is every other name. */
  readonly zone: string;
  /** ADDR, ADDR:PORT where the port is not 53, or the upstream as written (tls://…). */
  readonly server: string;
  /** "systemd-resolved", "the pod itself"; '' where nothing is known of it. */
  readonly role: string;
  /** FILE or FILE:LINE that names the server. */
  readonly source: string;
  readonly state: HopState;
  readonly next: readonly Hop[];
}

/** The way of a query, from one kind of client. */
export interface QueryPath {
  readonly kind: 'process' | 'podDefault' | 'podClusterFirst' | 'unloop';
  /** "process on this node". */
  readonly from: string;
  readonly hops: readonly Hop[];
}

export type Severity = 'loop' | 'risk' | 'unknown' | 'info';

export type FindingCode =
  | 'node-loops'
  | 'pod-would-loop'
  | 'cluster-dns-loops'
  | 'unloop-loops'
  | 'kubelet-no-resolv-conf'
  | 'kubelet-unknown'
  | 'server-reports-loop'
  | 'resolv-conf-missing'
  | 'resolv-conf-empty'
  | 'resolv-conf-unreadable'
  | 'resolv-conf-bad-lines'
  | 'more-than-three-servers'
  | 'stub-unknown'
  | 'stub-not-listening'
  | 'kubelet-file-unreadable'
  | 'k3s-public-resolver'
  | 'file-unreadable'
  | 'corefile-incomplete'
  | 'server-silent'
  | 'server-fails'
  | 'new-names-silent'
  | 'nat-resolver'
  | 'musl'
  | 'search-too-long'
  | 'ndots'
  | 'tailscale'
  | 'own-notice'
  | 'unloop-config-faulty'
  | 'pods-refused'
  | 'mount-detached';

/** One way to fix it. */
export interface Cure {
  /** "kubelet", "Corefile". */
  readonly what: string;
  /** The file to change, with its line where there is one; '' when there is no file. */
  readonly where: string;
  /** The lines to write there, or the commands to run. */
  readonly lines: readonly string[];
  /** An alternative to the cures before it; otherwise the cures are steps of one. */
  readonly isAlternative: boolean;
  /** Commands that make it count. */
  readonly commands: readonly string[];
}

export interface Finding {
  readonly severity: Severity;
  readonly code: FindingCode;
  readonly message: string;
  readonly cures: readonly Cure[];
}

/** How a live server answered one question. */
export interface Probe {
  readonly server: string;
  readonly outcome: 'answered' | 'silent' | 'refused';
  readonly rttMs: number;
  readonly rcode: string;
  /**
   * Whether a name that was never asked for before was answered too; null: not asked (a public
   * server).
   */
  readonly answersNewNames: boolean | null;
  /** Extended DNS error: "14 forwarding loop: …"; '' without one. */
  readonly extendedError: string;
}

export interface Report {
  readonly verdict: Verdict;
  readonly exitCode: number;
  /** The verdict as a sentence. */
  readonly summary: string;
  /** As given with --root. */
  readonly root: string;
  readonly paths: readonly QueryPath[];
  readonly findings: readonly Finding[];
  readonly probes: readonly Probe[];
}
