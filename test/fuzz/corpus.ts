// The seed inputs of a target: a text file of hex, one input per line, what it is before it. Few
// and small: they are read by people. An input that broke something is added there, and is run
// again by every test from then on.
//
//   corpus/query.hex     # two labels, OPT with a cookie
//                        1234 0100 0001 0000 0000 0001 …
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Reads corpus/<name>.hex below `folder`. Throws when a line is no hex. */
export function readCorpus(folder: string, name: string): Uint8Array[] {
  const path = join(folder, `${name}.hex`);
  const inputs: Uint8Array[] = [];
  for (const [i, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    const hex = line.replace(/#.*/, '').replaceAll(' ', '');
    if (hex === '') continue;
    if (!/^([0-9a-f]{2})+$/i.test(hex)) throw new Error(`${path}:${i + 1}: not hex`);
    // Not a Buffer: slice() is to copy.
    inputs.push(Uint8Array.from(Buffer.from(hex, 'hex')));
  }
  return inputs;
}
