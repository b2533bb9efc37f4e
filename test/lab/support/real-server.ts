// Real DNS servers on loopback, for the lab: today's unbound and dnsmasq (today.ts), NSD, and
// programs like dig to ask them with. Each runs in the foreground under a directory of its own, and
// ends with the test.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { today } from '../../../bench/compare/today.ts';
import { Child } from '../../../src/base/child-process.ts';
import { queryBytes, TcpClient, UdpClient } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';

const READY_WITHIN_MS = 10_000;
const STOP_WITHIN_MS = 3_000;

/** A server that runs. */
export interface RealServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  /** Standard output and error so far. */
  readonly output: () => string;
  stop(): Promise<void>;
}

/**
 * A zone for unbound or NSD: its origin without a trailing dot, and the text of its master file.
 */
export interface ZoneText {
  readonly origin: string;
  readonly text: string;
}

export interface RunOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly address: string;
  readonly port: number;
  /** A name that is asked until an answer comes, whatever it says. */
  readonly readyName?: string;
}

/** Starts a server and waits until it answers over UDP and TCP. */
export async function runServer(options: RunOptions): Promise<RealServer> {
  const { name, command, args, address, port } = options;
  const child = new Child([command, ...args], { stopWithinMs: STOP_WITHIN_MS });
  const stop = async () => void (await child.stop());
  try {
    onTestFinished(stop);
  } catch {
    // Started in beforeAll: whoever did stops it in afterAll.
  }
  const end = Date.now() + READY_WITHIN_MS;
  while (!(await answers(address, port, options.readyName ?? '.'))) {
    if (child.hasEnded || Date.now() > end) {
      await stop();
      throw child.failure(`(${name}) did not start`);
    }
  }
  return { name, address, port, pid: child.pid, output: () => child.said, stop };
}

async function answers(address: string, port: number, name: string): Promise<boolean> {
  const query = queryBytes({ name, type: 'SOA' });
  const client = await UdpClient.open(port, address);
  try {
    client.send(query);
    await client.receive(200);
    const stream = await TcpClient.connect(port, address);
    stream.close();
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}

/** Unbound, authoritative for these zones. */
export async function startUnbound(
  zones: readonly ZoneText[],
  options: { readonly address?: string; readonly port?: number; readonly config?: string } = {},
): Promise<RealServer> {
  const directory = scratchDirectory();
  const { address = '127.0.0.1' } = options;
  const port = options.port ?? (await freePort(address));
  const authZones = zones.map(({ origin, text }, index) => {
    const file = join(directory, `zone${index}`);
    writeFileSync(file, text);
    return `auth-zone:\n  name: "${origin}."\n  zonefile: "${file}"\n  for-downstream: yes\n  for-upstream: no\n`;
  });
  const config = join(directory, 'unbound.conf');
  writeFileSync(
    config,
    `server:
  directory: "${directory}"
  interface: ${address}@${port}
  do-daemonize: no
  use-syslog: no
  logfile: ""
  chroot: ""
  username: ""
  pidfile: ""
  access-control: 127.0.0.0/8 allow
  access-control: ::1/128 allow
  module-config: "iterator"
  do-not-query-localhost: no
  hide-identity: yes
  num-threads: 1
remote-control:
  control-enable: no
${authZones.join('')}${options.config ?? ''}`,
  );
  return runServer({
    name: 'unbound',
    command: today('unbound').command,
    args: ['-d', '-c', config],
    address,
    port,
    readyName: zones[0]?.origin ?? 'localhost',
  });
}

/** NSD, authoritative for these zones. */
export async function startNsd(
  zones: readonly ZoneText[],
  options: {
    readonly address?: string;
    readonly port?: number;
    /**
     * No records in the authority and additional sections that are not needed, as recursors answer.
     */
    readonly minimal?: boolean;
  } = {},
): Promise<RealServer> {
  const directory = scratchDirectory();
  const { address = '127.0.0.1' } = options;
  const port = options.port ?? (await freePort(address));
  const parts = zones.map(({ origin, text }, index) => {
    const file = join(directory, `zone${index}`);
    writeFileSync(file, text);
    return `zone:\n  name: "${origin}"\n  zonefile: "${file}"\n`;
  });
  const config = join(directory, 'nsd.conf');
  writeFileSync(
    config,
    `server:
  ip-address: ${address}
  port: ${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${directory}"
  database: ""
  pidfile: "${directory}/nsd.pid"
  xfrdfile: "${directory}/xfrd.state"
  zonelistfile: "${directory}/zone.list"
  xfrdir: "${directory}"
  logfile: ""
  tcp-count: 200
  rrl-ratelimit: 0
  minimal-responses: ${options.minimal === true ? 'yes' : 'no'}
remote-control:
  control-enable: no
${parts.join('')}`,
  );
  return runServer({
    name: 'nsd',
    command: 'nsd',
    args: ['-d', '-c', config],
    address,
    port,
    readyName: zones[0]?.origin ?? '.',
  });
}

/** dnsmasq in the foreground at this address, with nothing of this machine's files. */
export function dnsmasqArguments(address: string, port: number): string[] {
  return [
    '--keep-in-foreground',
    '--log-facility=-',
    '--conf-file=/dev/null',
    '--pid-file',
    '--no-resolv',
    '--no-hosts',
    '--bind-interfaces',
    '--user=',
    `--listen-address=${address}`,
    `--port=${port}`,
  ];
}

/** dnsmasq with these arguments on top of its address and port. */
export async function startDnsmasq(
  args: readonly string[],
  options: { readonly address?: string; readonly port?: number } = {},
): Promise<RealServer> {
  const { address = '127.0.0.1' } = options;
  const port = options.port ?? (await freePort(address));
  return runServer({
    name: 'dnsmasq',
    command: today('dnsmasq').command,
    args: [...dnsmasqArguments(address, port), ...args],
    address,
    port,
    readyName: 'localhost',
  });
}

export interface SignedZone extends ZoneText {
  /** Its key-signing key, as delv wants it. */
  readonly trustAnchor: string;
}

/** The zone, signed with fresh ECDSA keys (dnssec-keygen and dnssec-signzone of BIND). */
export function signZone({ origin, text }: ZoneText): SignedZone {
  const directory = scratchDirectory();
  const run = (command: string, args: readonly string[]) =>
    execFileSync(command, args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  writeFileSync(join(directory, 'zone'), text);
  const keyName = run('dnssec-keygen', ['-q', '-a', 'ECDSAP256SHA256', '-f', 'KSK', origin]).trim();
  run('dnssec-keygen', ['-q', '-a', 'ECDSAP256SHA256', origin]);
  run('dnssec-signzone', ['-q', '-S', '-o', origin, '-O', 'full', '-f', 'signed', 'zone']);
  const key = /DNSKEY\s+(\d+)\s+(\d+)\s+(\d+)\s+(.+)$/m.exec(
    readFileSync(join(directory, `${keyName}.key`), 'utf8'),
  );
  if (key === null) throw new Error(`no DNSKEY in ${keyName}.key`);
  const [, flags, protocol, algorithm, material] = key;
  const trustAnchor = `trust-anchors { ${origin}. static-key ${flags} ${protocol} ${algorithm} "${material}"; };\n`;
  return { origin, text: readFileSync(join(directory, 'signed'), 'utf8'), trustAnchor };
}
