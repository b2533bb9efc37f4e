// Real DNS servers inside the laboratory's namespaces, as forwarders that send everything to one
// target: the boxes that a loop leads through. They are today's versions (today.ts), CoreDNS is
// built from its Go module.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COREDNS_VERSION } from '../../../bench/compare/build-coredns.ts';
import { type TodaysName, today } from '../../../bench/compare/today.ts';
import type { Child } from '../../../src/base/child-process.ts';
import { startCoredns } from './coredns.ts';
import { labDirectory } from './lab-directory.ts';
import type { Namespace } from './namespace.ts';
import { startResolved } from './resolved.ts';

/** Waits until something in the namespace listens on UDP port 53 of this address (or of all). */
export async function untilListening(
  namespace: Namespace,
  started: Child,
  address: string,
  withinMs = 30_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  for (;;) {
    const sockets = namespace.run('ss', ['-Hlun']);
    if (sockets.includes(`${address}:53 `) || sockets.includes('0.0.0.0:53 ') || sockets.includes('*:53 '))
      return;
    if (started.hasEnded || Date.now() > end) {
      throw started.failure(`does not listen on ${address}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function start(
  namespace: Namespace,
  address: string,
  name: TodaysName,
  args: readonly string[],
): Promise<Child> {
  const started = namespace.spawn(today(name).command, args);
  await untilListening(namespace, started, address);
  return started;
}

/** dnsdist: keeps name, case and options; merges nothing. */
export function startDnsdist(
  namespace: Namespace,
  address: string,
  targets: readonly string[],
): Promise<Child> {
  const file = join(labDirectory(), 'dnsdist.conf');
  writeFileSync(
    file,
    `setLocal("${address}:53")
setACL("0.0.0.0/0")
setServerPolicy(roundrobin)
setSecurityPollSuffix("")
${targets.map((target) => `newServer({address="${target}:53", healthCheckMode="up"}):setUp()`).join('\n')}
`,
  );
  return start(namespace, address, 'dnsdist', ['--supervised', '--disable-syslog', '-C', file]);
}

/** unbound: keeps the case, drops options, merges duplicates. */
export function startUnbound(namespace: Namespace, address: string, target: string): Promise<Child> {
  const directory = labDirectory();
  const file = join(directory, 'unbound.conf');
  writeFileSync(
    file,
    `server:
  directory: "${directory}"
  interface: ${address}@53
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  use-syslog: no
  logfile: ""
  chroot: ""
  username: ""
  pidfile: ""
  module-config: "iterator"
  num-threads: 1
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: ${target}
`,
  );
  return start(namespace, address, 'unbound', ['-d', '-c', file]);
}

/** BIND: keeps the case, drops options, merges duplicates. */
export function startNamed(namespace: Namespace, address: string, target: string): Promise<Child> {
  const directory = labDirectory();
  const file = join(directory, 'named.conf');
  writeFileSync(
    file,
    `options {
  directory "${directory}";
  pid-file none;
  session-keyfile none;
  listen-on port 53 { ${address}; };
  listen-on-v6 { none; };
  recursion yes;
  allow-query { any; };
  allow-recursion { any; };
  forward only;
  forwarders { ${target}; };
  dnssec-validation no;
};
controls { };
`,
  );
  return start(namespace, address, 'named', ['-g', '-n', '1', '-c', file]);
}

/** dnsmasq: keeps case and options, merges duplicates. */
export function startDnsmasq(namespace: Namespace, address: string, args: readonly string[]): Promise<Child> {
  return start(namespace, address, 'dnsmasq', [
    '--keep-in-foreground',
    '--log-facility=-',
    '--conf-file=/dev/null',
    '--pid-file',
    '--no-hosts',
    '--user=root',
    ...(address === '0.0.0.0' ? [] : ['--bind-interfaces', `--listen-address=${address}`]),
    ...args,
  ]);
}

/**
 * Knot Resolver without a cache, so that what comes back is a question again: drops options,
 * scrambles case, sets CD, merges duplicates. As a stub it passes answers on; as a forwarder it
 * would also validate, were there a trust anchor.
 */
export function startKresd(
  namespace: Namespace,
  address: string,
  target: string,
  policy: 'STUB' | 'FORWARD',
): Promise<Child> {
  const directory = labDirectory();
  const file = join(directory, 'kresd.lua');
  writeFileSync(
    file,
    `net.listen('${address}', 53, { kind = 'dns' })
for _, module in ipairs({ 'ta_update', 'ta_signal_query', 'priming', 'detect_time_skew', 'detect_time_jump' }) do
  modules.unload(module)
end
trust_anchors.remove('.')
cache.size = 1 * MB
policy.add(policy.all(policy.${policy}('${target}')))
`,
  );
  return start(namespace, address, 'kresd', ['-n', '-c', file, directory]);
}

/** smartdns: asks in its own words, so that options are lost. */
export function startSmartdns(namespace: Namespace, address: string, target: string): Promise<Child> {
  const directory = labDirectory();
  const file = join(directory, 'smartdns.conf');
  writeFileSync(
    file,
    `bind ${address}:53 -no-speed-check -no-cache
bind-tcp ${address}:53 -no-speed-check -no-cache
server ${target}
speed-check-mode none
cache-persist no
log-level error
log-file ${directory}/smartdns.log
data-dir ${directory}
`,
  );
  return start(namespace, address, 'smartdns', ['-f', '-c', file, '-p', '-']);
}

/** A box that a loop is led through: at an address, sending everything to a target. */
export interface Box {
  readonly name: string;
  /** What it does to a query. */
  readonly trait: string;
  readonly start: (namespace: Namespace, address: string, target: string) => Promise<unknown>;
  readonly version: () => string;
}

export const BOXES: readonly Box[] = [
  {
    name: 'dnsdist',
    trait: 'keeps everything',
    start: (namespace, address, target) => startDnsdist(namespace, address, [target]),
    version: () => today('dnsdist').version,
  },
  {
    name: 'CoreDNS',
    trait: 'keeps everything',
    start: (namespace, address, target) =>
      startCoredns(namespace, `.:53 {\n  bind ${address}\n  forward . ${target}\n}\n`),
    version: () => COREDNS_VERSION.slice(1),
  },
  {
    name: 'unbound',
    trait: 'drops options, merges duplicates',
    start: startUnbound,
    version: () => today('unbound').version,
  },
  {
    name: 'BIND',
    trait: 'drops options, merges duplicates',
    start: startNamed,
    version: () => today('named').version,
  },
  {
    name: 'dnsmasq',
    trait: 'merges duplicates',
    start: (namespace, address, target) =>
      startDnsmasq(namespace, address, ['--no-resolv', `--server=${target}`]),
    version: () => today('dnsmasq').version,
  },
  {
    name: 'systemd-resolved',
    trait: 'drops options',
    start: (namespace, address, target) => startResolved(namespace, [target], address),
    version: () => today('systemd-resolved').version,
  },
  {
    name: 'Knot Resolver, STUB',
    trait: 'drops options, scrambles case, sets CD',
    start: (namespace, address, target) => startKresd(namespace, address, target, 'STUB'),
    version: () => today('kresd').version,
  },
  {
    name: 'Knot Resolver, FORWARD',
    trait: 'drops options, scrambles case, sets CD',
    start: (namespace, address, target) => startKresd(namespace, address, target, 'FORWARD'),
    version: () => today('kresd').version,
  },
  {
    name: 'smartdns',
    trait: 'drops options',
    start: startSmartdns,
    version: () => today('smartdns').version,
  },
  {
    name: 'stand-in',
    trait: 'drops options, scrambles case',
    start: async (namespace, address, target) =>
      (await namespace.agent()).call('serve', { address, target, dropOptions: true, scrambleCase: true }),
    version: () => 'ours',
  },
];
