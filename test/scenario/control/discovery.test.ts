// Discovery below discovery.root: the loopback stub is replaced, and changes of the files take
// effect. The servers named here are never asked: 192.0.2.0/24 is for documentation (RFC 5737).
import { rename, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { makeTree } from '../../discovery/temp-tree.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, until, upstreamSaying } from './scene.ts';
import { startLoad } from './steady-load.ts';

const REAL = '/run/systemd/resolve/resolv.conf';

/** A node with systemd-resolved as Ubuntu installs it. */
const resolvedNode = (...servers: string[]) =>
  makeTree({
    '/etc/resolv.conf': '→ ../run/systemd/resolve/stub-resolv.conf',
    '/run/systemd/resolve/stub-resolv.conf': 'nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n',
    [REAL]: servers.map((server) => `nameserver ${server}\n`).join(''),
  });

const config = (root: string) => ({
  upstreams: 'auto',
  discovery: { root },
  // Nothing is sent to the servers that are found.
  forward: { healthCheck: { interval: '1h' } },
  loop: QUIET_LOOP,
});

interface UpstreamJson {
  readonly address: string;
  readonly source: string;
  readonly replaces: string | null;
}

const upstreamsOf = async (unloop: UnloopProcess) =>
  (await unloop.adminJson<{ upstreams: UpstreamJson[] }>('/upstreams')).upstreams;
const addressesOf = async (unloop: UnloopProcess) =>
  (await upstreamsOf(unloop)).map(({ address }) => address);

describe('discovery.root with the files of systemd-resolved', () => {
  it('replaces the stub, and says by what, from where and how to fix it for good', async () => {
    const unloop = await startUnloop({ config: config(await resolvedNode('192.0.2.1', '192.0.2.2')) });
    const found = { transport: 'udp', zones: ['.'], source: REAL, replaces: '127.0.0.53:53' };
    expect(await upstreamsOf(unloop)).toMatchObject([
      { address: '192.0.2.1:53', ...found },
      { address: '192.0.2.2:53', ...found },
    ]);
    expect((await unloop.metrics()).value('unloop_rewritten_upstreams')).toBe(1);
    const line = await unloop.waitForLog((entry) => entry.code === 'loopback-rewritten');
    expect(line.remedy).toContain(REAL);
    expect((await unloop.admin('/ready')).status).toBe(200);
  });

  it('follows a file that is replaced by rename, and not at the next poll alone', async () => {
    const root = await resolvedNode('192.0.2.1');
    const unloop = await startUnloop({ config: config(root) });
    const tookMs: number[] = [];
    for (const [first, second] of [
      [7, 8],
      [9, 10],
      [11, 12],
    ]) {
      const servers = [`192.0.2.${first}`, `192.0.2.${second}`];
      await writeFile(`${root}${REAL}.new`, servers.map((server) => `nameserver ${server}\n`).join(''));
      const startedMs = performance.now();
      await rename(`${root}${REAL}.new`, root + REAL);
      await until(
        () => addressesOf(unloop),
        (addresses) => addresses.join() === servers.map((server) => `${server}:53`).join(),
      );
      tookMs.push(performance.now() - startedMs);
    }
    // 100 ms each, unless the machine stalls. The poll alone, which a broken watch would leave,
    // takes five seconds from the change before, which it found as well.
    expect(Math.min(...tookMs.slice(1))).toBeLessThan(4000);
  });

  it('keeps the last good servers while the file is empty or gone, says so, and then follows it again', async () => {
    const root = await resolvedNode('192.0.2.1');
    const unloop = await startUnloop({ config: config(root) });
    await writeFile(root + REAL, '');
    await unloop.waitForLog((line) => line.code === 'last-good-kept');
    expect(await addressesOf(unloop)).toEqual(['192.0.2.1:53']);
    await rm(root + REAL);
    await writeFile(root + REAL, 'nameserver 192.0.2.9\n');
    await until(
      () => addressesOf(unloop),
      (addresses) => addresses.join() === '192.0.2.9:53',
    );
    expect((await upstreamsOf(unloop))[0]!.replaces).toBe('127.0.0.53:53');
  });

  it('never falls back to the stub itself', async () => {
    const root = await resolvedNode('127.0.0.53', '127.0.0.1');
    const unloop = await startUnloop({ config: config(root) });
    const addresses = await addressesOf(unloop);
    expect(addresses).not.toContain('127.0.0.53:53');
    expect(addresses).not.toContain('127.0.0.1:53');
    expect((await unloop.admin('/ready')).status).toBe(503);
    expect((await askUdp(unloop.port, { name: 'www.example' })).rcode).toBe(2);
  });

  it('changes under load without affecting other zones', async () => {
    const root = await resolvedNode('192.0.2.1');
    const zoneServer = await upstreamSaying('192.0.2.50');
    const unloop = await startUnloop({
      config: { ...config(root), workers: 2, zones: { example: { upstreams: [zoneServer.text] } } },
    });
    const load = startLoad(unloop.port);
    await load.seen('192.0.2.50', 50);
    for (let change = 2; change <= 6; change++) {
      await writeFile(`${root}${REAL}.new`, `nameserver 192.0.2.${change}\n`);
      await rename(`${root}${REAL}.new`, root + REAL);
      await until(
        () => addressesOf(unloop),
        (addresses) => addresses.includes(`192.0.2.${change}:53`),
      );
    }
    const { sent, lost, answers } = await load.stop();
    expect(lost).toEqual([]);
    expect(answers.get('192.0.2.50')).toBe(sent);
  });
});
