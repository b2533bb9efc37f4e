// The commands and their flags, read from the help texts: what the manual page and the completions
// of shells are made of. So they say what `unloop help` says.
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandHelp } from '../../src/cli/help.ts';

export interface Flag {
  readonly name: string;
  /** "ADDR:PORT"; null: a switch. */
  readonly value: string | null;
  readonly text: string;
}

/** A piece of a help text: a paragraph, or a flag. */
type Piece = string | Flag;

export interface DocumentedCommand {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** What follows the usage line, in the help's order. */
  readonly pieces: readonly Piece[];
  readonly flags: readonly Flag[];
}

const FLAG = /^ {2}--([\w-]+)(?: ([^ ]+))?(?: {2,}(.*))?$/;

/** Every command, in the order of the help. */
export async function documentedCommands(): Promise<DocumentedCommand[]> {
  return Promise.all(
    COMMANDS.map(async (command) => {
      const { name, usage, summary } = command;
      const text = command.ownHelp ? (await command.load()).help!() : commandHelp(command);
      const pieces = readHelp(text.split('\n').slice(1));
      return { name, usage, summary, pieces, flags: pieces.filter((piece) => typeof piece !== 'string') };
    }),
  );
}

/** Lines of one paragraph are joined, and the lines of a flag's text with the flag. */
export function readHelp(lines: readonly string[]): Piece[] {
  const pieces: Piece[] = [];
  let isOpen = false;
  for (const line of lines) {
    const [, name, value = null, text = ''] = FLAG.exec(line) ?? [];
    const last = pieces.at(-1);
    if (name !== undefined) pieces.push({ name, value, text });
    else if (line.trim() === '') isOpen = false;
    else if (typeof last === 'object' && /^ {10,}/.test(line))
      pieces[pieces.length - 1] = { ...last, text: `${last.text} ${line.trim()}`.trim() };
    else if (isOpen && typeof last === 'string') pieces[pieces.length - 1] = `${last} ${line.trim()}`;
    else pieces.push(line.trim());
    if (line.trim() !== '') isOpen = name === undefined;
  }
  return pieces;
}
