// The command line of `unloop bench`: from arguments to what main does. The table below is also the
// help.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UnloopError } from '../base/errors.ts';
import { suggest } from '../config/suggest.ts';
import { parseDuration } from '../config/units.ts';
import type { GeneratedOptions } from './generated-queries.ts';
import { parseQtype } from './qtype.ts';
import type { Proto } from './target.ts';

/** What the command line says. */
export interface BenchFlags extends Omit<GeneratedOptions, 'seed'> {
  readonly target: string | null;
  readonly proto: Proto | null;
  readonly allowPublic: boolean;
  readonly insecure: boolean;
  readonly caPath: string | null;
  readonly scenario: 'loop-storm' | null;
  readonly loopQps: number;
  readonly reflector: string | null;
  readonly responder: string | null;
  readonly clients: number | null;
  readonly concurrency: number;
  readonly qps: number;
  readonly findMax: boolean;
  /** Null: 10 s, or no limit when --queries is given. */
  readonly durationMs: number | null;
  readonly queries: number | null;
  readonly warmupMs: number;
  readonly timeoutMs: number;
  readonly namesPath: string | null;
  readonly profile: 'cluster' | null;
  readonly seed: number | null;
  readonly pids: readonly number[];
  readonly label: string | null;
  readonly json: boolean;
  readonly htmlPath: string | null;
  readonly comparePaths: readonly string[];
  readonly limits: LimitFlags;
}

/** Stated limits; null: none. */
export interface LimitFlags {
  readonly maxP50Ms: number | null;
  readonly maxP99Ms: number | null;
  readonly maxP999Ms: number | null;
  readonly maxLossPercent: number | null;
  readonly minQps: number | null;
}

interface Flag {
  readonly name: string;
  /** Null: a switch. */
  readonly value: string | null;
  readonly text: string;
  readonly repeat?: true;
}

/** Every flag, in the help's order; a null name is a heading. */
const FLAGS: readonly (Flag | string)[] = [
  'What to load',
  {
    name: 'target',
    value: 'ADDR[:PORT]',
    text: 'the server, as tls://ADDR#server-name or tcp://ADDR too (default 127.0.0.1:5300)',
  },
  { name: 'proto', value: 'udp|tcp|tls', text: 'how to ask (default udp)' },
  { name: 'ca', value: 'FILE', text: 'TLS: certificates to trust, PEM' },
  { name: 'insecure', value: null, text: 'TLS: do not verify the certificate' },
  { name: 'allow-public', value: null, text: 'load a public address; it must be yours' },
  {
    name: 'scenario',
    value: 'loop-storm',
    text: 'put unloop (or --target) before a reflector that sends every query back',
  },
  { name: 'loop-qps', value: 'N', text: 'loop-storm: queries a second into the loop (default 100)' },
  {
    name: 'reflector',
    value: 'ADDR:PORT',
    text: "loop-storm with --target: the reflector's address, which the target forwards to",
  },
  {
    name: 'responder',
    value: 'ADDR:PORT',
    text: 'loop-storm with --target: the address of the sound upstream for --suffix',
  },
  'How much',
  { name: 'concurrency', value: 'N', text: 'closed loop: queries in flight at most (default 100)' },
  { name: 'qps', value: 'N', text: 'open loop: queries a second, latency from the intended send time' },
  { name: 'find-max', value: null, text: 'find the highest rate with less than 0.1 % loss' },
  { name: 'clients', value: 'N', text: 'sockets or connections (default 4; more spread over more workers)' },
  {
    name: 'duration',
    value: 'TIME',
    text: 'send for so long, for example 30s (default 10s; 2s for each step of --find-max)',
  },
  { name: 'queries', value: 'N', text: 'send this many' },
  { name: 'warmup', value: 'TIME', text: 'load for this long before measuring (default 0s)' },
  {
    name: 'timeout',
    value: 'TIME',
    text: 'a query without an answer is lost after this (default 5s, 1s with --find-max)',
  },
  'What to ask',
  { name: 'names', value: 'FILE', text: "questions from a file in dnsperf's format" },
  {
    name: 'profile',
    value: 'cluster',
    text: 'what pods ask with ndots 5 and three search domains, A and AAAA at once',
  },
  { name: 'hot', value: 'N', text: 'names of the hot set (default 1000)' },
  { name: 'zipf', value: 'S', text: 'exponent of their popularity, 0 is even (default 1)' },
  { name: 'unique', value: 'SHARE', text: 'share of names never asked before, for example 10% (default 0%)' },
  { name: 'nxdomain', value: 'SHARE', text: 'share of names that do not exist (default 0%)' },
  { name: 'suffix', value: 'NAME', text: 'what the names end in (default bench.example)' },
  {
    name: 'nxdomain-suffix',
    value: 'NAME',
    // Not below `invalid`: servers answer that themselves (RFC 6761 §6.4).
    text: 'what those that do not exist end in (default bench.missing)',
  },
  { name: 'type', value: 'TYPE[,TYPE]', text: 'types, asked in turn (default A)' },
  { name: 'random-case', value: null, text: 'letters in upper or lower case at random' },
  { name: 'edns', value: 'SHARE', text: 'share of queries with OPT (default 0%)' },
  { name: 'dnssec', value: 'SHARE', text: 'share of queries with OPT and DO (default 0%)' },
  { name: 'seed', value: 'N', text: 'repeats the same questions (default: random)' },
  'What to report',
  {
    name: 'pid',
    value: 'PID',
    text: "the server's process: its CPU time per query and memory",
    repeat: true,
  },
  { name: 'label', value: 'TEXT', text: 'the name of this run in reports' },
  { name: 'json', value: null, text: 'print the report as JSON' },
  { name: 'html', value: 'FILE', text: 'write a page with charts, readable without a network' },
  { name: 'compare', value: 'FILE', text: 'show this earlier --json report on the page too', repeat: true },
  'Limits: exit code 1 when one is broken',
  { name: 'max-p50', value: 'TIME', text: 'for example 500us' },
  { name: 'max-p99', value: 'TIME', text: 'for example 5ms' },
  { name: 'max-p999', value: 'TIME', text: 'of 99.9 % of the answers' },
  { name: 'max-loss', value: 'PERCENT', text: 'lost queries, for example 0 or 0.1%' },
  { name: 'min-qps', value: 'N', text: 'answers a second' },
  { name: 'help', value: null, text: 'this text' },
];

