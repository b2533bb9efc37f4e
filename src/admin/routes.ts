// The routes of the admin listener: what each answers. http.ts has judged the request before it
// comes here.
import type { ServerResponse } from 'node:http';
import { UnloopError } from '../base/errors.ts';
import type { Headers, Openness } from './access.ts';
import { type AdminSource, DRAINING } from './admin-source.ts';
import { readEntriesScope } from './entries-scope.ts';
import { type EventStreams, MAX_STREAMS } from './event-streams.ts';
import { readExplainScope } from './explain-scope.ts';
import { readFlushScope } from './flush-scope.ts';
import { readLimit } from './limit.ts';
import { maskConfig } from './mask-config.ts';
import type { RateHistory } from './rate-history.ts';
import type { RecentTop } from './recent-top.ts';
import { renderStatusPage } from './status-page.ts';
import { CONTENT_SECURITY_POLICY } from './status-page-assets.ts';
import { episodeJson, reportStatus, upstreamJson } from './status-report.ts';

/** An answer, before it is written. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Headers;
  /** Writes the body instead, over time; called after the head was written. */
  readonly stream?: (response: ServerResponse) => void;
}

/** What a route needs to answer. */
export interface RouteContext {
  readonly source: AdminSource;
  readonly history: RateHistory;
  readonly events: EventStreams;
  readonly top: RecentTop;
  readonly query: URLSearchParams;
  /** Now, on the clock of the history. */
  readonly nowMs: number;
}

export interface Route {
  /** GET includes HEAD. Nothing that GET does may change anything. */
  readonly method: 'GET' | 'POST';
  readonly openness: Openness;
  /** It may take so long, ms: longer than a connection may be idle. */
  readonly takesMs?: number;
  answer(context: RouteContext): Reply | Promise<Reply>;
}

/** An explained query ends by forward.deadline, which is 30 s at most. */
const EXPLAIN_MS = 35_000;

/** An answer in JSON. */
export function json(status: number, value: unknown, headers: Headers = {}): Reply {
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: `${JSON.stringify(value)}\n`,
    headers,
  };
}

/** By path, exactly. */
export const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/health', { method: 'GET', openness: 'probe', answer: () => json(200, { status: 'ok' }) }],
  ['/ready', { method: 'GET', openness: 'probe', answer: answerReady }],
  ['/serving', { method: 'GET', openness: 'probe', answer: answerServing }],
  ['/metrics', { method: 'GET', openness: 'metrics', answer: answerMetrics }],
  ['/status', { method: 'GET', openness: 'private', answer: answerStatus }],
  [
    '/upstreams',
    {
      method: 'GET',
      openness: 'private',
      answer: ({ source }) => json(200, { upstreams: source.snapshot().upstreams.map(upstreamJson) }),
    },
  ],
  [
    '/loops',
    {
      method: 'GET',
      openness: 'private',
      answer: ({ source }) => json(200, { episodes: source.snapshot().loops.map(episodeJson) }),
    },
  ],
  [
    '/config',
    {
      method: 'GET',
      openness: 'private',
      answer: ({ source }) => json(200, maskConfig(source.snapshot().config)),
    },
  ],
  ['/cache/entries', { method: 'GET', openness: 'private', answer: answerEntries }],
  ['/top', { method: 'GET', openness: 'private', answer: answerTop }],
  [
    '/queries/slow',
    {
      method: 'GET',
      openness: 'private',
      answer: (context) =>
        answerQueries(context, '/queries/slow', ({ source }, limit) => source.slowQueries(limit)),
    },
  ],
  [
    '/queries/failed',
    {
      method: 'GET',
      openness: 'private',
      answer: (context) =>
        answerQueries(context, '/queries/failed', ({ source }, limit) => source.failedQueries(limit)),
    },
  ],
  ['/explain', { method: 'POST', openness: 'private', takesMs: EXPLAIN_MS, answer: answerExplain }],
  ['/cache/flush', { method: 'POST', openness: 'private', answer: answerFlush }],
  ['/events', { method: 'GET', openness: 'private', answer: answerEvents }],
  ['/', { method: 'GET', openness: 'private', answer: answerPage }],
]);

