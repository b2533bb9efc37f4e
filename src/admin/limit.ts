// Reads the query of a path that takes `?limit=N` and nothing else.

/** The limit, or what is wrong with the query. */
export function readLimit(
  query: URLSearchParams,
  unlessGiven: number,
  most: number,
): number | { readonly error: string } {
  for (const key of query.keys())
    if (key !== 'limit') return { error: `unknown parameter ${JSON.stringify(key)}` };
  const [text, ...more] = query.getAll('limit');
  if (more.length > 0) return { error: 'limit is given twice' };
  const limit = text === undefined ? unlessGiven : Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  return { error: `limit is not a number from 1 to ${most}` };
}
