// What discovery finds out: the upstreams, the zones, what people should know, and the files it
// depends on. Made by discover, followed by watch, used by the control plane and shown by the
// doctor.
import type { FoundUpstream } from '../base/endpoint.ts';
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
  | 'docker-stub-kept'
  | 'magic-dns-loops'
  | 'source-names-loopback'
  | 'source-unreadable'
  | 'mount-detached'
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

/** Names under suffix go to these upstreams and to no others. */
export interface FoundZone {
  /** Lower case, no trailing dot, never the root. */
  readonly suffix: string;
  readonly upstreams: readonly FoundUpstream[];
}

export interface Discovery {
  readonly upstreams: readonly FoundUpstream[];
  readonly zones: readonly FoundZone[];
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
