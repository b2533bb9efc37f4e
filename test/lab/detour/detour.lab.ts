// The detour from kube-dns's Service to the unloop of the node (docs/kubernetes/node-local.md): it
// is there while unloop answers, and lets go by itself when unloop or the detour dies or hangs.
// Needs root, for network namespaces.
import { lstatSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../../../src/base/child-process.ts';
import { describeDetour } from '../../../src/cli/detour-state.ts';
import { run } from '../support/namespace.ts';
import { type Asked, type By, buildForOldKernel, PROGRAM, type SteadyClient, World } from './world.ts';

const PROOF_MS = 1500;
/** For a machine on which the detour gets to run late. */
const SLACK_MS = 1500;
/** What was asked so long before must have been answered. */
const LONG_MS = 700;
const ALL = (by: By) => [by, by, by, by];

let world: World;
let detour: Child;
let unloop: Child;
let client: SteadyClient;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world?.close());

const told = () => describeDetour(world.detourSocket, Date.now());
/** From the pod and from the node itself. */
const answering = () => [...world.answering(world.pod), ...world.answering(world.node)];
const untilAnswering = (by: By) =>
  expect.poll(answering, { timeout: 60_000 }).toEqual([...ALL(by), ...ALL(by)]);

async function untilAnswered(by: By, count: number): Promise<void> {
  const answers = () => client.asked.filter((one) => one.by === by).length;
  const goal = answers() + count;
  await expect.poll(answers, { timeout: 60_000 }).toBeGreaterThan(goal);
}

const since = (asked: readonly Asked[], ms: number) => asked.filter(({ sentMs }) => sentMs >= ms);
const by = (asked: readonly Asked[], who: By) => asked.filter((one) => one.by === who);

/** What became of the questions, and when the last was lost. */
function tell(what: string, asked: readonly Asked[], atMs: number): void {
  const lost = by(asked, 'nobody');
  const last = lost.length === 0 ? '' : `, the last sent ${lost.at(-1)!.sentMs - atMs} ms after it`;
  console.log(
    `${what}: ${asked.length} asked, unloop ${by(asked, 'unloop').length}, kube-dns ${by(asked, 'kube-dns').length}, ` +
      `lost ${lost.length}${last}`,
  );
}

