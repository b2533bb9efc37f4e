// `unloop cache`: shows and forgets what the running unloop has cached. Imported by dispatch.
import type { CacheEntries } from '../admin/admin-source.ts';
import { formatCount, formatDuration } from '../admin/readable.ts';
import { UnloopError } from '../base/errors.ts';
import { printable, printableJson } from '../base/printable.ts';
import { suggest } from '../config/suggest.ts';
import { askAdmin } from './ask-admin.ts';
import { type CacheFlags, parseCacheFlags } from './flags.ts';
import { alignColumns } from './status-text.ts';

const ACTIONS: Readonly<Record<string, (flags: CacheFlags) => Promise<number>>> = { get, list, flush };

/** Resolves to 0; of get, to 1 when there is no entry. */
export async function main(args: string[]): Promise<number> {
  const flags = parseCacheFlags(args);
  const [word] = flags.words;
  if (word === undefined) throw usage('what to do is missing');
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
  if (action !== undefined) return action(flags);
  const near = suggest(word, Object.keys(ACTIONS));
  throw usage(`"${word}" is not expected here${near === null ? '' : `; did you mean "${near}"?`}`);
}

async function get(flags: CacheFlags): Promise<number> {
  const [, name, type] = flags.words;
  if (name === undefined) throw usage('get needs a name');
  if (flags.name !== null) throw usage('get takes the name without --name');
  const found = await askEntries(flags, name, type ?? null);
  if (flags.json) process.stdout.write(`${printableJson(found)}\n`);
  else if (found.entries.length === 0) process.stdout.write(`nothing is cached for ${name}\n`);
  else process.stdout.write(`${found.entries.map(describeEntry).join('\n\n')}\n`);
  return found.entries.length === 0 ? 1 : 0;
}

async function list(flags: CacheFlags): Promise<number> {
  refuseWords(flags);
  const { entries, more } = await askEntries(flags, flags.name, null);
  if (flags.json) {
    process.stdout.write(`${printableJson({ entries, more })}\n`);
    return 0;
  }
  const rows = entries.map((entry) => [
    entry.name,
    entry.type,
    entry.rcode,
    describeTtl(entry),
    formatCount(entry.hits),
    entry.zone,
  ]);
  const table = alignColumns([['NAME', 'TYPE', 'RCODE', 'TTL', 'HITS', 'ZONE'], ...rows]);
  if (more) table.push(`There are more: --limit N shows more than ${entries.length}, up to 10000.`);
  process.stdout.write(`${table.map(printable).join('\n')}\n`);
  return 0;
}

async function flush(flags: CacheFlags): Promise<number> {
  refuseWords(flags);
  if (flags.limit !== null) throw usage('flush takes no --limit');
  const query = queryOf({ name: flags.name, zone: flags.zone });
  const { flushed } = (await askAdmin(flags, {
    command: 'cache',
    method: 'POST',
    path: `/cache/flush${query}`,
  })) as { flushed: number };
  const removed = flushed === 1 ? '1 entry' : `${formatCount(flushed)} entries`;
  process.stdout.write(flags.json ? `${printableJson({ flushed })}\n` : `removed ${removed}\n`);
  return 0;
}

async function askEntries(
  flags: CacheFlags,
  name: string | null,
  type: string | null,
): Promise<CacheEntries> {
  const query = queryOf({ name, type, zone: flags.zone, limit: flags.limit });
  return (await askAdmin(flags, {
    command: 'cache',
    method: 'GET',
    path: `/cache/entries${query}`,
  })) as CacheEntries;
}

/** "?name=…", or '' when nothing is given. */
function queryOf(parameters: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== null) as [string, string][];
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

function describeEntry(entry: CacheEntries['entries'][number]): string {
  const { name, type, zone, kind, rcode, storedAt, hits, message } = entry;
  const head = [
    `${name} ${type}: ${kind}, ${rcode}, ${describeTtl(entry)}`,
    `  zone ${zone}, stored ${storedAt}, ${formatCount(hits)} hits`,
  ];
  const body = message === '' ? [] : message.split('\n').map((line) => `  ${line}`);
  return [...head, ...body].map(printable).join('\n');
}

function describeTtl({ ttlSeconds }: CacheEntries['entries'][number]): string {
  const text = formatDuration(Math.abs(ttlSeconds) * 1000);
  return ttlSeconds > 0 ? text : `stale for ${text}`;
}

function refuseWords({ words }: CacheFlags): void {
  if (words.length > 1) throw usage(`"${words[1]}" is not expected here; a name goes after --name`);
}

function usage(problem: string): UnloopError {
  return new UnloopError('UNLOOP_USAGE', problem, '`unloop help cache` shows what it takes.');
}
