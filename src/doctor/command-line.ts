// A command line as the files of a node put it together: each word with the file and line it comes
// from, so that a cure can name the line. Made by systemd-unit, kubelet and k3s.

/** One word of a command line. */
export interface Word {
  readonly text: string;
  readonly file: string;
  /** From 1; 0 where the file has no lines (/proc/PID/cmdline). */
  readonly line: number;
}

/** A flag's value, and who gives it. */
export interface FlagValue {
  readonly value: string;
  /** FILE or FILE:LINE. */
  readonly setBy: string;
}

/**
 * Splits at white space outside quotes; a backslash at the end of a line continues it. Quotes are
 * taken off.
 */
export function splitCommand(text: string, file: string, firstLine: number): Word[] {
  const words: Word[] = [];
  let line = firstLine;
  const pattern = /\\\r?\n|\n|[^\S\n]+|(?:"(?:\\.|[^"\\])*"|'[^']*'|\\[^\n]|[^\s"'\\]|["'\\])+/g;
  for (const [token] of text.matchAll(pattern)) {
    if (token.trim() !== '' && !/^\\\r?\n$/.test(token)) words.push({ text: unquote(token), file, line });
    line += token.split('\n').length - 1;
  }
  return words;
}

function unquote(token: string): string {
  return token.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'/gs, (_all, double?: string, single?: string) =>
    double === undefined ? single! : double.replaceAll(/\\(["\\$`])/g, '$1'),
  );
}

/** "FILE:LINE", or the file alone. */
export function placeOf({ file, line }: Word): string {
  return line === 0 ? file : `${file}:${line}`;
}

/** The last value of a flag: "--name=value" or "--name value"; null when it is not there. */
export function findFlag(words: readonly Word[], name: string): FlagValue | null {
  let found: FlagValue | null = null;
  for (const [index, word] of words.entries()) {
    // kubelet takes an underscore for a hyphen, and one hyphen for two.
    const match = /^--?([\w-]+)(?:=(.*))?$/s.exec(word.text);
    if (match === null || match[1]!.replaceAll('_', '-') !== name) continue;
    const value = match[2] ?? words[index + 1]?.text ?? '';
    found = { value, setBy: placeOf(word) };
  }
  return found;
}
