// What discovery finds out: the servers, the zones, what people should know, and the files it
// depends on. Made by discover, followed by watch, used by the control plane and shown by the
// doctor.
import type { ResolvConfState } from './resolv-conf.ts';

export type Severity = 'info' | 'warn' | 'error';

export type NoticeCode =
  | 'resolv-conf-missing'
  | 'resolv-conf-empty'
  | 'resolv-conf-unreadable'
  | 'resolv-conf-bad-lines'
  | 'loopback-rewritten'
  | 'loopback-kept'
  | 'loopback-dropped'
  | 'loopback-unreachable'
  | 'own-address'
  | 'source-names-loopback'
  | 'source-unreadable'
  | 'split-dns-imported'
  | 'dns-over-tls'
  | 'too-many-servers'
  | 'no-upstream'
  | 'last-good-kept'
  | 'upstream-unresolved';

/** Something an operator should know, with what to do about it. */
export interface Notice {
  readonly severity: Severity;
  readonly code: NoticeCode;
  readonly message: string;
  /** One sentence; '' when nothing needs doing. */
  readonly remedy: string;
}

export interface DiscoveredServer {
  /** IP literal, its zone kept: fe80::1%eth0. */
  readonly address: string;
  readonly port: number;
  /** The name in its certificate, where the node's configuration states one. */
  readonly serverName?: string;
  /**
   * True when the node speaks to it over TLS only (resolved's DNSOverTLS=yes); then port 53 means
   * 853.
   */
  readonly tls?: true;
  /**
   * Where it was found: an absolute path as on the node, without the root; or the question that was
   * asked.
   */
  readonly source: string;
  /** The stub that it replaces: "127.0.0.53:53". */
  readonly replaces?: string;
}

/** Names under suffix go to these servers and to no others. */
export interface DiscoveredZone {
  /** Lower case, no trailing dot, never the root. */
  readonly suffix: string;
  readonly servers: readonly DiscoveredServer[];
}

export interface Discovery {
  readonly servers: readonly DiscoveredServer[];
  readonly zones: readonly DiscoveredZone[];
  readonly notices: readonly Notice[];
  /**
   * Paths on the node that were read, followed or found missing; a last component '*' means any
   * name in that directory.
   */
  readonly files: readonly string[];
  readonly resolvConfState: ResolvConfState;
  /** Loopback stubs that are still in use for want of anything better: "127.0.0.53:53". */
  readonly keptStubs: readonly string[];
}
