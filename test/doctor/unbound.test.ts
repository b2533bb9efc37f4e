import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import type { Service } from '../../src/doctor/service.ts';
import { readUnbound } from '../../src/doctor/unbound.ts';
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

describe('unbound', () => {
  it('is read with what it includes, each file once', async () => {
    const files = await filesOf({
      '/etc/unbound/unbound.conf': 'include: "/etc/unbound/conf.d/*.conf"\n',
      '/etc/unbound/conf.d/a.conf':
        'server:\n  interface: 0.0.0.0@5353\n  interface: ::1 # here\n  port: 5335\ninclude: /etc/unbound/unbound.conf\n',
      '/etc/unbound/conf.d/b.conf':
        'forward-zone:\n  name: "."\n  forward-tls-upstream: yes\n  forward-addr: 9.9.9.9@853#dns.quad9.net\n' +
        'stub-zone:\n  name: Corp.Example.\n  stub-host: ns.corp.example\n',
      '/etc/unbound/conf.d/c.conf.off': 'forward-zone:\n  name: off.example\n  forward-addr: 10.0.0.2\n',
    });
    expect(summarize(await readUnbound(files))).toEqual({
      listens: ['0.0.0.0 5353', '::1 5335'],
      routes: ['.: 9.9.9.9:853', 'corp.example: ns.corp.example'],
    });
  });

  it('asks the root servers itself by default', async () => {
    const files = await filesOf({ '/etc/unbound/unbound.conf': '# nothing\n' });
    expect(summarize(await readUnbound(files))).toEqual({
      listens: ['127.0.0.1 53', '::1 53'],
      routes: ['.: the root servers'],
    });
  });
});
