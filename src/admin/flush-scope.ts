// Reads the query of `POST /cache/flush?name=…&zone=…`. Strict: a mistyped parameter must not flush
// everything.
import type { FlushScope } from './admin-source.ts';

/** The scope, or what is wrong with the query. */
export function readFlushScope(query: URLSearchParams): FlushScope | { readonly error: string } {
  const scope: { name: string | null; zone: string | null } = { name: null, zone: null };
  for (const [key, value] of query) {
    if (key !== 'name' && key !== 'zone') return { error: `unknown parameter ${JSON.stringify(key)}` };
    if (scope[key] !== null) return { error: `${key} is given twice` };
    const name = normalizeName(value);
    if (name === null) return { error: `${key} is not a domain name: ${JSON.stringify(value)}` };
    scope[key] = name;
  }
  return scope;
}

/**
 * Lower case without the trailing dot; null when it is no domain name (RFC 1035 §2.3.4; escapes
 * count as written).
 */
export function normalizeName(text: string): string | null {
  if (text === '.') return '.';
  const name = text.toLowerCase().replace(/\.$/, '');
  if (name.length > 253 || !/^[\x21-\x7e]+$/.test(name)) return null;
  return name.split('.').every((label) => label.length >= 1 && label.length <= 63) ? name : null;
}
