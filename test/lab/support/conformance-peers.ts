// dnsmasq, unbound and dnsdist before the stage of the conformance tests, each told to forward the
// same zones to the same servers. Today's (today.ts), as Debian ships them, save for what a fair
// comparison asks: room for all questions at once, a cache, the times that the tests know.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { today } from '../../../bench/compare/today.ts';
import { DENIED_CLIENT, type Forwarder } from '../../conformance/forwarder.ts';
import { type Stage, TLS_NAME, ZONES, type Zone } from '../../conformance/stage.ts';
import { freePort } from '../../kit/free-port.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';
import { type RealServer, runServer, startDnsmasq } from './real-server.ts';

export interface Peer extends Forwarder {
  readonly server: RealServer;
}

/** All three, running. */
export function startPeers(stage: Stage): Promise<Peer[]> {
  return Promise.all([startDnsmasqPeer(stage), startUnboundPeer(stage), startDnsdistPeer(stage)]);
}

function peer(name: string, server: RealServer, zones: readonly Zone[], tcpAtOnce?: number): Peer {
  const { address, port } = server;
  return { name, address, port, zones, server, ...(tcpAtOnce === undefined ? {} : { tcpAtOnce }) };
}

async function startDnsmasqPeer(stage: Stage): Promise<Peer> {
  const { plain, slow, hostile, silent, pair } = stage.servers;
  const server = await startDnsmasq([
    '--cache-size=10000',
    '--dns-forward-max=1000',
    ...plain.map(({ port }) => `--server=127.0.0.1#${port}`),
    `--server=/${ZONES.real}/127.0.0.1#${stage.realPort}`,
    ...slow.map(({ port }) => `--server=/${ZONES.slow}/127.0.0.1#${port}`),
    ...hostile.map(({ port }) => `--server=/${ZONES.hostile}/127.0.0.1#${port}`),
    ...silent.map(({ port }) => `--server=/${ZONES.silent}/127.0.0.1#${port}`),
    ...pair.map(({ port }) => `--server=/${ZONES.pair}/127.0.0.1#${port}`),
  ]);
  // It speaks no TLS, and has a process for each of 20 connections at most.
  return peer('dnsmasq', server, ['plain', 'slow', 'hostile', 'silent', 'pair', 'real'], 9);
}

async function startUnboundPeer(stage: Stage): Promise<Peer> {
  const directory = scratchDirectory();
  const port = await freePort();
  const { plain, slow, hostile, silent, pair, tls } = stage.servers;
  const forwards = (name: string, servers: readonly { readonly port: number }[]) =>
    `forward-zone:\n  name: "${name}"\n${servers.map((server) => `  forward-addr: 127.0.0.1@${server.port}\n`).join('')}`;
  const config = join(directory, 'unbound.conf');
  // Stale answers and extended errors are what it has, but must be told to use.
  writeFileSync(
    config,
    `server:
  directory: "${directory}"
  interface: 127.0.0.1@${port}
  access-control: 127.0.0.0/8 allow_snoop
  access-control: ${DENIED_CLIENT}/32 refuse
  do-daemonize: no
  use-syslog: no
  logfile: ""
  chroot: ""
  username: ""
  pidfile: ""
  module-config: "iterator"
  do-not-query-localhost: no
  num-threads: 1
  incoming-num-tcp: 200
  outgoing-num-tcp: 200
  edns-tcp-keepalive: yes
  tcp-idle-timeout: 3000
  serve-expired: yes
  serve-expired-client-timeout: 1800
  serve-expired-reply-ttl: 30
  ede: yes
  ede-serve-expired: yes
  tls-cert-bundle: "${stage.caPath}"
remote-control:
  control-enable: no
${forwards('.', plain)}${forwards(ZONES.real, [{ port: stage.realPort }])}${forwards(ZONES.slow, slow)}${forwards(ZONES.hostile, hostile)}${forwards(ZONES.silent, silent)}${forwards(ZONES.pair, pair)}forward-zone:
  name: "${ZONES.tls}"
  forward-tls-upstream: yes
${tls.map(({ tlsPort }) => `  forward-addr: 127.0.0.1@${tlsPort}#${TLS_NAME}\n`).join('')}`,
  );
  const server = await runServer({
    name: 'unbound',
    command: today('unbound').command,
    args: ['-d', '-c', config],
    address: '127.0.0.1',
    port,
    readyName: 'localhost',
  });
  return peer('unbound', server, ['plain', 'slow', 'hostile', 'silent', 'pair', 'tls', 'real']);
}

async function startDnsdistPeer(stage: Stage): Promise<Peer> {
  const directory = scratchDirectory();
  const port = await freePort();
  const config = join(directory, 'dnsdist.conf');
  const lines = [
    `setLocal("127.0.0.1:${port}", {maxInFlight=100})`,
    'setSecurityPollSuffix("")',
    `setACL({"127.0.0.0/8", "!${DENIED_CLIENT}/32"})`,
    'setTCPRecvTimeout(3)',
    'setStaleCacheEntriesTTL(30)',
  ];
  for (const zone of Object.keys(ZONES) as Zone[]) {
    const pool = zone === 'plain' ? '' : zone;
    const servers = zone === 'real' ? [{ port: stage.realPort, tlsPort: 0 }] : stage.servers[zone];
    for (const server of servers) {
      const tls =
        zone === 'tls' ? `, tls="openssl", subjectName="${TLS_NAME}", caStore="${stage.caPath}"` : '';
      const serverPort = zone === 'tls' ? server.tlsPort : server.port;
      lines.push(
        `newServer({address="127.0.0.1:${serverPort}", pool="${pool}", healthCheckMode="up", maxInFlight=100${tls}})`,
      );
    }
    // A cache per pool: by default it has none.
    lines.push(`getPool("${pool}"):setCache(newPacketCache(10000, {keepStaleData=true}))`);
    if (pool !== '') lines.push(`addAction("${ZONES[zone]}.", PoolAction("${pool}"))`);
  }
  writeFileSync(config, `${lines.join('\n')}\n`);
  const server = await runServer({
    name: 'dnsdist',
    command: today('dnsdist').command,
    args: ['--supervised', '--disable-syslog', '-C', config],
    address: '127.0.0.1',
    port,
    readyName: 'ready.example',
  });
  return peer('dnsdist', server, ['plain', 'slow', 'hostile', 'silent', 'pair', 'tls', 'real']);
}
