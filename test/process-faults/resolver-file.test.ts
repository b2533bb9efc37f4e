// Bad contents of the file that names the upstreams, while unloop follows it: it keeps the last
// good servers, says so, and follows a good file again. (A link to itself stands for an unreadable
// file: root may read all others.)
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeTree } from '../discovery/temp-tree.ts';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';

const MIB = 1024 * 1024;
const FILE = '/etc/resolv.conf';

interface Fault {
  readonly fault: string;
  /** Leaves something bad at this path, where nothing is. */
  readonly spoil: (path: string) => void;
  /** What the log says is to be done. */
  readonly remedy: RegExp;
}

const FAULTS: readonly Fault[] = [
  { fault: 'gone', spoil: () => {}, remedy: /name a DNS server/ },
  {
    fault: 'a directory',
    spoil: (path) => mkdirSync(path),
    remedy: /Point discovery.resolvConf at a regular file/,
  },
  {
    fault: '10 MB long',
    spoil: (path) => writeFileSync(path, '# much ado\n'.repeat(MIB)),
    remedy: /which has a few lines on a sane machine/,
  },
  {
    fault: 'unreadable',
    spoil: (path) => symlinkSync('resolv.conf', path),
    remedy: /Let the symbolic link .* lead to a file/,
  },
  {
    fault: 'no text',
    spoil: (path) => writeFileSync(path, Buffer.alloc(4096, 0x80)),
    remedy: /name a DNS server/,
  },
];

async function addressesOf(unloop: UnloopProcess): Promise<string> {
  const { upstreams } = await unloop.adminJson<{ upstreams: { address: string }[] }>('/upstreams');
  return upstreams.map(({ address }) => address).join();
}

it.each(FAULTS)('$fault: the last good servers stay, until there are others', async ({ spoil, remedy }) => {
  const root = await makeTree({ [FILE]: 'nameserver 192.0.2.1\n' });
  // Nothing is sent to the servers that are found: 192.0.2.0/24 is for documentation (RFC 5737).
  const quiet = {
    forward: { healthCheck: { interval: '1h' } },
    loop: { probe: { onStart: false, interval: '0s' } },
  };
  const unloop = await startUnloop({ config: { upstreams: 'auto', discovery: { root }, ...quiet } });
  expect(await addressesOf(unloop)).toBe('192.0.2.1:53');
  rmSync(root + FILE);
  spoil(root + FILE);
  await unloop.waitForLog(({ code }) => code === 'last-good-kept');
  await unloop.waitForLog(({ remedy: said }) => remedy.test(String(said)));
  expect(await addressesOf(unloop)).toBe('192.0.2.1:53');
  expect((await unloop.admin('/ready')).status).toBe(200);

  writeFileSync(`${root}${FILE}.new`, 'nameserver 192.0.2.9\n');
  rmSync(root + FILE, { recursive: true, force: true });
  renameSync(`${root}${FILE}.new`, root + FILE);
  await expect.poll(() => addressesOf(unloop), { timeout: 40_000 }).toBe('192.0.2.9:53');
  expect((await unloop.metrics()).value('unloop_worker_restarts_total')).toBe(0);
  expect(await unloop.stop()).toBe(0);
});
