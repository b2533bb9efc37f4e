// Used by both bundlers: bundle.mjs and executable/bundle.mjs.
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * V8 keeps a source at two bytes a character when a single one is beyond Latin-1: these are written
 * as escapes.
 */
export function escapeBeyondLatin1(path) {
  const source = readFileSync(path, 'utf8');
  const escaped = source.replace(
    /[^\0-\xff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (escaped !== source) writeFileSync(path, escaped);
}
