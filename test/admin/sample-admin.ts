// A server for the admin listener to talk about, made up and changeable.

import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { createConnection } from 'node:net';
import type {
  AdminSource,
  CacheEntries,
  EntriesScope,
  ExplainScope,
  FlushScope,
  LoopEpisodeStatus,
  Readiness,
  RefusedClient,
  ServerSnapshot,
  TopLists,
  UpstreamStatus,
} from '../../src/admin/admin-source.ts';
import type { Config } from '../../src/config/config.ts';
import { Counters, CounterTotals, createCounterBlock } from '../../src/metrics/counters.ts';
import type { Explanation } from '../../src/pipeline/explain.ts';
import type { KeptQuery } from '../../src/pipeline/kept-queries.ts';

export const UPSTREAM: UpstreamStatus = {
  slot: 0,
  address: '10.0.0.2:53',
  transport: 'udp',
  zones: ['.'],
  state: 'up',
  condition: 'answers',
  lastError: '',
  source: '/run/systemd/resolve/resolv.conf',
  replaces: '127.0.0.53:53',
  rttMs: 1.2,
  learned: [],
  since: '2026-11-23T10:00:00.000Z',
  queries: 12,
  failures: { timeout: 3 },
  quarantinedUntil: null,
};

export const EPISODE: LoopEpisodeStatus = {
  upstream: '127.0.0.1:5398',
  zone: '.',
  evidence: 'edns',
  state: 'open',
  count: 3,
  first: '2026-11-23T10:00:00.000Z',
  last: '2026-11-23T10:00:05.000Z',
  path: ['127.0.0.1:5300', '127.0.0.1:5398', '127.0.0.1:5300'],
  cure: 'Point 127.0.0.1:5398 at the real servers.',
};

export class SampleAdmin implements AdminSource {
  readonly build = { version: '1.2.3', node: '20.19.0', socket: 'batch' };
  readonly totals = new CounterTotals();
  readonly counters: Counters;
  startedAtMs = Date.now() - 3_725_000;
  readinessNow: Readiness = { ready: true, reason: '' };
  upstreamList: UpstreamStatus[] = [UPSTREAM];
  listenNow = ['127.0.0.1:5300'];
  episodes: LoopEpisodeStatus[] = [];
  refusedNow: RefusedClient | null = null;
  configNow: unknown = {};
  metricsNow: () => Promise<{ contentType: string; text: string }> = async () => ({
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    text: 'unloop_workers 2\n',
  });
  readonly flushes: FlushScope[] = [];
  readonly topLimits: number[] = [];
  topNow: TopLists = {
    since: '2026-11-23T10:00:00.000Z',
    names: [],
    clients: [],
    nxdomainClients: [],
    searchClients: [],
    searchDomains: [],
    failingNames: [],
  };
  readonly listed: EntriesScope[] = [];
  entriesNow: CacheEntries = { entries: [], more: false };
  flushNow: (scope: FlushScope) => Promise<number> = async () => 7;

  constructor() {
    const block = createCounterBlock();
    this.totals.add(block);
    this.counters = new Counters(block);
  }

  snapshot(): ServerSnapshot {
    return {
      build: this.build,
      totals: this.totals,
      startedAtMs: this.startedAtMs,
      readiness: this.readinessNow,
      upstreams: this.upstreamList,
      loops: this.episodes,
      refusedClient: this.refusedNow,
      config: this.configNow as Config,
      listen: this.listenNow,
      workers: 2,
      workersDealtByName: 2,
      workerQueries: [0, 0],
      workerRestarts: 0,
      reloads: { ok: 0, failed: 0, isLastOk: true, lastOkMs: this.startedAtMs },
      isOnFallback: false,
      routes: [],
      zones: [],
      keptCache: { restored: 0, refused: 0, saved: 0, failed: 0 },
      pods: null,
      rewrittenUpstreams: 1,
      failureReasons: [],
      evidenceNames: [],
      markNames: [],
    };
  }

  readonly explained: ExplainScope[] = [];
  /** Null: too many are being explained. */
  explanationNow: Explanation | null = null;
  async explain(scope: ExplainScope): Promise<Explanation | null> {
    this.explained.push(scope);
    return this.explanationNow;
  }

  metrics() {
    return this.metricsNow();
  }

  async top(limit: number) {
    this.topLimits.push(limit);
    return this.topNow;
  }

  keptNow: readonly KeptQuery[] = [];
  readonly keptLimits: [kind: string, limit: number][] = [];
  async slowQueries(limit: number) {
    this.keptLimits.push(['slow', limit]);
    return this.keptNow;
  }

  async failedQueries(limit: number) {
    this.keptLimits.push(['failed', limit]);
    return this.keptNow;
  }

  async listCache(scope: EntriesScope) {
    this.listed.push(scope);
    return this.entriesNow;
  }

  flushCache(scope: FlushScope) {
    this.flushes.push(scope);
    return this.flushNow(scope);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * One request on a connection of its own, with any header (fetch would refuse to send Host and
 * Origin).
 */
export function ask(
  server: { readonly address: string; readonly port: number },
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: server.address, port: server.port, method, path, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends bytes as they are and resolves to everything that came until the server closed. */
export function askRaw(
  server: { readonly address: string; readonly port: number },
  text: string,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: server.address, port: server.port }, () => socket.write(text));
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
    });
    socket.on('error', () => {}); // A reset ends it as well; 'close' follows.
    socket.on('close', () => resolve(received));
  });
}
