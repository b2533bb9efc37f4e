// `unloop help [COMMAND]` and --help: text made from the table of commands and the table of
// settings. Called by dispatch.
import { UnloopError } from '../base/errors.ts';
import { SETTINGS } from '../config/schema.ts';
import type { Setting } from '../config/setting.ts';
import { suggest } from '../config/suggest.ts';
import { COMMANDS, type Command } from './commands.ts';

const FLAG_COLUMN = 26;
const LINE_WIDTH = 100;

/** The help text of each flag of run. */
const FLAG_VALUES: Readonly<Record<string, string>> = {
  listen: 'ADDR:PORT',
  upstream: 'UPSTREAM',
  zone: 'SUFFIX=UPSTREAM[,UPSTREAM]',
  admin: 'ADDR:PORT|off',
  workers: 'N|auto',
  'log-level': 'LEVEL',
};
const REPEATABLE = new Set(['listen', 'upstream', 'zone']);

/** Every command. */
export function generalHelp(): string {
  return lines([
    'unloop: a DNS forwarder that cannot be looped',
    '',
    'Usage: unloop COMMAND [ARGUMENTS]',
    '',
    'Commands:',
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`),
    '  help      explains a command; `unloop help config [PART]` lists the settings',
    '',
    "  -h, --help              this text, or a command's after its name",
    '  -V, --version           the version',
    '',
    'Try: unloop run --listen 127.0.0.1:5300, then: dig @127.0.0.1 -p 5300 example.com',
  ]);
}

/** One command. */
export function commandHelp(command: Command): string {
  const text = [
    `Usage: unloop ${command.name} ${command.usage}`,
    '',
    `${capitalize(command.summary)}.`,
    ...command.details,
  ];
  if (command.takesRunFlags) text.push('', ...runFlagsHelp());
  return lines(text);
}

function runFlagsHelp(): string[] {
  const flags = SETTINGS.filter((setting) => setting.flag !== undefined);
  return [
    'Flags, each before the file:',
    ...flagLines('--config FILE', 'The configuration file; without it UNLOOP_CONFIG, else the defaults.'),
    ...flags.flatMap(describeFlag),
    '',
    'An UPSTREAM is auto, [udp://]ADDR[:PORT], tcp://ADDR[:PORT], tls://ADDR[:PORT][#server-name] or',
    'https://HOST/PATH; an IPv6 address is written in brackets if a port follows.',
    '',
    'Environment: UNLOOP_CONFIG (the file), UNLOOP_CLUSTER_KEY (loop.clusterKey), UNLOOP_TAKE_OVER (takeOver),',
    'UNLOOP_NATIVE=0 (plain Node sockets), UNLOOP_FALLBACK_CONFIG (YAML for a start with a faulty file),',
    'UNLOOP_LAST_GOOD (where the last good file is kept).',
    '`unloop help config` lists every setting of the file.',
  ];
}

function describeFlag(setting: Setting): string[] {
  const flag = setting.flag!;
  const repeat = REPEATABLE.has(flag) ? ' Repeat it for several.' : '';
  const normally = setting.default === undefined ? '' : ` Default: ${showDefault(setting)}.`;
  return flagLines(
    `--${flag} ${FLAG_VALUES[flag] ?? 'VALUE'}`,
    `${plain(setting.description)}${repeat}${normally}`,
  );
}

function flagLines(flag: string, description: string): string[] {
  const [first, ...rest] = wrap(description, LINE_WIDTH - FLAG_COLUMN);
  const indent = ' '.repeat(FLAG_COLUMN);
  const head = `  ${flag}`;
  // A long flag gets a line of its own.
  if (head.length >= FLAG_COLUMN) return [head, ...[first, ...rest].map((line) => indent + line)];
  return [head.padEnd(FLAG_COLUMN) + first, ...rest.map((line) => indent + line)];
}

/**
 * The settings of the file: all of them, or those of one part ("cache", "loop.probe").
 *
 * @throws UnloopError UNLOOP_USAGE when there is no such part
 */
export function settingsHelp(part = ''): string {
  const isIn = ({ path }: Setting) => path === part || path.startsWith(`${part}.`);
  const settings = part === '' ? SETTINGS : SETTINGS.filter(isIn);
  if (settings.length === 0) throw unknownPart(part);
  const text = ['Settings of the configuration file (YAML). docs/configuration.md tells more.', ''];
  for (const setting of settings) {
    const what =
      setting.default === undefined
        ? setting.type.expected
        : `${setting.type.expected}; default ${showDefault(setting)}`;
    const path = setting.path.replace('*', 'SUFFIX');
    text.push(path, ...wrap(what, LINE_WIDTH - 4).map((line) => `    (${line})`));
    text.push(...wrap(plain(setting.description), LINE_WIDTH - 4).map((line) => `    ${line}`), '');
  }
  return lines(text);
}

function unknownPart(part: string): UnloopError {
  const parts = new Set(SETTINGS.map(({ path }) => path.split('.')[0]!));
  const near = suggest(part, [...parts, ...SETTINGS.map(({ path }) => path)]);
  const hint = near === null ? '' : `; did you mean "${near}"?`;
  return new UnloopError(
    'UNLOOP_USAGE',
    `no setting is called "${part}"${hint}`,
    `Its parts are ${[...parts].join(', ')}.`,
  );
}

function showDefault(setting: Setting): string {
  const value = setting.default;
  if (Array.isArray(value)) return value.length === 0 ? '[]' : value.join(' ');
  return value === '' ? '""' : String(value);
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll('`', '');
}

function capitalize(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

function wrap(text: string, width: number): string[] {
  const wrapped: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      wrapped.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...wrapped, line];
}

function lines(text: readonly string[]): string {
  return `${text.join('\n')}\n`;
}
