// A question's type from its name: "AAAA", or "TYPE65280" (RFC 3597 §5). Called by flags and
// file-queries.
import { Type } from '../wire/codes.ts';

/** The type's number, or null. */
export function parseQtype(text: string): number | null {
  const upper = text.toUpperCase();
  const known = (Type as Readonly<Record<string, number>>)[upper];
  if (known !== undefined && Object.hasOwn(Type, upper)) return known;
  const digits = /^TYPE(\d{1,5})$/.exec(upper)?.[1];
  return digits !== undefined && Number(digits) <= 0xffff ? Number(digits) : null;
}
