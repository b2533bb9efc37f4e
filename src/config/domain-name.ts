// A domain name as the configuration writes it. Used by zone-suffix and local-record, each with an
// example of its own.
import { InvalidValue, showValue } from './invalid-value.ts';

const MAX_NAME_LENGTH = 253;
const LABEL = /^[a-z0-9_](?:[a-z0-9_/-]{0,61}[a-z0-9_])?$/;

/**
 * "Corp.Example." → "corp.example". Throws InvalidValue, with `example` as the remedy. The root is
 * no such name.
 */
export function parseDomainName(text: string, example: string): string {
  const name = text.replace(/\.$/, '').toLowerCase();
  if (/[^\x20-\x7e]/.test(name)) {
    throw new InvalidValue(`${showValue(text)} is not ASCII; write the name in its xn-- form`);
  }
  if (name.length > MAX_NAME_LENGTH)
    throw new InvalidValue(`${showValue(text)} is longer than a domain name can be`);
  for (const label of name.split('.')) {
    if (!LABEL.test(label)) {
      const problem =
        label === ''
          ? 'has an empty label'
          : label.length > 63
            ? 'has a label longer than 63'
            : 'is not a domain name';
      throw new InvalidValue(`${showValue(text)} ${problem}; expected for example ${example}`);
    }
  }
  return name;
}
