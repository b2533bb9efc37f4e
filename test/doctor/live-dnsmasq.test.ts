// dnsmasq names its upstreams itself (CH TXT servers.bind): the doctor follows a chain of them on
// this machine.
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readLocalServers } from '../../src/doctor/local-servers.ts';
import { makeTree } from '../discovery/temp-tree.ts';

describe('dnsmasq on this machine', () => {
  it('is asked, and so is the next one, each once', async () => {
    const asked: string[] = [];
    const answers: Record<string, string[]> = {
      '127.0.0.1': ['127.0.0.2#53 3 0', '10.0.0.9#53 1 0'],
      '127.0.0.2': ['127.0.0.1#53 3 0'],
    };
    const context = {
      files: new NodeFiles(await makeTree({})),
      resolvConf: '/etc/resolv.conf',
      stubs: ['127.0.0.1'],
      askServersBind: async (address: string) => {
        asked.push(address);
        return answers[address] ?? null;
      },
      wallClockMs: 0,
    };
    const isHere = (address: string) => address.startsWith('127.');
    const { services } = await readLocalServers(context, ['127.0.0.1'], isHere);
    const dnsmasqs = services.filter((service) => service.role === 'dnsmasq');
    expect(
      dnsmasqs.map(({ listens, routes }) => [listens[0]!.address, routes[0]!.targets.map((t) => t.text)]),
    ).toEqual([
      ['127.0.0.1', ['127.0.0.2', '10.0.0.9']],
      ['127.0.0.2', ['127.0.0.1']],
    ]);
    expect(new Set(asked)).toEqual(new Set(['127.0.0.1', '127.0.0.2']));
  });
});
