// A client that asks for names which make a server close connections, send errors or stay silent,
// beside an honest client, in one run: it takes no upstream out of use and steers no other client's
// queries.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Action,
  closeConnection,
  httpAnswer,
  resetConnection,
  type Script,
  send,
} from '../kit/actions.ts';
import { cutTo } from '../kit/altered-answers.ts';
import { answer } from '../kit/answers.ts';
import { createTestCertificate } from '../kit/certificates.ts';
import { askUdp, queryBytes, UdpClient } from '../kit/dns-client.ts';
import type { ReceivedQuery } from '../kit/received-query.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';

const RUN_MS = 4000;
const LEAST_ASKED = 20;
/** Under it stands what the attacker asks for. */
const EVIL = 'evil.example';
const isEvil = (query: ReceivedQuery) => query.name.toLowerCase().endsWith(EVIL);

interface Stage {
  readonly unloop: UnloopProcess;
  readonly servers: readonly ScriptedUpstream[];
}

async function start(
  scheme: 'udp' | 'tcp' | 'tls' | 'https',
  scripts: readonly Script[],
  forward: Record<string, unknown> = {},
): Promise<Stage> {
  const certificate =
    scheme === 'udp' || scheme === 'tcp' ? undefined : await createTestCertificate([], ['127.0.0.1']);
  const servers: ScriptedUpstream[] = [];
  for (const script of scripts) {
    const server = await startScriptedUpstream(script, certificate === undefined ? {} : { certificate });
    servers.push(server);
    onTestFinished(() => server.close());
  }
  const env: Record<string, string> = {};
  if (certificate !== undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'unloop-steering-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    env.NODE_EXTRA_CA_CERTS = join(directory, 'ca.pem');
    writeFileSync(env.NODE_EXTRA_CA_CERTS, certificate.cert);
  }
  const textOf = (server: ScriptedUpstream) => {
    if (scheme === 'tls') return `tls://127.0.0.1:${server.tlsPort}`;
    if (scheme === 'https') return `https://127.0.0.1:${server.httpsPort}/dns-query`;
    return `${scheme === 'tcp' ? 'tcp://' : ''}127.0.0.1:${server.port}`;
  };
  const unloop = await startUnloop({
    env,
    config: {
      workers: 1,
      upstreams: servers.map(textOf),
      forward: { deadline: '5s', ...forward },
      loop: { probe: { onStart: false, interval: '0s' } },
    },
  });
  onTestFinished(async () => {
    await unloop.kill();
  });
  return { unloop, servers };
}

/**
 * An honest client asks for new names, one after the other, while the attacker asks, `perSecond` a
 * second.
 */
async function run({ unloop }: Stage, perSecond: number): Promise<{ asked: number; lost: number }> {
  const attacker = await UdpClient.open(unloop.port);
  let sent = 0;
  const attack = setInterval(() => {
    attacker.send(queryBytes({ name: `x${sent}.${EVIL}`, id: sent & 0xffff }));
    sent++;
  }, 1000 / perSecond);
  const honest = { asked: 0, lost: 0 };
  const endMs = Date.now() + RUN_MS;
  // A loaded machine may take longer for the least number.
  while (Date.now() < endMs || honest.asked <= LEAST_ASKED) {
    const reply = await askUdp(unloop.port, { name: `n${honest.asked}.honest.example` });
    honest.asked++;
    if (reply.rcode !== 0 || reply.answers.length !== 1) honest.lost++;
    await sleep(20);
  }
  clearInterval(attack);
  attacker.close();
  expect(sent).toBeGreaterThan(10);
  return honest;
}

const withEvil =
  (evil: (query: ReceivedQuery) => Action | undefined): Script =>
  (query) =>
    isEvil(query) ? evil(query) : answer(query);

const malformed = (query: ReceivedQuery) => {
  const whole = answer(query, { opt: false });
  return cutTo(whole, whole.bytes.length - 3);
};

