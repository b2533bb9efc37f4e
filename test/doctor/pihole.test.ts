import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readPihole } from '../../src/doctor/pihole.ts';
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

describe('Pi-hole', () => {
  it('listens on its own port, and sends a network to the router', async () => {
    const path = '/etc/pihole/pihole.toml';
    const toml =
      '[dns]\nport = 5353\nupstreams = ["9.9.9.9", "127.0.0.1#5335"]\n' +
      'revServers = ["true,192.168.1.0/24,192.168.1.1,lan", "false,10.0.0.0/8,10.0.0.1,off"]\n';
    expect(summarize(await readPihole(await filesOf({ [path]: toml })))).toEqual({
      listens: ['0.0.0.0 5353', ':: 5353'],
      routes: ['.: 9.9.9.9 127.0.0.1:5335', 'lan: 192.168.1.1'],
    });
    expect(await readPihole(await filesOf({}))).toBeNull();
  });

  it('says so where its file names no upstream', async () => {
    const service = await readPihole(await filesOf({ '/etc/pihole/pihole.toml': '[dns\nupstreams = [[' }));
    expect(service!.routes).toMatchObject([
      { zone: '.', targets: [], unknown: '/etc/pihole/pihole.toml has no upstreams under [dns]' },
    ]);
  });
});