function answerReady({ source }: RouteContext): Reply {
  const { ready, reason } = source.snapshot().readiness;
  return ready ? json(200, { ready }) : json(503, { ready, reason });
}

/** Readiness in Kubernetes: upstreams play no role, as their outage is that of all replicas. */
function answerServing({ source }: RouteContext): Reply {
  const serving = source.snapshot().readiness.reason !== DRAINING;
  return json(serving ? 200 : 503, { serving });
}

function answerStatus({ source, history, nowMs }: RouteContext): Reply {
  return json(200, reportStatus(source.snapshot(), history, nowMs, Date.now()));
}

async function answerMetrics({ source }: RouteContext): Promise<Reply> {
  const { contentType, text } = await source.metrics();
  return { status: 200, contentType, body: text };
}

async function answerFlush({ source, query }: RouteContext): Promise<Reply> {
  const scope = readFlushScope(query);
  if ('error' in scope) {
    return json(400, {
      error: scope.error,
      remedy: 'POST /cache/flush?name=NAME&zone=ZONE; leave both out for all.',
    });
  }
  return unlessUnusable(async () => json(200, { flushed: await source.flushCache(scope) }));
}

async function answerEntries({ source, query }: RouteContext): Promise<Reply> {
  const scope = readEntriesScope(query);
  if ('error' in scope) {
    return json(400, {
      error: scope.error,
      remedy: 'GET /cache/entries?name=NAME&type=TYPE&zone=ZONE&limit=N; each may be left out.',
    });
  }
  return unlessUnusable(async () => json(200, await source.listCache(scope)));
}

async function answerExplain({ source, query }: RouteContext): Promise<Reply> {
  const scope = readExplainScope(query);
  if ('error' in scope) {
    return json(400, {
      error: scope.error,
      remedy: 'POST /explain?name=NAME&type=TYPE&client=ADDRESS&dryRun=true; only the name is needed.',
    });
  }
  return unlessUnusable(async () => {
    const explanation = await source.explain(scope);
    if (explanation !== null) return json(200, explanation);
    return json(429, { error: 'too many queries are being explained', remedy: 'Ask again in a moment.' });
  });
}

async function answerTop({ source, query }: RouteContext): Promise<Reply> {
  const limit = readLimit(query, 10, 100);
  if (typeof limit === 'number') return json(200, await source.top(limit));
  return json(400, { error: limit.error, remedy: 'GET /top?limit=N; 10 unless given.' });
}

/** Queries that were kept. */
async function answerQueries(
  context: RouteContext,
  path: string,
  find: (context: RouteContext, limit: number) => Promise<readonly object[]>,
): Promise<Reply> {
  const limit = readLimit(context.query, 20, 64);
  if (typeof limit === 'number') return json(200, { queries: await find(context, limit) });
  return json(400, { error: limit.error, remedy: `GET ${path}?limit=N; 20 unless given.` });
}

/** A scope that the server cannot use is the asker's mistake. */
async function unlessUnusable(answer: () => Promise<Reply>): Promise<Reply> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof UnloopError) || error.code !== 'UNLOOP_USAGE') throw error;
    return json(400, { error: error.message, remedy: error.remedy });
  }
}

function answerEvents({ events, query }: RouteContext): Reply {
  const view = query.get('view') ?? 'status';
  if (view !== 'status' && view !== 'page')
    return json(400, { error: `there is no view ${view}`, remedy: 'GET /events, or /events?view=page.' });
  if (events.isFull) {
    const error = `${MAX_STREAMS} streams are open, which is as many as there may be`;
    return json(503, { error, remedy: 'Close one, or ask GET /status.' });
  }
  return {
    status: 200,
    contentType: 'text/event-stream; charset=utf-8',
    body: '',
    // Its connection ends with it: nothing is left to wait for at the stop.
    headers: { Connection: 'close' },
    stream: (response) => events.add(view, response),
  };
}

async function answerPage({ source, history, top, nowMs }: RouteContext): Promise<Reply> {
  const lists = await top.soon(nowMs);
  return {
    status: 200,
    contentType: 'text/html; charset=utf-8',
    body: renderStatusPage(source.snapshot(), history, lists, { nowMs, wallMs: Date.now() }),
    headers: { 'Content-Security-Policy': CONTENT_SECURITY_POLICY },
  };
}
