// Reads the query of `POST /explain?name=…&type=…&client=…&dryRun=…`.
import type { ExplainScope } from './admin-source.ts';
import { normalizeName } from './flush-scope.ts';

const KEYS = ['name', 'type', 'client', 'dryRun'];
const MAX_TYPE_LENGTH = 10;

/** Which query to explain, or what is wrong with the request. */
export function readExplainScope(query: URLSearchParams): ExplainScope | { readonly error: string } {
  const given = new Map<string, string>();
  for (const [key, value] of query) {
    if (!KEYS.includes(key)) return { error: `unknown parameter ${JSON.stringify(key)}` };
    if (given.has(key)) return { error: `${key} is given twice` };
    given.set(key, value);
  }
  const text = given.get('name');
  if (text === undefined) return { error: 'name is missing' };
  const name = normalizeName(text);
  if (name === null) return { error: `name is not a domain name: ${JSON.stringify(text)}` };
  const type = given.get('type') ?? 'A';
  if (type.length > MAX_TYPE_LENGTH) return { error: 'type is too long' };
  const dryRun = given.get('dryRun') ?? 'false';
  if (dryRun !== 'true' && dryRun !== 'false') return { error: 'dryRun is neither true nor false' };
  return { name, type, client: given.get('client') ?? '127.0.0.1', dryRun: dryRun === 'true' };
}
