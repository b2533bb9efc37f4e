import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { plainEndpoint } from '../../src/base/endpoint.ts';
import { discoverUpstreams } from '../../src/discovery/discover.ts';
import type { Discovery } from '../../src/discovery/discovery.ts';
import { type WatchOptions, watchConfigured, watchDiscovery } from '../../src/discovery/watch.ts';
import { planWatches } from '../../src/discovery/watch-plan.ts';
import { addToTree, localOptions, makeTree } from './temp-tree.ts';

const CONF = '/etc/resolv.conf';
const RESOLVED_FILE = '/run/systemd/resolve/resolv.conf';

/** Long enough that only inotify can have seen a change. */
const NO_POLL = { debounceMs: 10, pollMs: 3_600_000 };

/** The results of a watch, to be awaited one by one. */
class Results {
  readonly all: Discovery[] = [];
  readonly errors: unknown[] = [];
  #read = 0;
  #wake: () => void = () => {};

  add(discovery: Discovery): void {
    this.all.push(discovery);
    this.#wake();
  }

  async next(): Promise<string> {
    while (this.#read === this.all.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.all[this.#read++]!.upstreams.map(({ endpoint }) => endpoint.host).join(' ');
  }

  /** Reads on until the servers are these. */
  async until(servers: string): Promise<void> {
    while ((await this.next()) !== servers);
  }

  get lastCodes(): string[] {
    return this.all.at(-1)!.notices.map(({ code }) => code);
  }
}

/** A promise that is settled from outside. */
function openPromise<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let settle: (value: Value) => void = () => {};
  const promise = new Promise<Value>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

function follow(root: string, more: Partial<WatchOptions> = {}, previous: Discovery | null = null): Results {
  const results = new Results();
  const options = { ...localOptions(root), ...NO_POLL, ...more };
  const onError = (error: unknown) => void results.errors.push(error);
  const watch = watchDiscovery(options, (discovery) => results.add(discovery), onError, previous);
  onTestFinished(() => {
    watch.close();
    expect(results.errors).toEqual([]);
  });
  return results;
}

describe('watchDiscovery', () => {
  it('gives the first result, and follows a file that is written again', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 10.0.0.1\n' });
    const results = follow(root);
    expect(await results.next()).toBe('10.0.0.1');
    await writeFile(root + CONF, 'nameserver 10.0.0.2\n');
    await results.until('10.0.0.2');
  });

  it('does not repeat what is known already', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 10.0.0.1\n' });
    const results = follow(root, {}, await discoverUpstreams(localOptions(root)));
    await writeFile(`${root}${CONF}.new`, 'nameserver 10.0.0.2\n');
    await rename(`${root}${CONF}.new`, root + CONF);
    expect(await results.next()).toBe('10.0.0.2');
    expect(results.all).toHaveLength(1);
  });

