// Who stands in the fault matrix: unloop, and beside it today's dnsdist, unbound and dnsmasq, each
// with a cache, one data thread and otherwise as shipped, in front of the same kind of upstreams.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TodaysName, today } from '../../../bench/compare/today.ts';
import type { Transport } from '../../faults/faults.ts';
import {
  addressAndPort,
  certificateFile,
  type FaultyUpstream,
  TLS_NAME,
  upstreamText,
} from '../../faults/faulty-upstreams.ts';
import { freePort } from '../../kit/free-port.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { type RealServer, runServer } from '../support/real-server.ts';

/** A forwarder that runs. */
export interface Forwarder {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<unknown>;
}

export interface System {
  readonly name: string;
  /** How it can ask its upstreams. */
  readonly speaks: readonly Transport[];
  version(): string;
  /** In front of upstreams of one transport. */
  start(upstreams: readonly FaultyUpstream[]): Promise<Forwarder>;
}

/** Answered by each of them without an upstream: to know that they run. */
const READY_NAME = 'localhost';

const unloop: System = {
  name: 'unloop',
  speaks: ['udp', 'tcp', 'tls', 'https'],
  version: () => execFileSync('npx', ['unloop', '--version'], { encoding: 'utf8' }).trim().split(' ').at(-1)!,
  async start(upstreams) {
    const process: UnloopProcess = await startUnloop({
      env: { NODE_EXTRA_CA_CERTS: await certificateFile() },
      config: {
        workers: 1,
        upstreams: upstreams.map(upstreamText),
        // No probes: they are no part of any fault here.
        loop: { probe: { onStart: false, interval: '0s' } },
      },
    });
    return { port: process.port, pid: process.child.pid, stop: () => process.stop() };
  },
};

const dnsdist: System = {
  name: 'dnsdist',
  speaks: ['udp', 'tcp', 'tls', 'https'],
  version: () => today('dnsdist').version,
  async start(upstreams) {
    const port = await freePort();
    const file = join(scratchDirectory(), 'dnsdist.conf');
    const caPath = await certificateFile();
    const tls = `, tls="openssl", subjectName="${TLS_NAME}", caStore="${caPath}"`;
    const options: Readonly<Record<Transport, string>> = {
      udp: '',
      tcp: ', tcpOnly=true',
      tls,
      https: `${tls}, dohPath="/dns-query"`,
    };
    const serverOf = ({ transport, address, port: upstreamPort }: FaultyUpstream) =>
      `newServer({address="${addressAndPort(address, upstreamPort)}"${options[transport]}})`;
    // A server alone is never taken out: that would only add faults. Of two, its own checks choose.
    const checks = upstreams.length === 1 ? ':setUp()' : '';
    writeFileSync(
      file,
      `setSecurityPollSuffix("")
setLocal("127.0.0.1:${port}")
${upstreams.map((upstream) => serverOf(upstream) + checks).join('\n')}
getPool(""):setCache(newPacketCache(10000))
addAction("${READY_NAME}.", RCodeAction(DNSRCode.NXDOMAIN))
`,
    );
    return forwarder('dnsdist', ['--supervised', '--disable-syslog', '-C', file], port);
  },
};

const unbound: System = {
  name: 'unbound',
  speaks: ['udp', 'tcp', 'tls'],
  version: () => today('unbound').version,
  async start(upstreams) {
    const port = await freePort();
    const directory = scratchDirectory();
    const file = join(directory, 'unbound.conf');
    const transport = upstreams[0]!.transport;
    const name = transport === 'tls' ? `#${TLS_NAME}` : '';
    const forwards = upstreams.map((one) => `  forward-addr: ${one.address}@${one.port}${name}\n`);
    writeFileSync(
      file,
      `server:
  directory: "${directory}"
  interface: 127.0.0.1@${port}
  num-threads: 1
  do-not-query-localhost: no
  use-syslog: no
  logfile: ""
  chroot: ""
  username: ""
  pidfile: ""
  module-config: "iterator"
  tls-cert-bundle: "${await certificateFile()}"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-tcp-upstream: ${transport === 'tcp' ? 'yes' : 'no'}
  forward-tls-upstream: ${transport === 'tls' ? 'yes' : 'no'}
${forwards.join('')}`,
    );
    return forwarder('unbound', ['-d', '-c', file], port);
  },
};

const dnsmasq: System = {
  name: 'dnsmasq',
  speaks: ['udp'],
  version: () => today('dnsmasq').version,
  async start(upstreams) {
    const port = await freePort();
    const args = ['--keep-in-foreground', '--log-facility=-', '--conf-file=/dev/null', '--pid-file'];
    args.push('--no-resolv', '--no-hosts', '--user=', '--bind-interfaces', '--listen-address=127.0.0.1');
    args.push(`--port=${port}`, '--cache-size=10000', `--local=/${READY_NAME}/`);
    args.push(...upstreams.map((one) => `--server=${one.address}#${one.port}`));
    return forwarder('dnsmasq', args, port);
  },
};

async function forwarder(name: TodaysName, args: readonly string[], port: number): Promise<Forwarder> {
  const server: RealServer = await runServer({
    name,
    command: today(name).command,
    args,
    address: '127.0.0.1',
    port,
    readyName: READY_NAME,
  });
  return { port, pid: server.pid, stop: () => server.stop() };
}

/** unloop first, then its peers. */
export const SYSTEMS: readonly [System, ...System[]] = [unloop, dnsdist, unbound, dnsmasq];
