// Finds the command that the arguments name and runs it. Called by main (the program) and by tests.
import { UnloopError } from '../base/errors.ts';
import { COMMANDS, type Command } from './commands.ts';
import { describeError, exitCodeOf } from './report-error.ts';

/** Runs `unloop ARGS…`; resolves to the exit code, and reports what fails on standard error. */
export async function dispatch(args: readonly string[]): Promise<number> {
  try {
    return await runCommand(args);
  } catch (error) {
    process.stderr.write(describeError(error));
    return exitCodeOf(error);
  }
}

async function runCommand(args: readonly string[]): Promise<number> {
  const [word, ...rest] = args;
  if (word === '--version' || word === '-V') {
    const { readVersion } = await import('../base/version.ts');
    process.stdout.write(`unloop ${readVersion()}\n`);
    return 0;
  }
  if (word === undefined || word === 'help' || word === '--help' || word === '-h') {
    const text = await findHelp(rest[0], rest[1]);
    // Without a command there is nothing to do, which a script should notice.
    (word === undefined ? process.stderr : process.stdout).write(text);
    return word === undefined ? 2 : 0;
  }
  const command = await findCommand(word);
  if (asksForHelp(rest)) {
    process.stdout.write(await findHelp(word));
    return 0;
  }
  const module = await command.load();
  return module.main(rest);
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

/**
 * `topic` is a command or "config"; `part` is a setting or a group of them: "cache", "loop.probe".
 */
async function findHelp(topic: string | undefined, part?: string): Promise<string> {
  const { commandHelp, generalHelp, settingsHelp } = await import('./help.ts');
  if (topic === undefined || topic === 'help') return generalHelp();
  if (topic === 'config') return settingsHelp(part);
  const command = await findCommand(topic);
  const { help } = command.ownHelp ? await command.load() : {};
  return help?.() ?? commandHelp(command);
}

async function findCommand(word: string): Promise<Command> {
  const command = COMMANDS.find(({ name }) => name === word);
  if (command !== undefined) return command;
  const { suggest } = await import('../config/suggest.ts');
  const near = suggest(word, [...COMMANDS.map(({ name }) => name), 'help']);
  const hint = near === null ? '' : `; did you mean "${near}"?`;
  throw new UnloopError(
    'UNLOOP_USAGE',
    `unknown command "${word}"${hint}`,
    '`unloop help` lists the commands.',
  );
}