  it('follows a file replaced by rename, again and again', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 10.0.0.1\n' });
    const results = follow(root);
    await results.until('10.0.0.1');
    for (const last of [2, 3, 4]) {
      await writeFile(`${root}${CONF}.tmp`, `nameserver 10.0.0.${last}\n`);
      await rename(`${root}${CONF}.tmp`, root + CONF);
      await results.until(`10.0.0.${last}`);
    }
  });

  it('sees the file with the real servers appear late, directories and all', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 127.0.0.53\n' });
    const results = follow(root);
    expect(await results.next()).toBe('127.0.0.53');
    await addToTree(root, { [RESOLVED_FILE]: 'nameserver 10.0.0.2\n' });
    await results.until('10.0.0.2');
    expect(results.all.at(-1)!.upstreams[0]!.origin.replaces).toBe('127.0.0.53:53');
  });

  it('follows a directory that is deleted and made again', async () => {
    const root = await makeTree({
      [CONF]: 'nameserver 127.0.0.53\n',
      [RESOLVED_FILE]: 'nameserver 10.0.0.2\n',
    });
    const results = follow(root);
    await results.until('10.0.0.2');
    await rm(`${root}/run/systemd`, { recursive: true });
    await results.next();
    expect(results.lastCodes).toContain('last-good-kept');
    await addToTree(root, { [RESOLVED_FILE]: 'nameserver 10.0.0.3\n' });
    await results.until('10.0.0.3');
  });

  it('follows a directory that is swapped for another of the same name', async () => {
    const root = await makeTree({
      '/run/x/resolv.conf': 'nameserver 10.0.0.1\n',
      '/run/new/resolv.conf': 'nameserver 10.0.0.2\n',
    });
    const results = follow(root, { resolvConf: '/run/x/resolv.conf' });
    await results.until('10.0.0.1');
    await rename(`${root}/run/x`, `${root}/run/old`);
    await rename(`${root}/run/new`, `${root}/run/x`);
    await results.until('10.0.0.2');
    await writeFile(`${root}/run/x/resolv.conf`, 'nameserver 10.0.0.3\n');
    await results.until('10.0.0.3');
  });

  it('follows the swap of a symbolic link in the middle, as ConfigMaps do it', async () => {
    const root = await makeTree({
      '/etc/unloop/..1/resolv.conf': 'nameserver 10.0.0.1\n',
      '/etc/unloop/..2/resolv.conf': 'nameserver 10.0.0.2\n',
      '/etc/unloop/..data': '→ ..1',
      '/etc/unloop/resolv.conf': '→ ..data/resolv.conf',
    });
    const results = follow(root, { resolvConf: '/etc/unloop/resolv.conf' });
    await results.until('10.0.0.1');
    await symlink('..2', `${root}/etc/unloop/..tmp`);
    await rename(`${root}/etc/unloop/..tmp`, `${root}/etc/unloop/..data`);
    await results.until('10.0.0.2');
  });

  it('follows the target of a link in another directory', async () => {
    const root = await makeTree({
      [CONF]: '→ /run/x/resolv.conf',
      '/run/x/resolv.conf': 'nameserver 10.0.0.1\n',
    });
    const results = follow(root);
    await results.until('10.0.0.1');
    await writeFile(`${root}/run/x/resolv.conf`, 'nameserver 10.0.0.2\n');
    await results.until('10.0.0.2');
  });

  it('follows a new drop-in in a directory that is listed', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 127.0.0.53\n', '/run/resolvconf/interface/a': '' });
    const results = follow(root);
    await results.until('127.0.0.53');
    await addToTree(root, { '/run/resolvconf/interface/b': 'nameserver 10.0.0.2\n' });
    await results.until('10.0.0.2');
  });

  it('keeps the last good servers while the file is cut off, and says so once', async () => {
    const root = await makeTree({
      [CONF]: 'nameserver 10.0.0.1\n',
      '/run/NetworkManager/resolv.conf': 'nameserver 10.9.9.9\n',
    });
    const results = follow(root);
    await results.until('10.0.0.1');
    await writeFile(root + CONF, '');
    expect(await results.next()).toBe('10.0.0.1');
    expect(results.lastCodes).toContain('last-good-kept');
    await writeFile(root + CONF, 'nameserver 10.0.0.2\n');
    await results.until('10.0.0.2');
    expect(results.lastCodes).toEqual([]);
    expect(results.all).toHaveLength(3);
  });

  it('keeps the last good servers when a directory, or our own address, takes the place of the file', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 10.0.0.1\n' });
    const results = follow(root, { listen: [{ host: '10.0.0.5', port: 53 }] });
    await results.until('10.0.0.1');
    await writeFile(root + CONF, 'nameserver 10.0.0.5\n');
    while (!results.lastCodes.includes('own-address')) expect(await results.next()).toBe('10.0.0.1');
    await rm(root + CONF);
    await mkdir(root + CONF);
    while (!results.lastCodes.includes('resolv-conf-unreadable'))
      expect(await results.next()).toBe('10.0.0.1');
  });

  it('does not go back to the stub when the servers behind it are gone', async () => {
    const root = await makeTree({
      [CONF]: 'nameserver 127.0.0.53\n',
      [RESOLVED_FILE]: 'nameserver 10.0.0.2\n',
    });
    const results = follow(root);
    await results.until('10.0.0.2');
    await rm(root + RESOLVED_FILE);
    expect(await results.next()).toBe('10.0.0.2');
    expect(results.lastCodes).toEqual(['loopback-kept', 'last-good-kept']);
  });

  it('accepts another loopback server than the one replaced', async () => {
    const root = await makeTree({
      [CONF]: 'nameserver 127.0.0.53\n',
      [RESOLVED_FILE]: 'nameserver 10.0.0.2\n',
    });
    const results = follow(root);
    await results.until('10.0.0.2');
    await rm(root + RESOLVED_FILE);
    await writeFile(root + CONF, 'nameserver 127.0.0.1\n');
    await results.until('127.0.0.1');
  });

  it('finds by polling what no event told', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 127.0.0.1\n' });
    let servers: string[] | null = null;
    const results = follow(root, { pollMs: 20, askServersBind: async () => servers });
    await results.until('127.0.0.1');
    servers = ['10.0.0.2#53 0 0'];
    await results.until('10.0.0.2');
  });

  it('says nothing while nothing changes', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 127.0.0.1\n' });
    const polled = openPromise<void>();
    let polls = 0;
    const askServersBind = async () => {
      if (++polls === 8) polled.resolve();
      return ['10.0.0.2#53 0 0'];
    };
    const results = follow(root, { pollMs: 5, askServersBind });
    await polled.promise;
    expect(results.all).toHaveLength(1);
  });

  it('reports what a discovery throws, and goes on', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 127.0.0.1\n' });
    const results = new Results();
    const errors: unknown[] = [];
    let isBroken = true;
    const askServersBind = async () => {
      if (isBroken) throw new Error('broken');
      return ['10.0.0.2#53 0 0'];
    };
    const options = { ...localOptions(root), debounceMs: 10, pollMs: 20, askServersBind };
    const { promise, resolve } = openPromise<void>();
    const onError = (error: unknown) => {
      errors.push(error);
      isBroken = false;
      resolve();
    };
    const watch = watchDiscovery(options, (discovery) => results.add(discovery), onError);
    onTestFinished(() => watch.close());
    await promise;
    await results.until('10.0.0.2');
    expect(errors).toHaveLength(1);
  });

  it('says nothing after close, not even what is under way', async () => {
    const root = await makeTree({ [CONF]: 'nameserver 127.0.0.1\n' });
    const asked = openPromise<void>();
    const answer = openPromise<string[]>();
    const askServersBind = () => {
      asked.resolve();
      return answer.promise;
    };
    const results: Discovery[] = [];
    const options = { ...localOptions(root), ...NO_POLL, askServersBind };
    const watch = watchDiscovery(
      options,
      (discovery) => results.push(discovery),
      () => {},
    );
    await asked.promise;
    watch.close();
    answer.resolve(['10.0.0.2#53 0 0']);
    await discoverUpstreams(options);
    expect(results).toEqual([]);
  });
});