/** Two servers, or one. */
const COUNTS = [1, 2];

async function expectAllUp({ unloop }: Stage): Promise<void> {
  expect(unloop.log.filter((line) => /is down/.test(line.msg))).toEqual([]);
  const metrics = await unloop.metrics();
  expect(metrics.value('unloop_upstream_state', { state: 'down' })).toBe(0);
}

describe.each([
  ['tcp', 'sends a message that matches nothing', () => send(Buffer.alloc(40, 0xff))],
  ['tcp', 'relays a malformed answer', malformed],
  ['tls', 'relays a malformed answer', malformed],
  ['https', 'resets the stream', closeConnection],
  ['https', 'answers HTTP 400', () => httpAnswer(400, 'text/plain')],
  ['https', 'answers HTTP 500', () => httpAnswer(500, 'text/plain')],
  ['https', 'relays a malformed answer', malformed],
  ['tcp', 'closes the connection', closeConnection],
  ['tcp', 'breaks the connection', resetConnection],
  ['tls', 'closes the connection', closeConnection],
  ['https', 'breaks the session', resetConnection],
] as const)('a name for which a server asked over %s %s', (scheme, _, evil) => {
  it.each(COUNTS)('costs an honest client nothing, with %d upstreams', async (count) => {
    const stage = await start(scheme, Array<Script>(count).fill(withEvil(evil)));
    const honest = await run(stage, 10);
    expect(honest.lost).toBe(0);
    await expectAllUp(stage);
  });
});

describe('names whose authority is silent', () => {
  /** As behind a firewall that drops what no client asks for. */
  const dropsChecks: Script = (query) => (query.name === '.' || isEvil(query) ? undefined : answer(query));

  it.each([
    'sequential',
    'fastest',
  ])('steer no other client from the server that %s prefers', async (policy) => {
    const silent = withEvil(() => undefined);
    // The second is slower by far. Whoever owns the name answers this one, which he knows by its
    // address.
    const slow: Script = (query) => ({ ...answer(query), delayMs: 150 });
    const stage = await start('udp', [silent, slow], { policy });
    // The first is known before the attack, as in a server that runs.
    for (let i = 0; i < 20; i++) await askUdp(stage.unloop.port, { name: `warm${i}.example` });
    const honest = await run(stage, 200);
    expect(honest.lost).toBe(0);
    const asked = stage.servers.map(
      (server) => server.queries.filter((query) => /^n\d+\.honest/i.test(query.name)).length,
    );
    // A loaded machine repeats a question now and then; `fastest` explores with one in 20.
    expect(asked[0]).toBeGreaterThan(asked[1]! * 2);
  });

  it('do not take out the only server, though its checks are dropped as well', async () => {
    const stage = await start('udp', [dropsChecks]);
    const honest = await run(stage, 20);
    expect(honest.lost).toBe(0);
    expect(stage.unloop.log.filter((line) => /is down/.test(line.msg))).toEqual([]);
  });

  it('keep an honest question out for one answer at most, when it comes after a while of nothing else', async () => {
    const stage = await start('udp', [dropsChecks]);
    await askUdp(stage.unloop.port, { name: 'before.example' });
    const attacker = await UdpClient.open(stage.unloop.port);
    let sent = 0;
    const attack = setInterval(() => {
      attacker.send(queryBytes({ name: `y${sent++}.${EVIL}`, id: sent & 0xffff }));
    }, 100);
    await stage.unloop.waitForMetrics(
      (metrics) => metrics.value('unloop_upstream_state', { state: 'down' }) === 1,
    );
    const replies: number[] = [];
    for (let i = 0; i < 20; i++) {
      replies.push((await askUdp(stage.unloop.port, { name: `after${i}.example` })).rcode);
    }
    clearInterval(attack);
    attacker.close();
    expect(replies).toEqual(new Array(20).fill(0));
  });
});
