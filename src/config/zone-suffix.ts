// Zone suffixes: the keys under `zones`. Called by read-yaml (file) and read-overrides (--zone).
import { parseDomainName } from './domain-name.ts';
import { InvalidValue, showValue } from './invalid-value.ts';

/** "Corp.Example." → "corp.example". Throws InvalidValue. */
export function parseZoneSuffix(text: string): string {
  if (text === '.')
    throw new InvalidValue('"." is every name; its servers stand under the top-level "upstreams"');
  const below = /^(\*\.|\.)(.*)$/.exec(text);
  if (below !== null) {
    const suffix = below[2]!.replace(/\.$/, '').toLowerCase();
    throw new InvalidValue(
      `${showValue(text)} is not a zone suffix; a zone holds the name and all below it: write ${suffix}`,
    );
  }
  return parseDomainName(text, 'cluster.local');
}
