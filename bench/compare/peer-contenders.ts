// The other servers of the comparison: today's versions where the laboratory has them, else the
// installed ones; one thread for the data path, caches large enough for all names, no DNSSEC
// validation, no query log, and otherwise as shipped or as its own manual advises for speed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Contender, firstMatch, type Launch, type Purpose } from './contender.ts';
import { peerProgram } from './lab-programs.ts';
import { RATE_SCENARIO_KEYS } from './scenarios.ts';

export const unbound: Contender = {
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

export const dnsdist: Contender = {
  key: 'dnsdist',
  title: 'dnsdist',
  kind: 'peer',
  version: () => firstMatch(peerProgram('dnsdist'), ['--version'], /dnsdist (\S+)/),
  launch: (purpose) => launchDnsdist(purpose, ''),
};

/** With the setting, off as shipped, that has it take up to 64 datagrams in one system call. */
export const dnsdistBatches: Contender = {
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

export const dnsmasq: Contender = {
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

/** With its own policy for forwarding, and without what makes it ask the root servers. */
export const kresd: Contender = {
  key: 'kresd',
  title: 'Knot Resolver',
  kind: 'peer',
  version: () => firstMatch(peerProgram('kresd'), ['--version'], /version (\S+)/),
  launch: ({ port, upstreamPort, loopPort, folder }) => {
    const configFile = join(folder, 'kresd.lua');
    const forward = (toPort: number) => `policy.FORWARD('127.0.0.1@${toPort}')`;
    const loopRule =
      loopPort === undefined
        ? ''
        : `policy.add(policy.suffix(${forward(loopPort)}, { todname('loop.example') }))\n`;
    writeFileSync(
      configFile,
      `net.bufsize(1232)
net.listen('127.0.0.1', ${port}, { kind = 'dns' })
for _, module in ipairs({ 'ta_update', 'ta_signal_query', 'priming', 'detect_time_skew', 'detect_time_jump' }) do
  modules.unload(module)
end
trust_anchors.remove('.')
cache.size = 512 * MB
${loopRule}policy.add(policy.all(${forward(upstreamPort)}))
`,
    );
    return { command: peerProgram('kresd'), args: ['-n', '-c', configFile, folder] };
  },
};

export const coredns: Contender = {
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

/**
 * CoreDNS as Kubernetes ships it for each node: the Corefile of its NodeLocal DNSCache add-on,
 * without the health port. The cluster's names go to the same upstream, over TCP.
 */
export const nodeLocalDns: Contender = {
  ...coredns,
  key: 'nodelocaldns',
  title: 'NodeLocal DNSCache',
  scenarios: [
    'cached',
    'cached-opt',
    'forwarded',
    'mixed',
    'tcp',
    'cluster',
    ...RATE_SCENARIO_KEYS,
    'memory',
    'start',
  ],
  launch: ({ port, adminPort, upstreamPort, folder }) => {
    const configFile = join(folder, 'Corefile');
    const serverBlock = (zone: string, cache: string, forwardOptions: string) =>
      `${zone}:${port} {
  errors
  cache ${cache}
  reload
  loop
  bind 127.0.0.1
  forward . 127.0.0.1:${upstreamPort}${forwardOptions}
  prometheus 127.0.0.1:${adminPort}
}
`;
    const overTcp = ' {\n    force_tcp\n  }';
    writeFileSync(
      configFile,
      serverBlock('cluster.local', '{\n    success 9984 30\n    denial 9984 5\n  }', overTcp) +
        serverBlock('in-addr.arpa', '30', overTcp) +
        serverBlock('ip6.arpa', '30', overTcp) +
        serverBlock('.', '30', ''),
    );
    return { command: peerProgram('coredns'), args: ['-conf', configFile], environment: { GOMAXPROCS: '1' } };
  },
};