const COLUMN = 27;
const TABLE = FLAGS.filter((flag): flag is Flag => typeof flag !== 'string');

/** `unloop help bench`, `unloop bench --help`. */
export function benchHelp(): string {
  const lines = [
    'Usage: unloop bench [FLAGS]',
    '',
    'Loads a DNS server and measures its answers. Ends with 0, 1 when nothing answers or a limit is',
    'broken, 2 on bad usage.',
  ];
  for (const flag of FLAGS) {
    if (typeof flag === 'string') lines.push('', `${flag}:`);
    else {
      const head = `  --${flag.name}${flag.value === null ? '' : ` ${flag.value}`}`;
      lines.push(
        head.length < COLUMN - 1
          ? head.padEnd(COLUMN) + flag.text
          : `${head}\n${' '.repeat(COLUMN)}${flag.text}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Reads the arguments. Throws UnloopError UNLOOP_USAGE. */
export function parseBenchFlags(args: readonly string[]): BenchFlags {
  const given = readTokens(args);
  const read = <T>(name: string, parse: (text: string) => T): T | null => {
    const text = given.get(name)?.at(-1);
    return text === undefined ? null : parsed(name, text, parse);
  };
  const has = (name: string) => given.has(name);
  const text = (value: string) => value;
  const findMax = has('find-max');
  const flags: BenchFlags = {
    target: read('target', text),
    proto: read('proto', oneOf(['udp', 'tcp', 'tls'])),
    allowPublic: has('allow-public'),
    insecure: has('insecure'),
    caPath: read('ca', text),
    scenario: read('scenario', oneOf(['loop-storm'])),
    loopQps: read('loop-qps', wholeNumber(1, 100_000)) ?? 100,
    reflector: read('reflector', text),
    responder: read('responder', text),
    clients: read('clients', wholeNumber(1, 10_000)),
    concurrency: read('concurrency', wholeNumber(1, 1_000_000)) ?? 100,
    qps: read('qps', wholeNumber(1, 10_000_000)) ?? 0,
    findMax,
    durationMs: read('duration', time),
    queries: read('queries', wholeNumber(1, Number.MAX_SAFE_INTEGER)),
    warmupMs: read('warmup', time) ?? 0,
    timeoutMs: read('timeout', timeout) ?? (findMax ? 1000 : 5000),
    namesPath: read('names', text),
    profile: read('profile', oneOf(['cluster'])),
    hotNames: read('hot', wholeNumber(1, 10_000_000)) ?? 1000,
    zipfExponent: read('zipf', decimal(0, 10)) ?? 1,
    uniqueShare: read('unique', share) ?? 0,
    nxdomainShare: read('nxdomain', share) ?? 0,
    suffix: read('suffix', text) ?? 'bench.example',
    nxdomainSuffix: read('nxdomain-suffix', text) ?? 'bench.missing',
    qtypes: read('type', types) ?? [1],
    randomCase: has('random-case'),
    ednsShare: read('edns', share) ?? 0,
    dnssecShare: read('dnssec', share) ?? 0,
    seed: read('seed', wholeNumber(0, 0xffff_ffff)),
    pids: (given.get('pid') ?? []).map((pid) => parsed('pid', pid, wholeNumber(1, 2 ** 31))),
    label: read('label', text),
    json: has('json'),
    htmlPath: read('html', text),
    comparePaths: given.get('compare') ?? [],
    limits: {
      maxP50Ms: read('max-p50', time),
      maxP99Ms: read('max-p99', time),
      maxP999Ms: read('max-p999', time),
      maxLossPercent: read('max-loss', percent),
      minQps: read('min-qps', decimal(0, 1e9)),
    },
  };
  checkTogether(flags, has);
  return flags;
}

function checkTogether(flags: BenchFlags, has: (name: string) => boolean): void {
  const clash = (a: string, b: string) => {
    if (has(a) && has(b)) throw usage(`--${a} and --${b} contradict each other`);
  };
  clash('concurrency', 'qps');
  clash('concurrency', 'find-max');
  clash('queries', 'find-max');
  clash('scenario', 'find-max');
  clash('scenario', 'names');
  clash('scenario', 'concurrency');
  clash('scenario', 'profile');
  for (const fixed of ['names', 'unique', 'type']) clash('profile', fixed);
  for (const made of ['hot', 'zipf', 'unique', 'nxdomain', 'type']) clash('names', made);
  if (flags.comparePaths.length > 0 && flags.htmlPath === null) throw usage('--compare needs --html');
  if (flags.scenario !== null && flags.target === null && flags.proto === 'tls')
    throw usage('--scenario loop-storm without --target asks by udp or tcp, not by tls');
  const withTarget = flags.scenario !== null && flags.target !== null;
  if ((flags.reflector !== null || flags.responder !== null) !== withTarget)
    throw usage('--scenario loop-storm with --target needs --reflector and --responder, and they need it');
  if (withTarget && (flags.reflector === null || flags.responder === null))
    throw usage('--scenario loop-storm with --target needs both --reflector and --responder');
}

/** Every flag with its values; parseArgs' tokens tell what is not known. */
function readTokens(args: readonly string[]): Map<string, string[]> {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } };
  for (const { name, value } of TABLE)
    if (name !== 'help') options[name] = { type: value === null ? 'boolean' : 'string', multiple: true };
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw usage(`"${token.value}" is not expected here`);
    const flag = TABLE.find(({ name }) => name === token.name);
    if (flag === undefined) {
      const near = suggest(
        token.name,
        TABLE.map(({ name }) => name),
      );
      throw usage(`unknown flag ${token.rawName}${near === null ? '' : `; did you mean --${near}?`}`);
    }
    const { value } = token;
    if (flag.value === null) {
      if (value !== undefined) throw usage(`--${flag.name} takes no value`);
      given.set(flag.name, []);
      continue;
    }
    if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('--')))
      throw usage(`--${flag.name} needs a value`);
    given.set(flag.name, [...(given.get(flag.name) ?? []), value]);
  }
  return given;
}

/** A value that cannot be read throws its expectation; here it gets the flag's name. */
function parsed<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    throw usage(`--${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function oneOf<const T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((known) => known === text);
    if (value === undefined) throw new Error(`"${text}" is not one of ${values.join(', ')}`);
    return value;
  };
}

function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`"${text}" is not a number from ${min} to ${max}`);
    return value;
  };
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = decimal(min, max)(text);
    if (!Number.isInteger(value)) throw new Error(`"${text}" is not a whole number`);
    return value;
  };
}

/** "10%" or "0.5%" → 10, 0.5; "0" needs no unit. */
function percent(text: string): number {
  if (!text.endsWith('%') && text !== '0') throw new Error(`"${text}" is not a percentage; write ${text}%`);
  return decimal(0, 100)(text.replace('%', ''));
}

function share(text: string): number {
  return percent(text) / 100;
}

/** The configuration's durations, and microseconds. */
function time(text: string): number {
  const micros = /^(\d+)us$/.exec(text)?.[1];
  return micros === undefined ? parseDuration(text) : Number(micros) / 1000;
}

function timeout(text: string): number {
  const ms = time(text);
  if (ms < 1 || ms > 60_000) throw new Error('expected from 1ms to 60s');
  return ms;
}

function types(text: string): number[] {
  return text.split(',').map((name) => {
    const qtype = parseQtype(name);
    if (qtype === null) throw new Error(`"${name}" is not a type`);
    return qtype;
  });
}

function usage(problem: string): UnloopError {
  return new UnloopError('UNLOOP_USAGE', problem, '`unloop bench --help` lists the flags.');
}
