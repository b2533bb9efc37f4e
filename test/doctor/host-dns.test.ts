import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readOpenShiftCoreDns, readTailscale, readTalosHostDns } from '../../src/doctor/host-dns.ts';
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

describe("Talos's host DNS", () => {
  it('is known by its address alone, without its upstreams', async () => {
    expect(await readTalosHostDns(await filesOf({}), ['10.0.0.2'])).toBeNull();
    expect(summarize(await readTalosHostDns(await filesOf({}), ['169.254.116.108'])).routes).toEqual([
      '.: it asks what `talosctl get resolvers` lists',
    ]);
  });

  it('asks what a ResolverConfig document names', async () => {
    const config =
      'version: v1alpha1\nmachine: { type: worker }\n---\napiVersion: v1alpha1\nkind: ResolverConfig\n' +
      'nameservers:\n  - address: 10.0.0.2\n  - address: 2001:db8::53\n';
    const files = await filesOf({ '/system/state/config.yaml': config });
    expect(summarize(await readTalosHostDns(files, [])).routes).toEqual(['.: 10.0.0.2 2001:db8::53']);
  });
});

describe("OpenShift's CoreDNS on the node", () => {
  it('answers on the address of the node', async () => {
    const files = await filesOf({
      '/etc/coredns/Corefile': '. {\n forward . 10.0.0.2 10.0.0.3\n}\n',
      '/run/nodeip-configuration/primary-ip': '192.0.2.21\n',
    });
    expect(summarize(await readOpenShiftCoreDns(files))).toEqual({
      listens: ['0.0.0.0 53', ':: 53', '192.0.2.21 53'],
      routes: ['.: 10.0.0.2 10.0.0.3'],
    });
  });
});

describe('Tailscale', () => {
  it('is there where its address is named, or where it took resolv.conf over', async () => {
    expect(await readTailscale(await filesOf({}), ['10.0.0.2'])).toBeNull();
    expect((await readTailscale(await filesOf({}), ['fd7a:115c:a1e0::53']))?.routes).toEqual([]);
    const files = await filesOf({ '/etc/resolv.pre-tailscale-backup.conf': 'nameserver 10.0.0.2\n' });
    expect(summarize(await readTailscale(files, [])).routes).toEqual(['.: 10.0.0.2']);
  });
});
