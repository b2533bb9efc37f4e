// Questions from a file in dnsperf's format: a name and a type on each line, '#' or ';' before a
// comment. Asked in the file's order, over and over. The file is read whole at the start, into one
// packed array.
import { UnloopError } from '../base/errors.ts';
import { copyBytes } from '../base/word-bytes.ts';
import { readTextFile } from '../config/read-text-file.ts';
import { textToName } from '../wire/text.ts';
import { FastRandom } from './fast-random.ts';
import { parseQtype } from './qtype.ts';
import type { QuerySource } from './query-source.ts';
import { type QueryShape, QueryWriter } from './query-writer.ts';

/** A file of ten million names; more would not fit in a string. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;
const REMEDY = 'A line holds a name and a type, such as "example.com A".';

/** The questions of a file. */
export class FileQueries implements QuerySource {
  readonly description: string;
  readonly together = 1;
  /** Questions in the file. */
  readonly count: number;
  readonly #names: Uint8Array;
  /** names[offsets[i] … offsets[i + 1]−1] is name i. */
  readonly #offsets: Uint32Array;
  readonly #qtypes: Uint16Array;
  readonly #writer: QueryWriter;
  #next = 0;

  /**
   * Takes the file's text. Throws UnloopError UNLOOP_USAGE with FILE:LINE where a line cannot be
   * asked.
   */
  constructor(path: string, text: string, shape: QueryShape, seed: number) {
    const names: Uint8Array[] = [];
    const qtypes: number[] = [];
    text.split('\n').forEach((line, i) => {
      const words = line.trim().split(/[ \t]+/);
      if (words[0] === '' || /^[#;]/.test(words[0]!)) return;
      const fail = (problem: string) =>
        new UnloopError('UNLOOP_USAGE', `${path}:${i + 1}: ${problem}`, REMEDY);
      if (words.length !== 2) throw fail('expected a name and a type');
      const qtype = parseQtype(words[1]!);
      if (qtype === null) throw fail(`"${words[1]}" is not a type`);
      names.push(readName(words[0]!, fail));
      qtypes.push(qtype);
    });
    if (names.length === 0) throw new UnloopError('UNLOOP_USAGE', `${path}: no questions in it`, REMEDY);
    this.count = names.length;
    this.#offsets = new Uint32Array(names.length + 1);
    names.forEach((name, i) => {
      this.#offsets[i + 1] = this.#offsets[i]! + name.length;
    });
    this.#names = new Uint8Array(this.#offsets[names.length]!);
    names.forEach((name, i) => {
      this.#names.set(name, this.#offsets[i]!);
    });
    this.#qtypes = Uint16Array.from(qtypes);
    this.#writer = new QueryWriter(shape, new FastRandom(seed));
    this.description = `${path} (${names.length} questions)`;
  }

  write(out: Uint8Array, offset: number): number {
    const i = this.#next;
    this.#next = i + 1 === this.count ? 0 : i + 1;
    const at = this.#writer.begin(out, offset);
    const from = this.#offsets[i]!;
    const nameLength = this.#offsets[i + 1]! - from;
    copyBytes(this.#names, from, out, at, nameLength);
    return this.#writer.finish(out, offset, at + nameLength, this.#qtypes[i]!);
  }
}

/** Reads a file of questions. */
export function readQueryFile(path: string, shape: QueryShape, seed: number): FileQueries {
  let text: string;
  try {
    text = readTextFile(path, MAX_FILE_BYTES);
  } catch (error) {
    const problem = `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`;
    throw new UnloopError('UNLOOP_USAGE', problem, 'Give --names a file that can be read.', { cause: error });
  }
  return new FileQueries(path, text, shape, seed);
}

function readName(text: string, fail: (problem: string) => UnloopError): Uint8Array {
  try {
    return textToName(text);
  } catch (error) {
    throw fail(error instanceof RangeError ? error.message : String(error));
  }
}
