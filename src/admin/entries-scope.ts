// Reads the query of `GET /cache/entries?name=…&type=…&zone=…&limit=…`.
import type { EntriesScope } from './admin-source.ts';
import { normalizeName } from './flush-scope.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
const KEYS = ['name', 'type', 'zone', 'limit'];

/** The scope, or what is wrong with the query. */
export function readEntriesScope(query: URLSearchParams): EntriesScope | { readonly error: string } {
  const given = new Map<string, string>();
  for (const [key, value] of query) {
    if (!KEYS.includes(key)) return { error: `unknown parameter ${JSON.stringify(key)}` };
    if (given.has(key)) return { error: `${key} is given twice` };
    given.set(key, value);
  }
  const names: { name: string | null; zone: string | null } = { name: null, zone: null };
  for (const key of ['name', 'zone'] as const) {
    const text = given.get(key);
    if (text === undefined) continue;
    names[key] = normalizeName(text);
    if (names[key] === null) return { error: `${key} is not a domain name: ${JSON.stringify(text)}` };
  }
  const limit = Number(given.get('limit') ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    return { error: `limit is not a number from 1 to ${MAX_LIMIT}` };
  return { ...names, type: given.get('type') ?? null, limit };
}
