import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readDnscryptProxy } from '../../src/doctor/dnscrypt-proxy.ts';
import type { Service } from '../../src/doctor/service.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

async function filesOf(tree: Tree): Promise<NodeFiles> {
  return new NodeFiles(await makeTree(tree));
}

/** "zone: server server" of every route, and where it listens. */
function summarize(service: Service | null) {
  const listens = service?.listens.map(({ address, port }) => `${address} ${port}`);
  const routes = service?.routes.map(({ zone, targets, unknown }) => {
    return `${zone}: ${unknown || targets.map(({ text }) => text).join(' ')}`;
  });
  return { listens, routes };
}

describe('dnscrypt-proxy', () => {
  it('listens where its file says, and asks what its lists have', async () => {
    const toml = "listen_addresses = ['127.0.0.1:5300', '[::1]:5300']\n";
    const files = await filesOf({ '/etc/dnscrypt-proxy/dnscrypt-proxy.toml': toml });
    expect(summarize(await readDnscryptProxy(files))).toEqual({
      listens: ['127.0.0.1 5300', '::1 5300'],
      routes: ['.: public resolvers of its lists (encrypted)'],
    });
  });

  it('listens on 127.0.2.1 where Debian has systemd do it', async () => {
    const files = await filesOf({ '/etc/dnscrypt-proxy/dnscrypt-proxy.toml': 'listen_addresses = []\n' });
    expect(summarize(await readDnscryptProxy(files)).listens).toEqual(['127.0.2.1 53']);
  });
});
