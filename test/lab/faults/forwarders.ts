// Who stands in the fault matrix: unloop, and beside it dnsdist and unbound, each with a cache, one data thread and otherwise as
// shipped, in front of the same kind of upstreams.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type RealServer, runServer, scratchDirectory } from '../../support/real-server.ts';
import { startUnloop, type UnloopProcess } from '../../support/unloop-process.ts';

/** A forwarder that runs. */
export interface Forwarder {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<unknown>;
}

export interface System {
  readonly name: string;
  version(): string;
  start(upstreams: readonly string[]): Promise<Forwarder>;
}

/** Answered by each of them without an upstream: to know that they run. */
const READY_NAME = 'localhost';

const unloop: System = {
  name: 'unloop',
  version: () => execFileSync('npx', ['unloop', '--version'], { encoding: 'utf8' }).trim().split(' ').at(-1)!,
  async start(upstreams) {
    const process: UnloopProcess = await startUnloop({
      // No probes: they are no part of any fault here.
      config: { workers: 1, upstreams, loop: { probe: { onStart: false, interval: '0s' } } },
    });
    return { port: process.port, pid: process.child.pid!, stop: () => process.stop() };
  },
};

const dnsdist: System = {
  name: 'dnsdist',
  version: () => /dnsdist (\S+)/.exec(execFileSync('dnsdist', ['--version'], { encoding: 'utf8' }))![1]!,
  async start(upstreams) {
    const port = await freePort();
    const file = join(scratchDirectory(), 'dnsdist.conf');
    // A server alone is never taken out: that would only add faults. Of two, its own checks choose.
    const checks = upstreams.length === 1 ? ':setUp()' : '';
    writeFileSync(
      file,
      `setSecurityPollSuffix("")
setLocal("127.0.0.1:${port}")
${upstreams.map((upstream) => `newServer({address="${upstream}"})${checks}`).join('\n')}
getPool(""):setCache(newPacketCache(10000))
addAction("${READY_NAME}.", RCodeAction(DNSRCode.NXDOMAIN))
`,
    );
    return forwarder('dnsdist', ['--supervised', '--disable-syslog', '-C', file], port);
  },
};

const unbound: System = {
  name: 'unbound',
  version: () => /Version (\S+)/.exec(execFileSync('unbound', ['-V'], { encoding: 'utf8' }))![1]!,
  async start(upstreams) {
    const port = await freePort();
    const directory = scratchDirectory();
    const file = join(directory, 'unbound.conf');
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
remote-control:
  control-enable: no
forward-zone:
  name: "."
${upstreams.map((upstream) => `  forward-addr: ${upstream.replace(':', '@')}\n`).join('')}`,
    );
    return forwarder('unbound', ['-d', '-c', file], port);
  },
};

async function forwarder(command: string, args: readonly string[], port: number): Promise<Forwarder> {
  const server: RealServer = await runServer({
    name: command,
    command,
    args,
    address: '127.0.0.1',
    port,
    readyName: READY_NAME,
  });
  return { port, pid: server.pid, stop: () => server.stop() };
}

/** unloop first, then its peers. */
export const SYSTEMS: readonly [System, ...System[]] = [unloop, dnsdist, unbound];
