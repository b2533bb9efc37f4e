// CoreDNS's `forward` plugin (and its predecessor `proxy`) in the words of unloop. Called by
// from-corefile.

import { parseIp } from '../base/ip-address.ts';
import type { Directive } from '../config/corefile.ts';
import { parseUpstream } from '../config/parse-upstream.ts';
import { parseZoneSuffix } from '../config/zone-suffix.ts';
import { convertDuration, type Notes, quote } from './from-corefile-notes.ts';

/** What one `forward` says. */
export interface ForwardSettings {
  /** FROM: "." or a zone. */
  readonly from: string;
  readonly upstreams: 'auto' | readonly string[];
  /** The file that "auto" is read from. */
  readonly resolvConf: string | null;
  readonly policy: string | null;
  /** Answers after which the next of its upstreams is asked (`failover`). */
  readonly next: readonly string[];
  /** Answers after which those of the `forward` that follows are asked, and where that is said. */
  readonly goesOnAfter: readonly string[];
  readonly goesOn: Directive | null;
  readonly maxInFlight: number | null;
  readonly healthInterval: string | null;
  /** The name that checks ask for; null: not said. */
  readonly healthName: string | null;
  readonly maxFails: number | null;
  /** Options that are settings of the whole server here: of one `forward` only can they count. */
  readonly serverWide: readonly Directive[];
}

const SERVER_WIDE = new Set(['max_concurrent', 'health_check', 'max_fails']);
/** The answers after which CoreDNS may go on and unloop does so only if it is set. */
const NEXT_AFTER: ReadonlyMap<string, string> = new Map([
  ['NXDOMAIN', 'NXDOMAIN'],
  ['NOERROR', 'NODATA'],
]);
/** They go on with the servers of the `forward` behind it. */
const GOES_ON = ['next', 'next_on_nodata'];

const POLICIES: Readonly<Record<string, string>> = {
  random: 'random',
  round_robin: 'roundRobin',
  sequential: 'sequential',
};
const INTERVAL_RANGE = [50, 3_600_000, 1] as const;

/** Options that unloop does not need: it does the same without them, or has no use for them. */
const NEEDLESS: Readonly<Record<string, string>> = {
  prefer_udp: 'always so: UDP first, TCP when the answer is cut off',
  max_connect_attempts: 'tries go on until forward.deadline',
  failfast_all_unhealthy_upstreams: 'always so: stale data or SERVFAIL at once',
};

/** Reads one `forward`; null when it names no server that can be used (a note says so). */
export function readForward(directive: Directive, notes: Notes): ForwardSettings | null {
  const [from = '.', ...to] = directive.args;
  const options = new Map(directive.body.map((option) => [option.name, option]));
  const forceTcp = options.has('force_tcp');
  const serverName = options.get('tls_servername')?.args[0] ?? '';
  const upstreams: string[] = [];
  let resolvConf: string | null = null;
  for (const target of to) {
    if (target.startsWith('/')) resolvConf ??= target;
    else upstreams.push(...convertTarget(directive, target, { forceTcp, serverName }, notes));
  }
  if (resolvConf !== null && upstreams.length > 0)
    notes.add(
      directive,
      `${resolvConf} together with addresses: upstreams are either auto or a list; the list is kept`,
    );
  if (resolvConf !== null && forceTcp)
    notes.add(directive, 'force_tcp with a file: list the servers as tcp://ADDR');
  if (resolvConf === null && upstreams.length === 0) {
    notes.add(directive, `${quote(directive)}: no server in it that can be used; left out`);
    return null;
  }
  for (const option of directive.body) noteOption(option, notes);
  const policy = options.get('policy')?.args[0];
  if (policy !== undefined && POLICIES[policy] === undefined)
    notes.add(options.get('policy')!, `policy ${policy} is not known; random is used`);
  const interval = options.get('health_check');
  return {
    from,
    upstreams: upstreams.length > 0 ? upstreams : 'auto',
    resolvConf: upstreams.length > 0 ? null : resolvConf,
    policy: policy === undefined ? null : (POLICIES[policy] ?? 'random'),
    next: readNext(directive.body, ['failover'], notes),
    goesOn: directive.body.find(({ name }) => GOES_ON.includes(name)) ?? null,
    goesOnAfter: readNext(directive.body, GOES_ON, notes),
    maxInFlight: readMaxConcurrent(options.get('max_concurrent'), notes),
    healthInterval:
      interval?.args[0] === undefined
        ? null
        : convertDuration(interval, interval.args[0], notes, INTERVAL_RANGE),
    healthName: readHealthName(options.get('health_check'), notes),
    maxFails: readMaxFails(options.get('max_fails'), notes),
    serverWide: directive.body.filter(({ name }) => SERVER_WIDE.has(name)),
  };
}

