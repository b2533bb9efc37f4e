// Zone suffixes: the keys under `zones`. Called by read-yaml (file) and read-overrides (--zone).
import { InvalidValue, showValue } from './invalid-value.ts';

const MAX_SUFFIX_LENGTH = 253;
const LABEL = /^[a-z0-9_](?:[a-z0-9_/-]{0,61}[a-z0-9_])?$/;

/** "Corp.Example." → "corp.example". Throws InvalidValue. */
export function parseZoneSuffix(text: string): string {
  if (text === '.')
    throw new InvalidValue('"." is every name; its servers stand under the top-level "upstreams"');
  const suffix = text.replace(/\.$/, '').toLowerCase();
  if (suffix.startsWith('*.') || suffix.startsWith('.')) {
    throw new InvalidValue(
      `${showValue(text)} is not a zone suffix; a zone holds the name and all below it: write ${suffix.replace(/^\*?\./, '')}`,
    );
  }
  if (/[^\x20-\x7e]/.test(suffix)) {
    throw new InvalidValue(`${showValue(text)} is not ASCII; write the name in its xn-- form`);
  }
  if (suffix.length > MAX_SUFFIX_LENGTH)
    throw new InvalidValue(`${showValue(text)} is longer than a domain name can be`);
  for (const label of suffix.split('.')) {
    if (!LABEL.test(label)) {
      const problem =
        label === ''
          ? 'has an empty label'
          : label.length > 63
            ? 'has a label longer than 63'
            : 'is not a domain name';
      throw new InvalidValue(`${showValue(text)} ${problem}; expected for example cluster.local`);
    }
  }
  return suffix;
}
