// `unloop query`: asks the running unloop a question and says what each step did, or lists the slow
// and the failed ones. Imported by dispatch.

import type { Explanation, KeptQuery } from '../admin/admin-source.ts';
import { formatClient } from '../admin/readable.ts';
import { UnloopError } from '../base/errors.ts';
import { printable, printableJson } from '../base/printable.ts';
import { askAdmin } from './ask-admin.ts';
import { parseQueryFlags, type QueryFlags } from './flags.ts';
import { alignColumns } from './status-text.ts';

/** Longer than queries may take: forward.deadline. */
const TIMEOUT_MS = 60_000;
const USABLE = ['NOERROR', 'NXDOMAIN'];

/** Resolves to 0 where the client gets an answer, or would; to 1 where it does not. */
export async function main(args: string[]): Promise<number> {
  const flags = parseQueryFlags(args);
  if (flags.list !== null) return listKept(flags, flags.list);
  const [name, type] = flags.words;
  if (name === undefined) throw usage('the name is missing');
  if (flags.limit !== null) throw usage('--limit goes with --slow or --failed only');
  const query = new URLSearchParams({ name, ...(type === undefined ? {} : { type }) });
  if (flags.client !== null) query.set('client', flags.client);
  if (flags.dryRun) query.set('dryRun', 'true');
  const path = `/explain?${query}`;
  const asked = { command: 'query', method: 'POST', path, timeoutMs: TIMEOUT_MS } as const;
  const told = (await askAdmin(flags, asked)) as Explanation;
  process.stdout.write(flags.json ? `${printableJson(told)}\n` : renderExplanation(told));
  return isWell(told, flags.dryRun) ? 0 : 1;
}

async function listKept(flags: QueryFlags, kind: 'slow' | 'failed'): Promise<number> {
  if (flags.isTwofold) throw usage('--slow and --failed exclude each other: give one of them');
  if (flags.words.length > 0 || flags.dryRun || flags.client !== null)
    throw usage(`--${kind} takes no name, and no other flag than --limit and --json`);
  const query = flags.limit === null ? '' : `?${new URLSearchParams({ limit: flags.limit })}`;
  const told = (await askAdmin(flags, {
    command: 'query',
    method: 'GET',
    path: `/queries/${kind}${query}`,
  })) as {
    queries: readonly KeptQuery[];
  };
  process.stdout.write(flags.json ? `${printableJson(told)}\n` : renderKept(told.queries));
  return 0;
}

function usage(problem: string): UnloopError {
  return new UnloopError('UNLOOP_USAGE', problem, '`unloop help query` shows what it takes.');
}

function renderKept(queries: readonly KeptQuery[]): string {
  if (queries.length === 0) return 'none\n';
  const lines = queries.flatMap((query) => {
    const { at, client, pod, proto, name, type, rcode, durationMs, cache, upstream, ede, attempts } = query;
    const from = cache === 'none' ? (upstream ?? 'nobody') : `the cache (${cache})`;
    return [
      `${at} ${name} ${type}: ${rcode} in ${durationMs} ms, from ${from}`,
      `  client ${formatClient(client, pod)} over ${proto}`,
      ...ede.map(({ code, text }) => `  EDE ${code}${text === '' ? '' : `: ${text}`}`),
      ...alignColumns(attempts.map(attemptRow)).map((line) => `  ${line}`),
    ];
  });
  return `${lines.map(printable).join('\n')}\n`;
}

function attemptRow({ upstream, transport, startMs, durationMs, outcome }: KeptQuery['attempts'][number]) {
  return [`at ${startMs} ms`, upstream, transport, `${durationMs} ms`, outcome];
}

function isWell({ client, local, cache, upstreams, reply }: Explanation, dryRun: boolean): boolean {
  if (reply !== null) return USABLE.includes(reply.rcode);
  if (!dryRun || !client.allowed) return false;
  if (local) return true;
  return cache.state !== 'failure' && (cache.state !== 'none' || upstreams.some(({ taken }) => taken));
}

function renderExplanation(told: Explanation): string {
  const { name, type, client, zone, upstreams, attempts, loop, summary } = told;
  const lines = [
    `${name} ${type}: ${summary}`,
    '',
    `client     ${formatClient(client.address, client.pod)}, ${client.allowed ? 'allowed' : 'not allowed (limits.allow, limits.deny)'}`,
    `zone       ${zone}${zone === '.' ? ' (everything else)' : ''}`,
    `cache      ${describeCache(told)}`,
    `loop       ${loop === '' ? 'none seen' : loop}`,
    ...describeSent(told),
    ...section(
      'Upstreams',
      upstreams.map(({ upstream, condition, reason }) => [upstream, condition, reason]),
    ),
    ...section('Attempts', attempts.map(attemptRow)),
    ...describeReply(told),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function describeCache({ cache: { state, ttlSeconds, storedAt, upstream, below } }: Explanation): string {
  if (state === 'none') return 'nothing';
  const left = ttlSeconds > 0 ? `${ttlSeconds} s left` : `expired ${-ttlSeconds} s ago`;
  const what = below === undefined ? state : `below NXDOMAIN of ${below}`;
  return `${what}, ${left}, stored ${storedAt}${upstream === null ? '' : `, from ${upstream}`}`;
}

function describeSent({ sent }: Explanation): string[] {
  if (sent === null) return [];
  return [`sent       ${[sent.edns, ...sent.tags].join(', ')}`];
}

function describeReply({ reply }: Explanation): string[] {
  if (reply === null) return [];
  const { rcode, ede, bytes, truncated, durationMs, records } = reply;
  const head = `${rcode}, ${bytes} bytes, ${durationMs} ms${truncated ? ', TC: it comes whole over TCP' : ''}`;
  const reasons = ede.map(({ code, text }) => `  EDE ${code}${text === '' ? '' : `: ${text}`}`);
  return ['', 'Answer', `  ${head}`, ...reasons, ...records.map((record) => `  ${record}`)];
}

function section(title: string, rows: readonly string[][]): string[] {
  return rows.length === 0 ? [] : ['', title, ...alignColumns(rows).map((line) => `  ${line}`)];
}
