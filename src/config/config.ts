// The configuration as the rest of the program sees it: validated, defaults filled in, units
// resolved (ms, seconds, bytes). config/schema makes it from YAML, flags and environment.

import type { Endpoint } from '../base/endpoint.ts';
import type { HostsFile } from './hosts-file.ts';
import type { LocalRecord } from './local-record.ts';

export type Policy = 'random' | 'roundRobin' | 'sequential' | 'fastest';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** A host and port to listen on. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Whether slow upstreams are overtaken. */
export type Hedge = 'auto' | 'off';
/** What is done about names that search lists make. */
export type Search = 'off' | 'report' | 'on';
/** Types that a health check may ask for. */
export type CheckType = 'A' | 'AAAA' | 'CNAME' | 'HINFO' | 'MX' | 'NS' | 'PTR' | 'SOA' | 'SRV' | 'TXT';

/** What an upstream in doubt is asked. */
export type AnyPolicy = 'forward' | 'minimal';

/** Answers after which another upstream may know more. */
export type NextAfter = 'NXDOMAIN' | 'NODATA' | 'SERVFAIL' | 'REFUSED';

export interface CheckQuestion {
  /** Without trailing dot; '.' for the root. */
  readonly name: string;
  readonly type: CheckType;
}

export interface ZoneConfig {
  readonly upstreams: 'auto' | readonly Endpoint[];
  readonly policy: Policy;
  /** Upstreams asked at once. */
  readonly race: number;
  /** Answers after which the next upstream is asked. */
  readonly next: readonly NextAfter[];
  readonly healthCheck: CheckQuestion;
  /** A denied name ends the names below it (RFC 8020). */
  readonly nxdomainCut: boolean;
  readonly search: Search;
}

export interface Config {
  readonly listen: readonly ListenAddress[];
  readonly workers: 'auto' | number;
  readonly upstreams: 'auto' | readonly Endpoint[];
  /** Suffix (lower case, no trailing dot, '.' never) → zone. */
  readonly zones: Readonly<Record<string, ZoneConfig>>;
  readonly discovery: {
    readonly resolvConf: string;
    readonly root: string;
    readonly rewriteLoopback: 'auto' | 'always' | 'never';
  };
  readonly forward: {
    readonly policy: Policy;
    /** Upstreams asked at once. */
    readonly race: number;
    /** Answers after which the next upstream is asked. */
    readonly next: readonly NextAfter[];
    /** Whether another upstream is asked too where one is slower than usual. */
    readonly hedge: Hedge;
    readonly deadlineMs: number;
    readonly maxInFlight: number;
    readonly healthCheck: CheckQuestion & { readonly intervalMs: number; readonly maxFails: number };
  };
  readonly cache: {
    readonly maxEntries: number;
    readonly maxBytes: number;
    /** Keeps the cache over a restart; '': nothing does. */
    readonly file: string;
    readonly minTtlSeconds: number;
    readonly maxTtlSeconds: number;
    readonly maxNegativeTtlSeconds: number;
    readonly failureTtlSeconds: number;
    readonly serveStale: {
      readonly maxAgeSeconds: number;
      readonly ttlSeconds: number;
      readonly afterMs: number;
    };
    readonly prefetch: { readonly hits: number; readonly remainingPercent: number };
  };
  readonly loop: {
    readonly tag: 'auto' | 'always' | 'never';
    readonly case: boolean;
    readonly clusterKey: string;
    readonly ring: string;
    readonly maxHops: number;
    readonly probe: { readonly onStart: boolean; readonly intervalMs: number };
    readonly quarantine: { readonly minMs: number; readonly maxMs: number };
  };
  readonly limits: {
    /** 0: no limit. */
    readonly perClientQps: number;
    /** UDP queries of one client that may wait for upstreams; 0: no limit. */
    readonly perClientWaiting: number;
    readonly tcpConnections: number;
    readonly tcpIdleMs: number;
    /** CIDR texts, canonical; empty allow: networks that are not public, and our own. deny wins. */
    readonly allow: readonly string[];
    readonly deny: readonly string[];
    /** Private addresses are withheld from answers of the default upstreams. */
    readonly rebindProtection: boolean;
    /** Suffixes that may still have private addresses; lower case, no trailing dot. */
    readonly rebindExceptions: readonly string[];
  };
  /** What is answered here rather than by an upstream. */
  readonly local: {
    readonly specialNames: boolean;
    /** What becomes of questions of type ANY. */
    readonly any: AnyPolicy;
    readonly records: readonly LocalRecord[];
    readonly hosts: readonly HostsFile[];
    readonly ttlSeconds: number;
  };
  /** Answers to questions about this server itself (version.bind, id.server). */
  readonly identity: {
    readonly version: boolean;
    /** Empty: not told. */
    readonly name: string;
  };
  readonly admin: {
    /** null: off. */
    readonly listen: ListenAddress | null;
    readonly coredns: boolean;
    /** Bearer token, required when listening beyond loopback; empty: none. */
    readonly token: string;
  };
  readonly log: {
    readonly level: LogLevel;
    readonly format: 'json' | 'text' | 'auto';
    readonly queries: boolean;
    /** Which queries; empty lists: all. */
    readonly queryFilter: {
      /** Names in lower case, without trailing dot. */
      readonly zones: readonly string[];
      readonly clients: readonly string[];
      readonly rcodes: readonly ('NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED')[];
      readonly slowerThanMs: number;
      readonly sample: number;
    };
  };
  readonly dnstap: {
    /** `unix:/PATH` or `tcp:HOST:PORT`; empty: off. */
    readonly output: string;
    readonly messages: readonly ('client' | 'forwarder')[];
    readonly identity: string;
  };
  readonly kubernetes: {
    /** Clients are shown with the pods that have their addresses. */
    readonly pods: boolean;
    /** Only pods of this node; empty: all. */
    readonly node: string;
    /** The folder with the token and the CA. */
    readonly serviceAccount: string;
  };
  /** How long new queries are still answered after SIGTERM, ms. */
  readonly lameduckMs: number;
  /** Start even if another process has the listen addresses open, and share them until it exits. */
  readonly takeOver: boolean;
}