/**
 * "tls://9.9.9.9%dns.quad9.net" → "tls://9.9.9.9#dns.quad9.net". None, with a note, when it is no
 * address.
 */
function convertTarget(
  directive: Directive,
  target: string,
  { forceTcp, serverName }: { forceTcp: boolean; serverName: string },
  notes: Notes,
): string[] {
  const [, scheme = 'dns', rest = ''] = /^(?:([a-z0-9]+):\/\/)?(.*)$/s.exec(target)!;
  let text = rest;
  if (scheme === 'tls') {
    const [address = '', ownName = ''] = rest.split('%');
    const name = ownName || serverName;
    text = name === '' ? `tls://${address}` : `tls://${address}#${name}`;
  } else if (scheme === 'dns') {
    if (forceTcp) text = `tcp://${rest}`;
  } else if (scheme === 'https') {
    text = target;
  } else {
    notes.add(directive, `${target}: ${scheme}:// is not supported; left out`);
    return [];
  }
  try {
    const { host, transport } = parseUpstream(text);
    if (transport === 'https' || parseIp(host) !== null) return [text];
    notes.add(directive, `${target}: not an address; fill in what your cluster has there`);
    return [];
  } catch (error) {
    notes.add(directive, `${target}: ${(error as Error).message}; left out`);
    return [];
  }
}

function noteOption(option: Directive, notes: Notes): void {
  const needless = NEEDLESS[option.name];
  if (needless !== undefined) {
    notes.add(option, `${option.name}: not needed: ${needless}`);
    return;
  }
  switch (option.name) {
    case 'force_tcp':
    case 'tls_servername':
    case 'policy':
    case 'max_concurrent':
    case 'max_fails':
      return;
    case 'health_check':
      if (option.args.includes('no_rec'))
        notes.add(option, `${quote(option)}: no_rec has no equivalent: checks ask with RD set`);
      return;
    case 'next':
    case 'failover':
    case 'next_on_nodata':
      return;
    case 'except':
      notes.add(
        option,
        `${quote(option)}: no equivalent; give these names zones of their own, with the servers that know them`,
      );
      return;
    case 'tls':
      if (option.args.length > 0)
        notes.add(
          option,
          'tls with files: client certificates have no equivalent; a CA of your own goes into NODE_EXTRA_CA_CERTS',
        );
      return;
    default:
      notes.add(option, `${quote(option)}: no equivalent`);
  }
}

/** The answers after which CoreDNS asks another server, by options of these names. */
function readNext(options: readonly Directive[], names: readonly string[], notes: Notes): string[] {
  const next = new Set<string>();
  for (const option of options.filter(({ name }) => names.includes(name))) {
    if (option.name === 'next_on_nodata') next.add('NODATA');
    const rcodes = option.args.map((rcode) => rcode.toUpperCase());
    for (const rcode of rcodes) {
      const answer = NEXT_AFTER.get(rcode);
      if (answer !== undefined) next.add(answer);
    }
    const always = rcodes.filter((rcode) => !NEXT_AFTER.has(rcode));
    if (always.length > 0)
      notes.add(
        option,
        `${quote(option)}: not needed for ${always.join(', ')}: the next one is asked in any case`,
      );
    if (rcodes.includes('NOERROR'))
      notes.add(option, `${quote(option)}: NOERROR goes on only where there are no records (NODATA)`);
  }
  return [...next];
}

function readMaxConcurrent(option: Directive | undefined, notes: Notes): number | null {
  if (option === undefined) return null;
  const value = Number(option.args[0]);
  if (Number.isInteger(value) && value >= 1 && value <= 1_000_000) return value;
  notes.add(
    option,
    `${quote(option)}: must be 1 to 1000000 here, there is always a limit; the default is kept`,
  );
  return null;
}

/** `health_check 0.5s no_rec domain example.org`: the name is checked as a setting would be. */
function readHealthName(option: Directive | undefined, notes: Notes): string | null {
  const at = option?.args.indexOf('domain') ?? -1;
  const name = at < 0 ? undefined : option!.args[at + 1];
  if (name === undefined || name === '.') return null;
  try {
    return parseZoneSuffix(name);
  } catch (error) {
    notes.add(option!, `${quote(option!)}: ${(error as Error).message}; left out`);
    return null;
  }
}

/**
 * CoreDNS takes an upstream out when it has failed more often than max_fails, unloop when as often.
 */
function readMaxFails(option: Directive | undefined, notes: Notes): number | null {
  if (option === undefined) return null;
  const value = Number(option.args[0]);
  // In both, 0 means never.
  if (value === 0) return 0;
  if (value >= 1 && value < 100) return value + 1;
  notes.add(option, `${quote(option)}: must be 0 to 99; the default is kept`);
  return null;
}
