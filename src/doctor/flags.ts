// Flags of `unloop doctor`. Called by main.
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { UnloopError } from '../base/errors.ts';
import { suggest } from '../config/suggest.ts';

/** What the command line says. */
export interface DoctorFlags {
  readonly root: string;
  readonly json: boolean;
  /** A path, "-" for standard input, or null. */
  readonly corefile: string | null;
  readonly config: string | null;
  readonly clusterDns: readonly string[];
  /** Ask live servers; null: only where the files are this machine's. */
  readonly probe: boolean | null;
  readonly probePublic: boolean;
}

const OPTIONS = {
  root: { type: 'string' },
  json: { type: 'boolean' },
  corefile: { type: 'string' },
  config: { type: 'string' },
  'cluster-dns': { type: 'string', multiple: true },
  probe: { type: 'boolean' },
  'no-probe': { type: 'boolean' },
  'probe-public': { type: 'boolean' },
} as const;

/** Throws UnloopError UNLOOP_USAGE. */
export function parseDoctorFlags(args: readonly string[]): DoctorFlags {
  const { values, tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') throw usageError(`"${token.value}" is not expected here`);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!(name in OPTIONS) || !rawName.startsWith('--')) {
      const near = suggest(name, Object.keys(OPTIONS));
      throw usageError(`unknown flag ${rawName}${near === null ? '' : `; did you mean --${near}?`}`);
    }
    const isSwitch = OPTIONS[name as keyof typeof OPTIONS].type === 'boolean';
    if (isSwitch && value !== undefined) throw usageError(`${rawName} takes no value`);
    const isFlagInstead = token.inlineValue === false && value?.startsWith('--') === true;
    if (!isSwitch && (value === undefined || value === '' || isFlagInstead)) {
      throw usageError(`${rawName} needs a value`);
    }
  }
  const text = (name: 'root' | 'corefile' | 'config') => (values[name] as string | undefined) ?? null;
  const clusterDns = ((values['cluster-dns'] ?? []) as string[]).flatMap((value) => value.split(','));
  for (const address of clusterDns) {
    if (isIP(address) === 0) throw usageError(`--cluster-dns: "${address}" is no IP address`);
  }
  return {
    root: text('root') ?? '/',
    json: values.json === true,
    corefile: text('corefile'),
    config: text('config'),
    clusterDns,
    probe: values['no-probe'] === true ? false : values.probe === true ? true : null,
    probePublic: values['probe-public'] === true,
  };
}

function usageError(problem: string): UnloopError {
  return new UnloopError('UNLOOP_USAGE', problem, '`unloop help doctor` lists what the command takes.');
}