describe('the detour', () => {
  it('is a program that is hardened', () => {
    const said = run('readelf', ['--wide', '--file-header', '--dynamic', '--dyn-syms', PROGRAM]);
    expect(said).toMatch(/Type: +DYN/);
    expect(said).toContain('BIND_NOW');
    for (const symbol of ['__stack_chk_fail', '_chk@']) expect(said).toContain(symbol);
  });

  it('is off while nobody answers: kube-dns does', async () => {
    // Somebody who may write there cannot have it open another file to all.
    const secret = `${world.detourSocket}-secret`;
    writeFileSync(secret, '', { mode: 0o600 });
    symlinkSync(secret, world.detourSocket);
    detour = world.startDetour();
    await expect.poll(() => world.detourTables()).toHaveLength(2);
    await expect.poll(told).toEqual([expect.stringMatching(/^off for/), expect.stringMatching(/^off for/)]);
    expect(lstatSync(secret).mode & 0o777).toBe(0o600);
    unlinkSync(secret);
    const socket = lstatSync(world.detourSocket);
    expect([socket.isSocket(), socket.mode & 0o777]).toEqual([true, 0o666]);
    await sleep(PROOF_MS);
    expect(answering()).toEqual([...ALL('kube-dns'), ...ALL('kube-dns')]);
  });

  it('is on while unloop answers, past kube-proxy and its connection tracking', async () => {
    unloop = world.startUnloop();
    await untilAnswering('unloop');
    expect(await told()).toEqual([expect.stringMatching(/^on for/), expect.stringMatching(/^on for/)]);
    const meeting = () => {
      const before = world.metByKubeProxy();
      return [...answering(), world.metByKubeProxy() - before];
    };
    await expect.poll(meeting, { timeout: 60_000 }).toEqual([...ALL('unloop'), ...ALL('unloop'), 0]);
  });

  it('stays when kube-proxy writes its rules again, or somebody flushes all', async () => {
    const tables = world.detourTables();
    expect(tables).toHaveLength(2);
    world.resyncKubeProxy();
    await untilAnswering('unloop');
    world.node.run('nft', ['flush', 'ruleset']);
    await untilAnswering('unloop');
    world.resyncKubeProxy();
    // By their handles: they are the same ones, not made again.
    expect(world.detourTables()).toEqual(tables);
  });

  it('is off as soon as unloop is killed: what is asked afterwards, kube-dns answers', async () => {
    client = world.startClient();
    await untilAnswered('unloop', 250);
    const atMs = Date.now();
    await unloop.kill();
    const goneMs = Date.now();
    await untilAnswered('kube-dns', 500);
    const asked = await client.end();
    tell('kill -9', asked, atMs);
    expect(
      by(
        asked.filter(({ sentMs }) => sentMs < atMs - LONG_MS),
        'nobody',
      ),
    ).toEqual([]);
    const after = since(asked, goneMs + 1);
    expect(after.length).toBeGreaterThan(400);
    expect(by(after, 'kube-dns')).toEqual(after);
  });

  it('comes back with unloop, and nothing is lost', async () => {
    client = world.startClient();
    await untilAnswered('kube-dns', 100);
    unloop = world.startUnloop();
    await untilAnswered('unloop', 250);
    const asked = await client.end();
    tell('started again', asked, asked[0]!.sentMs);
    expect(by(asked, 'nobody')).toEqual([]);
    await untilAnswering('unloop');
  });

  it('is off 1.5 s after unloop has stopped to answer, and on again when it goes on', async () => {
    client = world.startClient();
    await untilAnswered('unloop', 250);
    const atMs = Date.now();
    unloop.process.kill('SIGSTOP');
    await untilAnswered('kube-dns', 500);
    unloop.process.kill('SIGCONT');
    await untilAnswered('unloop', 250);
    const asked = await client.end();
    tell('SIGSTOP', asked, atMs);
    expect(by(since(asked, atMs + PROOF_MS + SLACK_MS), 'nobody')).toEqual([]);
    expect(
      by(
        asked.filter(({ sentMs }) => sentMs < atMs - LONG_MS),
        'nobody',
      ),
    ).toEqual([]);
  });

  it('goes with its process, however that ends', async () => {
    client = world.startClient();
    await untilAnswered('unloop', 100);
    const atMs = Date.now();
    await detour.kill();
    const goneMs = Date.now();
    await untilAnswered('kube-dns', 250);
    const killed = await client.end();
    tell('detour, kill -9', killed, atMs);
    // Those that unloop had been asked have their answers sent back by nobody.
    expect(by(since(killed, goneMs + 1), 'kube-dns')).toEqual(since(killed, goneMs + 1));
    expect(
      by(
        killed.filter(({ sentMs }) => sentMs < atMs - LONG_MS),
        'nobody',
      ),
    ).toEqual([]);
    expect(world.tables()).toEqual(['table ip kube-proxy', 'table ip6 kube-proxy']);

    detour = world.startDetour();
    await untilAnswering('unloop');
    client = world.startClient();
    await untilAnswered('unloop', 100);
    const stopMs = Date.now();
    expect(await detour.stop()).toBe(0);
    await untilAnswered('kube-dns', 250);
    const asked = await client.end();
    tell('detour, SIGTERM', asked, stopMs);
    expect(by(asked, 'nobody')).toEqual([]);
    expect(world.tables()).toEqual(['table ip kube-proxy', 'table ip6 kube-proxy']);
  });
});

describe('on a kernel before 5.12', () => {
  it('two pods of an update have rules of their own', async () => {
    const program = buildForOldKernel();
    const old = world.startDetour(program);
    await untilAnswering('unloop');
    expect(world.detourTables()).toHaveLength(2);
    client = world.startClient();
    await untilAnswered('unloop', 100);
    const next = world.startDetour(program, `${world.detourSocket}-next`);
    await expect
      .poll(() => describeDetour(`${world.detourSocket}-next`, Date.now()), { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^on for/), expect.stringMatching(/^on for/)]);
    expect(world.detourTables()).toHaveLength(4);
    expect(await old.stop()).toBe(0);
    await untilAnswered('unloop', 250);
    const asked = await client.end();
    tell('the first of two ends', asked, asked[0]!.sentMs);
    expect(by(asked, 'unloop')).toEqual(asked);
    expect(world.detourTables()).toHaveLength(2);
    await next.kill();
    await untilAnswering('kube-dns');
  });

  it('a fifth is refused, and says why', async () => {
    const program = buildForOldKernel();
    const four = [1, 2, 3, 4].map((i) => world.startDetour(program, `${world.detourSocket}-${i}`));
    await expect.poll(() => world.detourTables(), { timeout: 60_000 }).toHaveLength(8);
    const fifth = world.startDetour(program, `${world.detourSocket}-5`);
    expect(await fifth.ended).toBe(1);
    expect(fifth.stdout).toContain('four of these already run on this node');
    await Promise.all(four.map((one) => one.kill()));
  });
});
