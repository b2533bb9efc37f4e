// A node of a cluster without the cluster: a pod, the node with what kube-proxy does for the
// Service of kube-dns, and the DNS servers behind it. IPv4 and IPv6.
//
//   pod 10.244.0.2 ── node ── 10.244.1.2 kube-dns, says 1.1.1.1 of every name below who.test
//                             10.244.1.3 the node's own resolver, says 2.2.2.2
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Child } from '../../../src/base/child-process.ts';
import { labDirectory, removeLabDirectories } from '../support/lab-directory.ts';
import { Namespace, removeOldNamespaces, run } from '../support/namespace.ts';
import { untilListening } from '../support/real-servers.ts';

export const SERVICES = ['10.96.0.10', 'fd10:96::a'] as const;
const OWN = ['169.254.20.11', 'fd75:6e6c:6f6f:7000::53'] as const;
const KUBE_DNS = ['10.244.1.2', 'fd10:244:0:1::2'] as const;
const RESOLVER = '10.244.1.3';
/** Who gave an answer, by what it says. */
export const BY = { '1.1.1.1': 'kube-dns', '2.2.2.2': 'unloop', nobody: 'nobody' } as const;
export type By = (typeof BY)[keyof typeof BY];

export const PROGRAM = fileURLToPath(
  new URL(`../../../build/unloop-detour-${process.arch}`, import.meta.url),
);
const SOURCE = fileURLToPath(new URL('../../../src/detour', import.meta.url));
const UNLOOP = fileURLToPath(new URL('../../../dist/unloop/main.js', import.meta.url));
const CLIENT = join(import.meta.dirname, 'ask-steadily.mjs');

/** One question of the steady client. */
export interface Asked {
  readonly server: string;
  readonly sentMs: number;
  readonly tookMs: number;
  readonly by: By;
}

/** The program, to which this kernel is one before 5.12: it refuses the flag that it sends. */
export function buildForOldKernel(): string {
  const program = join(labDirectory(), 'unloop-detour-old');
  const script = `cc -std=c11 -O2 -DTABLE_OWNER=0x40000000 @${SOURCE}/compiler-flags -o ${program} ${SOURCE}/*.c`;
  run('sh', ['-c', script]);
  return program;
}

/** The rules of kube-proxy for kube-dns, in place of what there was. */
const kubeProxyRules = SERVICES.flatMap((service, i) => {
  const family = i === 0 ? 'ip' : 'ip6';
  const rules = ['udp', 'tcp'].map(
    (protocol) => `${family} daddr ${service} ${protocol} dport 53 counter dnat to ${KUBE_DNS[i]}`,
  );
  const chain = (hook: string) => [`chain ${hook} {`, `type nat hook ${hook} priority -100`, ...rules, '}'];
  const table = `table ${family} kube-proxy`;
  return [table, `delete ${table}`, `${table} {`, ...chain('prerouting'), ...chain('output'), '}'];
}).join('\n');

export class World {
  readonly pod: Namespace;
  readonly node: Namespace;
  readonly detourSocket = join(labDirectory(), 'detour');
  readonly #dns: Namespace;

  private constructor() {
    removeOldNamespaces();
    this.pod = new Namespace('detour-pod');
    this.node = new Namespace('detour-node');
    this.#dns = new Namespace('detour-dns');
    // As most clusters have it: a bridge, whose packets netfilter sees as well.
    this.node.run('ip', ['link', 'add', 'cni0', 'type', 'bridge']);
    this.node.run('ip', ['link', 'set', 'cni0', 'up']);
    this.#connect(this.pod, 'cni0', '10.244.0', 'fd10:244::');
    const calls = ['iptables', 'ip6tables'].map((name) => `net.bridge.bridge-nf-call-${name}=1`);
    if (existsSync('/proc/sys/net/bridge')) this.node.run('sysctl', ['-qw', ...calls]);
    this.#connect(this.#dns, 'to-dns', '10.244.1', 'fd10:244:0:1::');
    this.#dns.run('ip', ['addr', 'add', `${RESOLVER}/24`, 'dev', 'eth0']);
    // A Service's address is behind the default route, as on a real node.
    this.node.run('ip', ['route', 'add', 'default', 'via', KUBE_DNS[0]]);
    this.node.run('ip', ['-6', 'route', 'add', 'default', 'via', KUBE_DNS[1]]);
    this.node.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
    this.node.run(PROGRAM, ['address', ...OWN]);
    this.resyncKubeProxy();
  }

  static async create(): Promise<World> {
    const world = new World();
    await world.#startDns('1.1.1.1', KUBE_DNS);
    await world.#startDns('2.2.2.2', [RESOLVER]);
    return world;
  }

