// The laboratory's network: namespaces joined by veth pairs, all of it inside this machine and gone
// afterwards. Needs root.
//
//   pod 10.91.0.2 ──veth── 10.91.0.1 node 10.91.1.1 ──veth── 10.91.1.2 upstream
//
// The forwarder under test stands in the pod, boxes that send queries back in the node, good
// servers in the upstream.
import { execFileSync } from 'node:child_process';
import { Child, type ChildOptions } from '../../../src/base/child-process.ts';
import { type Agent, startAgent } from './agent-client.ts';
import { removeLabDirectories } from './lab-directory.ts';

const PREFIX = 'unloop-lab-';
const STOP_WITHIN_MS = 2000;

/** Addresses of the three. */
export const POD = '10.91.0.2';
export const NODE = '10.91.0.1';
export const UPSTREAM = '10.91.1.2';

/** Runs a command to its end; throws with what it said when it fails. */
export function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export class Namespace {
  readonly name: string;
  #agent: Agent | null = null;
  readonly #processes = new Set<Child>();

  constructor(role: string) {
    this.name = `${PREFIX}${role}`;
    run('ip', ['netns', 'add', this.name]);
    this.run('ip', ['link', 'set', 'lo', 'up']);
  }

  /** The words that stand before a command to run it in here. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  run(command: string, args: readonly string[]): string {
    return run('ip', ['netns', 'exec', this.name, command, ...args]);
  }

  /**
   * Asks and serves in here on behalf of the tests. Started when first needed, and when a test has
   * killed the last one.
   */
  async agent(): Promise<Agent> {
    if (this.#agent === null || this.#agent.hasEnded) this.#agent = await startAgent(this.prefix);
    return this.#agent;
  }

  /** Starts a program that ends with close() at the latest. */
  spawn(command: string, args: readonly string[], options: ChildOptions = {}): Child {
    const started = new Child([...this.prefix, command, ...args], {
      stopWithinMs: STOP_WITHIN_MS,
      ...options,
    });
    this.#processes.add(started);
    void started.ended.then(() => this.#processes.delete(started));
    return started;
  }

  /** Ends what runs in here, by its id, and waits for it. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#processes].map((process) => process.stop()));
    if (this.#agent?.hasEnded === false) await this.#agent.reset();
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.#agent?.close();
    removeNamespace(this.name);
  }
}

/** Ends whatever a run that was broken off has left in a namespace, and removes it. */
function removeNamespace(name: string): void {
  for (const pid of run('ip', ['netns', 'pids', name]).split('\n')) {
    if (pid !== '') process.kill(Number(pid), 'SIGKILL');
  }
  run('ip', ['netns', 'del', name]);
}

/** Removes what a run that was broken off has left. */
export function removeOldNamespaces(): void {
  for (const line of run('ip', ['netns', 'list']).split('\n')) {
    const name = line.split(' ')[0]!;
    if (name.startsWith(PREFIX)) removeNamespace(name);
  }
}

export class Lab {
  readonly pod: Namespace;
  readonly node: Namespace;
  readonly upstream: Namespace;

  private constructor() {
    removeOldNamespaces();
    this.pod = new Namespace('pod');
    this.node = new Namespace('node');
    this.upstream = new Namespace('upstream');
    join(this.pod, POD, this.node, NODE);
    join(this.upstream, UPSTREAM, this.node, '10.91.1.1');
    this.pod.run('ip', ['route', 'add', 'default', 'via', NODE]);
    this.upstream.run('ip', ['route', 'add', 'default', 'via', '10.91.1.1']);
    this.node.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  }

  static create(): Lab {
    return new Lab();
  }

  /** One more address: a server of its own. */
  addAddress(namespace: Namespace, address: string): string {
    const device = namespace
      .run('ip', ['-o', '-4', 'addr', 'show'])
      .match(/\d+: (to-\S+) +inet 10\.91\./)![1]!;
    namespace.run('ip', ['addr', 'add', `${address}/32`, 'dev', device]);
    // The pod's and the node's stand in the network that they share.
    if (namespace === this.upstream) this.node.run('ip', ['route', 'add', `${address}/32`, 'via', UPSTREAM]);
    return address;
  }

  /**
   * Counts the DNS messages (UDP) that leave the pod for an address from now on; read it with
   * packetsTo().
   */
  countPacketsTo(address: string): void {
    const table = `lab_${address.replaceAll('.', '_')}`;
    this.pod.run('nft', [
      `add table inet ${table}; ` +
        `add counter inet ${table} sent; ` +
        `add chain inet ${table} out { type filter hook output priority 0; }; ` +
        `add rule inet ${table} out ip daddr ${address} udp dport 53 counter name sent`,
    ]);
  }

  packetsTo(address: string): number {
    const text = this.pod.run('nft', [
      'list',
      'counters',
      'table',
      'inet',
      `lab_${address.replaceAll('.', '_')}`,
    ]);
    return Number(/packets (\d+)/.exec(text)![1]);
  }

  /** Ends all programs; the network stays. */
  async stopAll(): Promise<void> {
    await Promise.all([this.pod.stopAll(), this.node.stopAll(), this.upstream.stopAll()]);
  }

  async close(): Promise<void> {
    for (const namespace of [this.pod, this.node, this.upstream]) await namespace.close();
    removeLabDirectories();
  }
}

/** Joins two namespaces by a cable, /24 at both ends. */
function join(left: Namespace, leftAddress: string, right: Namespace, rightAddress: string): void {
  const near = `to-${role(right)}`;
  const far = `to-${role(left)}`;
  left.run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', right.name]);
  left.run('ip', ['addr', 'add', `${leftAddress}/24`, 'dev', near]);
  right.run('ip', ['addr', 'add', `${rightAddress}/24`, 'dev', far]);
  left.run('ip', ['link', 'set', near, 'up']);
  right.run('ip', ['link', 'set', far, 'up']);
}

function role(namespace: Namespace): string {
  return namespace.name.slice(PREFIX.length);
}
