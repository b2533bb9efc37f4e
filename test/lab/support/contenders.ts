// The forwarders that a scenario is run with: unloop, and beside it CoreDNS with `loop` and dnsmasq
// with --dns-loop-detect. Each stands in the pod, on port 53 of all its addresses.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { startCoredns } from './coredns.ts';
import { labDirectory } from './lab-directory.ts';
import type { Lab } from './namespace.ts';
import { startDnsmasq } from './real-servers.ts';

export type System = 'unloop' | 'CoreDNS' | 'dnsmasq';

/** What all of them are told, each in its own words. */
export interface Routing {
  readonly upstreams?: readonly string[];
  /** The resolv.conf that names the upstreams, where none are given. */
  readonly resolvConf?: string;
  readonly zones?: Readonly<Record<string, string>>;
  /** Upstreams are asked over TCP. Not for dnsmasq, which cannot. */
  readonly tcp?: boolean;
}

/** A forwarder that runs. */
export interface Contender {
  readonly system: System;
  /** It ended by itself. */
  hasEnded(): boolean;
}

export class Unloop implements Contender {
  readonly system = 'unloop';
  readonly process: UnloopProcess;
  readonly #lab: Lab;
  readonly #admin: string;

  constructor(lab: Lab, process: UnloopProcess, admin: string) {
    this.#lab = lab;
    this.process = process;
    this.#admin = admin;
  }

  hasEnded(): boolean {
    return this.process.child.hasEnded;
  }

  async #get(path: string): Promise<string> {
    const agent = await this.#lab.pod.agent();
    return agent.call('fetch', { url: `http://${this.#admin}${path}` });
  }

  async episodes(): Promise<readonly Episode[]> {
    return (JSON.parse(await this.#get('/loops')) as { episodes: Episode[] }).episodes;
  }

  /** The sum over all series of a counter, or of those with these words in their labels. */
  async metric(name: string, label = ''): Promise<number> {
    let sum = 0;
    for (const line of (await this.#get('/metrics')).split('\n')) {
      if (new RegExp(`^${name}[ {]`).test(line) && line.includes(label))
        sum += Number(line.split(' ').at(-1));
    }
    return sum;
  }

  /** Waits for an episode and returns it. */
  async untilEpisode(isIt: (episode: Episode) => boolean, withinMs = 30_000): Promise<Episode> {
    const end = Date.now() + withinMs;
    for (;;) {
      const episodes = await this.episodes();
      const found = episodes.find(isIt);
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`no such episode: ${isIt}\n${JSON.stringify(episodes, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export interface Episode {
  readonly upstream: string;
  readonly zone: string;
  readonly evidence: string;
  readonly state: 'open' | 'closed';
  readonly count: number;
  readonly first: string;
  readonly path: readonly string[];
  readonly cure: string;
}

/** Starts unloop in the pod; `config` on top of what the routing says. */
export async function startUnloopIn(
  lab: Lab,
  routing: Routing,
  config: object = {},
  admin = '127.0.0.1:9530',
): Promise<Unloop> {
  const { upstreams, resolvConf, zones = {}, tcp = false } = routing;
  // Nothing of this machine's own resolver files is to be found.
  const root = labDirectory();
  const process = await startUnloop({
    prefix: lab.pod.prefix,
    config: {
      listen: ['0.0.0.0:53'],
      workers: 2,
      admin: { listen: admin },
      ...(upstreams === undefined ? {} : { upstreams: upstreams.map((one) => (tcp ? `tcp://${one}` : one)) }),
      discovery: { root, ...(resolvConf === undefined ? {} : { resolvConf }) },
      zones: Object.fromEntries(
        Object.entries(zones).map(([suffix, server]) => [suffix, { upstreams: [server] }]),
      ),
      ...config,
    },
  });
  return new Unloop(lab, process, admin);
}

async function startCorednsIn(lab: Lab, routing: Routing): Promise<Contender> {
  const { upstreams, resolvConf = '', zones = {}, tcp = false } = routing;
  const blocks = Object.entries(zones).map(
    ([suffix, server]) => `${suffix}:53 {\n  errors\n  loop\n  forward . ${server}\n  cache 30\n}\n`,
  );
  const force = tcp ? ' {\n    force_tcp\n  }' : '';
  const process = await startCoredns(
    lab.pod,
    `${blocks.join('')}.:53 {\n  errors\n  loop\n  forward . ${upstreams?.join(' ') ?? resolvConf}${force}\n  cache 30\n}\n`,
  );
  return { system: 'CoreDNS', hasEnded: () => process.hasEnded };
}

async function startDnsmasqIn(lab: Lab, routing: Routing): Promise<Contender> {
  const { upstreams, resolvConf = '', zones = {} } = routing;
  const process = await startDnsmasq(lab.pod, '0.0.0.0', [
    '--dns-loop-detect',
    ...(upstreams === undefined
      ? [`--resolv-file=${resolvConf}`]
      : ['--no-resolv', ...upstreams.map((server) => `--server=${server}`)]),
    ...Object.entries(zones).map(([suffix, server]) => `--server=/${suffix}/${server}`),
  ]);
  return { system: 'dnsmasq', hasEnded: () => process.hasEnded };
}

/** All three, in the order of the tables. */
export const CONTENDERS: readonly {
  readonly system: System;
  readonly start: (lab: Lab, routing: Routing) => Promise<Contender>;
}[] = [
  { system: 'unloop', start: (lab, routing) => startUnloopIn(lab, routing) },
  { system: 'CoreDNS', start: startCorednsIn },
  { system: 'dnsmasq', start: startDnsmasqIn },
];

/** Writes a resolv.conf. */
export function writeResolvConf(servers: readonly string[]): string {
  const file = join(labDirectory(), 'resolv.conf');
  writeFileSync(file, servers.map((server) => `nameserver ${server}\n`).join(''));
  return file;
}