describe('watchConfigured', () => {
  it('follows the servers behind a configured stub', async () => {
    const root = await makeTree({ [RESOLVED_FILE]: 'nameserver 10.0.0.2\n' });
    const results = new Results();
    const options = { ...localOptions(root), ...NO_POLL };
    const watch = watchConfigured(
      [plainEndpoint('127.0.0.53')],
      options,
      (discovery) => results.add(discovery),
      () => {},
    );
    onTestFinished(() => watch.close());
    await results.until('10.0.0.2');
    await writeFile(root + RESOLVED_FILE, 'nameserver 10.0.0.3\n');
    await results.until('10.0.0.3');
  });
});

describe('planWatches', () => {
  it('watches directories, the nearest one above where there is none, and bounds their number', async () => {
    const root = await makeTree({ '/etc/a': '', '/run/x/y': '' });
    const locate = (path: string) => root + path;
    const plan = await planWatches(['/etc/a', '/etc/b', '/run/x/missing/deep/file', '/run/x/*'], locate);
    expect(plan.map(({ hostPath, names }) => [hostPath, [...names]])).toEqual([
      [`${root}/etc`, ['a', 'b']],
      [`${root}/run/x`, ['missing', '*']],
    ]);
    const many = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`/many/${i}/file`, '']));
    await addToTree(root, many);
    expect(await planWatches(Object.keys(many), locate)).toHaveLength(64);
  });
});
