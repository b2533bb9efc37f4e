// unloop in the pods of a node, found by what kubelet mounts; and whose loopback may be asked.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { listTargets } from '../../src/doctor/diagnose.ts';
import { inspect } from '../../src/doctor/inspect.ts';
import { findPodUnloops, readPodConfig } from '../../src/doctor/pod-unloops.ts';

const treeOf = (name: string) => join(import.meta.dirname, 'fixtures', name, 'tree');
const find = (name: string) => findPodUnloops(new NodeFiles(treeOf(name)), '/var/lib/kubelet');

describe('findPodUnloops', () => {
  it('finds a sidecar, whose loopback is its pod’s', async () => {
    const [found, ...more] = await find('unloop-in-pods');
    expect(more).toEqual([]);
    expect(found).toMatchObject({ place: 'pod', fault: '' });
    expect(found!.config!.listen).toEqual([{ host: '127.0.0.1', port: 5300 }]);
    // Its key is in another file, which is not looked for.
    expect(found!.config!.loop.clusterKey).toBe('');
  });

  it('finds one in the node’s network', async () => {
    expect(await find('unloop-node-local')).toMatchObject([{ place: 'node' }]);
  });

  it('says what is wrong with a faulty one', async () => {
    const [found] = await find('unloop-faulty');
    expect(found).toMatchObject({ config: null });
    expect(found!.fault).toContain('upstreems');
  });

  it('lets nothing of it reach the terminal as a command', () => {
    const { fault } = readPodConfig('/x/config.yaml', '"\\e[2J": 1\n');
    expect(fault).toContain('unknown key "?[2J"');
  });

  it('finds none where there is none', async () => {
    expect(await find('kubeadm-stub')).toEqual([]);
  });
});

describe('the servers to ask', () => {
  it('have nothing of a pod’s loopback, nor its servers', async () => {
    const facts = await inspect({
      root: treeOf('unloop-in-pods'),
      isPod: false,
      podRoot: '/',
      corefile: null,
      config: null,
      clusterDns: [],
      mayAsk: false,
      wallClockMs: 0,
    });
    const targets = listTargets(facts).map(({ text }) => text);
    expect(targets).not.toContain('127.0.0.1:5300');
    expect(targets).toEqual(expect.arrayContaining(['127.0.0.53', '10.0.0.2', '10.0.0.9']));
  });
});
