// Who is compared, and how each is started: today's versions where the laboratory has them, else
// the installed ones; one thread for the data path, caches large enough for all names, no DNSSEC
// validation, no query log, and otherwise as shipped or as its own manual advises for speed.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileFloor, type FloorPrograms } from './floor-programs.ts';
import { peerProgram } from './lab-programs.ts';
import { UNLOOP } from './project.ts';

const NODE = process.execPath;
const OTHER_NODE = process.env.UNLOOP_BENCH_NODE ?? '';

/** What a scenario asks of those who take part. */
export interface Needs {
  /**
   * Whether answers are to be kept: dnsdist, asked for names that come once, is quicker without.
   */
  readonly cache: boolean;
  /** Names that the cache must hold. */
  readonly cacheNames: number;
  /** Where names below loop.example are to be asked; left out: where all others are. */
  readonly loopPort?: number;
}

/** What a contender is started for. */
export interface Purpose extends Needs {
  readonly port: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
  /** An empty folder of its own. */
  readonly folder: string;
  readonly floors: FloorPrograms;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Contender {
  readonly key: string;
  readonly title: string;
  readonly kind: 'unloop' | 'peer' | 'floor';
  /** Another way of running the one before it in the list. */
  readonly variant?: boolean;
  /** An experiment: measured only where --only names it. */
  readonly onDemand?: boolean;
  /** Keys of the scenarios it takes part in; left out: all. */
  readonly scenarios?: readonly string[];
  /** Its version; null: not installed. */
  version(): string | null;
  launch(purpose: Purpose): Launch;
}

const unloop: Contender = {
  key: 'unloop',
  title: 'unloop',
  kind: 'unloop',
  version: () => firstMatch(process.execPath, [UNLOOP, '--version'], /(\d\S*)/),
  launch: (purpose) => ({ command: process.execPath, args: unloopArguments(purpose, 1) }),
};

const unloopTwoWorkers: Contender = {
  ...unloop,
  key: 'unloop-2',
  title: 'unloop, two workers',
  variant: true,
  scenarios: ['cached', 'forwarded', 'memory'],
  launch: (purpose) => ({ command: process.execPath, args: unloopArguments(purpose, 2) }),
};

/**
 * The same program under another Node.js: UNLOOP_BENCH_NODE is its path. The addon must have been
 * built by it.
 */
const unloopOtherNode: Contender = {
  ...unloop,
  key: 'unloop-other-node',
  title: 'unloop, other Node.js',
  variant: true,
  scenarios: ['cached', 'cached-opt', 'forwarded', 'mixed', 'tcp', 'memory', 'start'],
  version: () => (OTHER_NODE === '' ? null : firstMatch(OTHER_NODE, ['--version'], /v(\d\S*)/)),
  launch: (purpose) => ({ command: OTHER_NODE, args: unloopArguments(purpose, 1) }),
};

/**
 * Processes in place of threads: two of one worker each, on one port, of which the kernel chooses.
 */
const unloopTwoProcesses: Contender = {
  ...unloop,
  key: 'unloop-2-processes',
  title: 'unloop, two processes',
  variant: true,
  onDemand: true,
  scenarios: ['cached', 'forwarded'],
  launch: (purpose) => {
    const configFile = join(purpose.folder, 'unloop.yaml');
    writeFileSync(configFile, 'takeOver: true\n');
    const process = (adminPort: number) =>
      [NODE, ...unloopArguments({ ...purpose, adminPort }, 1), '--config', configFile].join(' ');
    // Port 0: any that is free, as nobody asks the second one.
    const script = `trap 'kill $(jobs -p)' TERM; ${process(purpose.adminPort)} & ${process(0)} & wait; wait`;
    return { command: 'bash', args: ['-c', script] };
  },
};

function unloopArguments(purpose: Purpose, workers: number) {
  const { port, adminPort, upstreamPort, cacheNames, loopPort, folder } = purpose;
  const args = [UNLOOP, 'run', '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`];
  args.push('--upstream', `127.0.0.1:${upstreamPort}`, '--workers', String(workers));
  if (loopPort !== undefined) args.push('--zone', `loop.example=127.0.0.1:${loopPort}`);
  if (cacheNames > 100_000) {
    // More names than the shipped cache holds: the one setting that is changed.
    const configFile = join(folder, 'unloop.yaml');
    writeFileSync(configFile, `cache: { maxEntries: ${cacheNames * 2}, maxBytes: 2GiB }\n`);
    args.push('--config', configFile);
  }
  return args;
}

const unbound: Contender = {
  key: 'unbound',
  title: 'unbound',
  kind: 'peer',
  version: () => firstMatch(peerProgram('unbound'), ['-V'], /Version (\S+)/),
  launch: ({ port, upstreamPort, loopPort, folder }) => {
    const configFile = join(folder, 'unbound.conf');
    const forwardZone = (name: string, toPort: number) =>
      `forward-zone:\n  name: "${name}"\n  forward-addr: 127.0.0.1@${toPort}\n`;
    writeFileSync(
      configFile,
      `server:
  interface: 127.0.0.1@${port}
  num-threads: 1
  so-reuseport: yes
  so-rcvbuf: 4m
  outgoing-range: 8192
  num-queries-per-thread: 4096
  incoming-num-tcp: 100
  msg-cache-size: 256m
  rrset-cache-size: 512m
  module-config: "iterator"
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
remote-control:
  control-enable: no
${forwardZone('.', upstreamPort)}${loopPort === undefined ? '' : forwardZone('loop.example', loopPort)}`,
    );
    return { command: peerProgram('unbound'), args: ['-d', '-p', '-c', configFile] };
  },
};

const dnsdist: Contender = {
  key: 'dnsdist',
  title: 'dnsdist',
  kind: 'peer',
  version: () => firstMatch(peerProgram('dnsdist'), ['--version'], /dnsdist (\S+)/),
  launch: (purpose) => launchDnsdist(purpose, ''),
};

/** With the setting, off as shipped, that has it take up to 64 datagrams in one system call. */
const dnsdistBatches: Contender = {
  ...dnsdist,
  key: 'dnsdist-batches',
  title: 'dnsdist, in batches',
  variant: true,
  scenarios: ['cached', 'cached-opt', 'forwarded', 'mixed'],
  launch: (purpose) => launchDnsdist(purpose, 'setUDPMultipleMessagesVectorSize(64)'),
};

function launchDnsdist(purpose: Purpose, extra: string): Launch {
  const { port, upstreamPort, loopPort, folder, cache, cacheNames } = purpose;
  const loopPool =
    loopPort === undefined
      ? ''
      : `newServer({address="127.0.0.1:${loopPort}", healthCheckMode="up", pool="loop"})
addAction("loop.example.", PoolAction("loop"))`;
  const configFile = join(folder, 'dnsdist.conf');
  // The first line keeps it from asking its makers over the network whether it is up to date.
  writeFileSync(
    configFile,
    `setSecurityPollSuffix("")
${extra}
setMaxUDPOutstanding(65535)
setUDPSocketBufferSizes(4194304, 4194304)
setMaxTCPClientThreads(1)
addLocal("127.0.0.1:${port}", {maxInFlight=1000})
newServer({address="127.0.0.1:${upstreamPort}", healthCheckMode="up"})
setServerPolicy(firstAvailable)
${loopPool}
${cache ? `getPool(""):setCache(newPacketCache(${Math.max(100_000, cacheNames * 2)}))` : ''}
`,
  );
  return { command: peerProgram('dnsdist'), args: ['--supervised', '--disable-syslog', '-C', configFile] };
}

const dnsmasq: Contender = {
  key: 'dnsmasq',
  title: 'dnsmasq',
  kind: 'peer',
  version: () => firstMatch(peerProgram('dnsmasq'), ['--version'], /version (\S+)/),
  launch: ({ port, upstreamPort, loopPort, cacheNames }) => {
    const args = ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'];
    args.push(
      '--user=',
      '--pid-file=',
      '--log-facility=-',
      '--bind-interfaces',
      '--listen-address=127.0.0.1',
    );
    args.push(`--port=${port}`, `--server=127.0.0.1#${upstreamPort}`, '--dns-forward-max=10000');
    args.push(`--cache-size=${Math.max(10_000, cacheNames * 2)}`);
    if (loopPort !== undefined) args.push(`--server=/loop.example/127.0.0.1#${loopPort}`);
    return { command: peerProgram('dnsmasq'), args };
  },
};

const coredns: Contender = {
  key: 'coredns',
  title: 'CoreDNS',
  kind: 'peer',
  version: () => firstMatch(peerProgram('coredns'), ['-version'], /CoreDNS-(\S+)/),
  launch: ({ port, upstreamPort, loopPort, folder, cache, cacheNames }) => {
    const configFile = join(folder, 'Corefile');
    const cacheBlock = cache ? `  cache 3600 {\n    success ${Math.max(100_000, cacheNames * 2)}\n  }\n` : '';
    const serverBlock = (zone: string, toPort: number) =>
      `${zone}:${port} {\n  bind 127.0.0.1\n${cacheBlock}  forward . 127.0.0.1:${toPort}\n}\n`;
    const loopBlock = loopPort === undefined ? '' : serverBlock('loop.example', loopPort);
    writeFileSync(configFile, serverBlock('.', upstreamPort) + loopBlock);
    return { command: peerProgram('coredns'), args: ['-conf', configFile], environment: { GOMAXPROCS: '1' } };
  },
};

const answerFloor: Contender = {
  key: 'floor-answer',
  title: 'C floor, echo',
  kind: 'floor',
  scenarios: ['cached', 'cached-opt', 'latency'],
  version: compilerVersion,
  launch: ({ port, floors }) => ({ command: floors.answer, args: [String(port)] }),
};

const forwardFloor: Contender = {
  key: 'floor-forward',
  title: 'C floor, forwarding',
  kind: 'floor',
  scenarios: ['forwarded'],
  version: compilerVersion,
  launch: ({ port, upstreamPort, floors }) => ({
    command: floors.forward,
    args: [String(port), String(upstreamPort)],
  }),
};

/** What batches are worth: the floors with fewer or more datagrams in a system call. */
const floorBatches: readonly Contender[] = [1, 4, 16, 128].flatMap((batch) => [
  {
    ...answerFloor,
    key: `floor-answer-${batch}`,
    title: `C floor, echo, batches of ${batch}`,
    variant: true,
    onDemand: true,
    scenarios: ['cached'],
    launch: ({ port, folder }) => ({ command: compileFloor('answer', folder, batch), args: [String(port)] }),
  },
  {
    ...forwardFloor,
    key: `floor-forward-${batch}`,
    title: `C floor, forwarding, batches of ${batch}`,
    variant: true,
    onDemand: true,
    launch: ({ port, upstreamPort, folder }) => ({
      command: compileFloor('forward', folder, batch),
      args: [String(port), String(upstreamPort)],
    }),
  },
]);

function compilerVersion(): string | null {
  return firstMatch(process.env.CC ?? 'cc', ['--version'], /(\d+\.\d+\S*)/);
}

/** In the order in which tables show them. */
export const CONTENDERS: readonly Contender[] = [
  answerFloor,
  forwardFloor,
  unloop,
  unloopTwoWorkers,
  unloopOtherNode,
  unloopTwoProcesses,
  unbound,
  dnsdist,
  dnsdistBatches,
  dnsmasq,
  coredns,
  ...floorBatches,
];

/** Whether the contender is measured in this scenario. */
export function takesPart(contender: Contender, scenario: string): boolean {
  return contender.scenarios === undefined || contender.scenarios.includes(scenario);
}

function firstMatch(command: string, args: readonly string[], pattern: RegExp): string | null {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (error !== undefined) return null;
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? null;
}
