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
 * Splits at white space outside quotes, and takes quotes and backslashes off (systemd.syntax(7)). A
 * backslash at the end of a line continues it.
 */
export function splitCommand(text: string, file: string, firstLine: number): Word[] {
  const words: Word[] = [];
  let word: string | null = null;
  let quote = '';
  let line = firstLine;
  let startLine = firstLine;
  const append = (piece: string) => {
    if (word === null) startLine = line;
    word = (word ?? '') + piece;
  };
  const end = () => {
    if (word !== null) words.push({ text: word, file, line: startLine });
    word = null;
  };
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (char === '\r') continue;
    if (char === '\\' && /^\r?\n/.test(text.slice(index + 1, index + 3))) {
      index = text.indexOf('\n', index);
      if (quote === '') end();
      else append(' ');
      line++;
    } else if (char === '\\' && quote !== "'" && index + 1 < text.length) {
      const next = text[++index]!;
      append(quote === '' || '"\\$`'.includes(next) ? next : char + next);
    } else if (quote === '' && /\s/.test(char)) {
      end();
      if (char === '\n') line++;
    } else if (char === quote || (quote === '' && (char === '"' || char === "'"))) {
      quote = quote === '' ? char : '';
      append('');
    } else {
      append(char);
      if (char === '\n') line++;
    }
  }
  end();
  return words;
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
