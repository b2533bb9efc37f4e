// Real servers that close connections or answer HTTP errors for some questions: dnsdist with
// DropAction over TLS and HTTPS, CoreDNS over HTTPS. Who asks such questions costs an honest client
// nothing. And a server without a route is down for that reason.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COREDNS_BINARY, ensureCoredns } from '../../bench/compare/build-coredns.ts';
import { answer } from '../kit/answers.ts';
import { createTestCertificate } from '../kit/certificates.ts';
import { askUdp, queryBytes, UdpClient } from '../kit/dns-client.ts';
import { freePort } from '../kit/free-port.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { startUnloopIn } from './support/contenders.ts';
import { Lab, UPSTREAM } from './support/namespace.ts';
import { runServer } from './support/real-server.ts';

const RUN_MS = 8000;
const ATTACKS_PER_SECOND = 8;
let backend: ScriptedUpstream;
let directory: string;

beforeAll(async () => {
  backend = await startScriptedUpstream((query) => answer(query));
  directory = scratchDirectory();
  const certificate = await createTestCertificate([], ['127.0.0.1']);
  writeFileSync(join(directory, 'cert.pem'), certificate.cert);
  writeFileSync(join(directory, 'key.pem'), certificate.key);
});
afterAll(() => backend.close());

async function startDnsdist(): Promise<{ tls: number; https: number; stop: () => Promise<void> }> {
  const [port, tls, https] = [await freePort(), await freePort(), await freePort()];
  const files = `"${join(directory, 'cert.pem')}", "${join(directory, 'key.pem')}"`;
  const config = join(directory, 'dnsdist.conf');
  writeFileSync(
    config,
    `setLocal("127.0.0.1:${port}")
setSecurityPollSuffix("")
addTLSLocal("127.0.0.1:${tls}", ${files})
addDOHLocal("127.0.0.1:${https}", ${files}, "/dns-query")
newServer({address="127.0.0.1:${backend.port}", healthCheckMode="up"})
addAction("drop.example.", DropAction())
`,
  );
  const args = ['--supervised', '--disable-syslog', '-C', config];
  const server = await runServer({ name: 'dnsdist', command: 'dnsdist', args, address: '127.0.0.1', port });
  return { tls, https, stop: () => server.stop() };
}

async function startCoredns(): Promise<{ https: number; stop: () => Promise<void> }> {
  ensureCoredns();
  const [port, https] = [await freePort(), await freePort()];
  const file = join(directory, 'Corefile');
  const forward = `forward . 127.0.0.1:${backend.port}`;
  const tls = `tls ${join(directory, 'cert.pem')} ${join(directory, 'key.pem')}`;
  writeFileSync(
    file,
    `https://.:${https} {\n  bind 127.0.0.1\n  ${tls}\n  ${forward}\n}\n.:${port} {\n  bind 127.0.0.1\n  ${forward}\n}\n`,
  );
  const args = ['-conf', file];
  const server = await runServer({
    name: 'coredns',
    command: COREDNS_BINARY,
    args,
    address: '127.0.0.1',
    port,
  });
  return { https, stop: () => server.stop() };
}

const dropped = (i: number) => queryBytes({ name: `x${i}.drop.example`, id: i });

/** An A record whose RDATA has three bytes: it is passed on as it is, and no server can read it. */
const unreadable = (i: number) => {
  const query = Buffer.from(queryBytes({ name: `x${i}.example`, id: i }));
  query.writeUInt16BE(1, 10);
  return Buffer.concat([query.subarray(0, query.length), Buffer.from('0000010001000000000003010203', 'hex')]);
};

/**
 * Honest questions lost while the attacker asks; without an attack: what this machine loses by
 * itself.
 */
async function lost(upstreams: readonly string[], attack: ((i: number) => Uint8Array) | null) {
  const unloop = await startUnloop({
    env: { NODE_EXTRA_CA_CERTS: join(directory, 'cert.pem') },
    config: { workers: 1, upstreams, loop: { probe: { onStart: false, interval: '0s' } } },
  });
  const attacker = await UdpClient.open(unloop.port);
  let sent = 0;
  const timer = setInterval(() => {
    if (attack !== null) attacker.send(attack(sent++));
  }, 1000 / ATTACKS_PER_SECOND);
  let honestLost = 0;
  let asked = 0;
  const endMs = Date.now() + RUN_MS;
  while (Date.now() < endMs) {
    const reply = await askUdp(unloop.port, { name: `n${asked++}.honest.example` });
    if (reply.rcode !== 0) honestLost++;
    await sleep(20);
  }
  clearInterval(timer);
  attacker.close();
  const down = unloop.log.filter((line) => /is down/.test(line.msg)).map((line) => line.msg);
  await unloop.stop();
  return { honestLost, asked, down };
}

describe('an attacker beside an honest client', () => {
  it('who asks dnsdist for what it drops, over TLS and HTTPS, takes nothing out', async () => {
    const dnsdist = await startDnsdist();
    for (const upstreams of [
      [`tls://127.0.0.1:${dnsdist.tls}`],
      [`https://127.0.0.1:${dnsdist.https}/dns-query`],
      [`tls://127.0.0.1:${dnsdist.tls}`, `https://127.0.0.1:${dnsdist.https}/dns-query`],
    ]) {
      const calm = await lost(upstreams, null);
      const attacked = await lost(upstreams, dropped);
      expect(attacked.down, upstreams.join()).toEqual([]);
      expect(attacked.honestLost, upstreams.join()).toBeLessThanOrEqual(calm.honestLost);
      expect(attacked.asked).toBeGreaterThan(5);
    }
    await dnsdist.stop();
  });

  it('who sends CoreDNS over HTTPS what it cannot read takes nothing out', async () => {
    const coredns = await startCoredns();
    const upstreams = [`https://127.0.0.1:${coredns.https}/dns-query`];
    const calm = await lost(upstreams, null);
    const attacked = await lost(upstreams, unreadable);
    expect(attacked.down).toEqual([]);
    expect(attacked.honestLost).toBeLessThanOrEqual(calm.honestLost);
    expect(attacked.asked).toBeGreaterThan(50);
    await coredns.stop();
  });
});

describe('an upstream without a route', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = Lab.create();
  });
  afterAll(() => lab.close());

  it('is down, and says why', async () => {
    const upstream = await lab.upstream.agent();
    await upstream.call('serve', { address: UPSTREAM });
    const { process } = await startUnloopIn(lab, { upstreams: ['2001:db8::1', UPSTREAM] });
    const agent = await lab.node.agent();
    const asking = setInterval(() => {
      // The last ones may be under way when the laboratory ends.
      agent.call('ask', { server: '10.91.0.2', name: `n${Date.now()}.example` }).catch(() => {});
    }, 100);
    const line = await process.waitForLog(({ msg }) => /is down/.test(msg));
    clearInterval(asking);
    expect(line).toMatchObject({ level: 'warn', reason: expect.stringContaining('network unreachable') });
  });
});