  #connect(namespace: Namespace, device: string, net4: string, net6: string): void {
    const { node } = this;
    // The pod's end on the node is a port of the bridge.
    const far = device === 'cni0' ? 'to-pod' : device;
    namespace.run('ip', ['link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', far, 'netns', node.name]);
    if (far !== device) node.run('ip', ['link', 'set', far, 'up', 'master', device]);
    namespace.run('ip', ['addr', 'add', `${net4}.2/24`, 'dev', 'eth0']);
    namespace.run('ip', ['addr', 'add', `${net6}2/64`, 'dev', 'eth0', 'nodad']);
    namespace.run('ip', ['link', 'set', 'eth0', 'up']);
    node.run('ip', ['addr', 'add', `${net4}.1/24`, 'dev', device]);
    node.run('ip', ['addr', 'add', `${net6}1/64`, 'dev', device, 'nodad']);
    node.run('ip', ['link', 'set', device, 'up']);
    namespace.run('ip', ['route', 'add', 'default', 'via', `${net4}.1`]);
    namespace.run('ip', ['-6', 'route', 'add', 'default', 'via', `${net6}1`]);
  }

  async #startDns(says: string, addresses: readonly string[]): Promise<void> {
    const server = this.#dns.spawn('dnsmasq', [
      '--keep-in-foreground',
      '--user=root',
      '--pid-file=',
      '--no-resolv',
      '--no-hosts',
      '--bind-interfaces',
      `--address=/who.test/${says}`,
      '--address=/cluster.local/10.96.0.1',
      ...addresses.map((address) => `--listen-address=${address}`),
    ]);
    await untilListening(this.#dns, server, addresses[0]!);
  }

  /** What kube-proxy does when a Service changes, or when it starts. */
  resyncKubeProxy(): void {
    this.node.run('nft', [kubeProxyRules]);
  }

  tables(): string[] {
    return this.node.run('nft', ['list', 'tables']).trim().split('\n');
  }

  /** With the kernel's handles. */
  detourTables(): string[] {
    const lines = this.node.run('nft', ['--handle', 'list', 'tables']).split('\n');
    return lines.filter((line) => line.includes('unloop-detour')).sort();
  }

  /** Packets that kube-proxy's rules have met. */
  metByKubeProxy(): number {
    const text = ['ip', 'ip6'].map((family) => this.node.run('nft', ['list', 'table', family, 'kube-proxy']));
    return [...text.join().matchAll(/packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0);
  }

  /** Not ready yet when it returns. */
  startUnloop(): Child {
    const folder = labDirectory();
    const file = join(folder, 'unloop.json');
    const config = {
      listen: [`${OWN[0]}:53`, `[${OWN[1]}]:53`],
      workers: 2,
      admin: { listen: '127.0.0.1:9530' },
      upstreams: [RESOLVER],
      zones: { 'cluster.local': { upstreams: [KUBE_DNS[0]] } },
      discovery: { root: folder },
    };
    writeFileSync(file, JSON.stringify(config));
    return this.node.spawn(process.execPath, [UNLOOP, 'run', '--config', file]);
  }

  startDetour(program = PROGRAM, socket = this.detourSocket): Child {
    const ways = SERVICES.flatMap((service, i) => [`--to=${OWN[i]}`, `--service=${service}`]);
    const question = '--question=kubernetes.default.svc.cluster.local';
    // It waits for the last answers when it is told to end.
    return this.node.spawn(program, ['run', question, ...ways, `--socket=${socket}`], {
      stopWithinMs: 10_000,
    });
  }

  /** Who answers a question from here: once by each family, UDP and TCP. */
  answering(from: Namespace): By[] {
    return SERVICES.flatMap((service) =>
      ['+notcp', '+tcp'].map((transport) => {
        const name = `n${Math.floor(Math.random() * 1e9)}.who.test`;
        const args = [`@${service}`, name, '+short', '+tries=1', '+time=2', transport];
        try {
          const said = from.run('dig', args).trim();
          return said in BY ? BY[said as keyof typeof BY] : 'nobody';
        } catch {
          return 'nobody';
        }
      }),
    );
  }

  startClient(): SteadyClient {
    return new SteadyClient(this.pod);
  }

  async close(): Promise<void> {
    for (const namespace of [this.pod, this.node, this.#dns]) await namespace.close();
    removeLabDirectories();
  }
}

/** 250 questions a second from the pod, to both Services in turn. */
export class SteadyClient {
  readonly asked: Asked[] = [];
  readonly #child: Child;

  constructor(pod: Namespace) {
    const args = [CLIENT, '4', '3000', ...SERVICES];
    this.#child = pod.spawn(process.execPath, args, {
      stdin: 'pipe',
      onLine: (line) => {
        const { by, ...rest } = JSON.parse(line) as Asked & { by: keyof typeof BY };
        this.asked.push({ ...rest, by: BY[by] });
      },
    });
  }

  /** Ends when all are answered or given up. */
  async end(): Promise<readonly Asked[]> {
    this.#child.process.stdin!.end();
    await this.#child.ended;
    return this.asked.sort((one, other) => one.sentMs - other.sentMs);
  }
}
