import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readAdGuardHome } from '../../src/doctor/adguard-home.ts';
import { makeTree } from '../discovery/temp-tree.ts';

const PATH = '/opt/AdGuardHome/AdGuardHome.yaml';

async function read(yaml: string, path = PATH) {
  const service = await readAdGuardHome(new NodeFiles(await makeTree({ [path]: yaml })));
  if (service === null) return null;
  return {
    listens: service.listens.map(({ address, port }) => `${address} ${port}`),
    routes: service.routes.map(
      ({ zone, targets }) => `${zone}: ${targets.map(({ text }) => text).join(' ')}`,
    ),
    targets: service.routes.flatMap(({ targets }) => targets),
  };
}

describe('AdGuard Home', () => {
  it.each([
    PATH,
    '/var/snap/adguard-home/current/AdGuardHome.yaml',
    '/etc/adguardhome.yaml',
  ])('is found at %s', async (path) => {
    const found = await read('dns:\n  upstream_dns: [10.0.0.2]\n', path);
    expect(found).toMatchObject({ routes: ['.: 10.0.0.2'], targets: [{ source: path }] });
  });

  it('is absent where there is no file, or one that is not YAML', async () => {
    expect(await readAdGuardHome(new NodeFiles(await makeTree({})))).toBeNull();
    expect(await read('dns: [')).toBeNull();
  });

  it('listens on every address and port 53, unless it is told otherwise', async () => {
    expect((await read(''))!.listens).toEqual(['0.0.0.0 53']);
    expect((await read('dns: { port: 5353, bind_hosts: [127.0.0.1, "::1"] }'))!.listens).toEqual([
      '127.0.0.1 5353',
      '::1 5353',
    ]);
    expect((await read('dns: { bind_host: 10.0.0.1 }'))!.listens).toEqual(['10.0.0.1 53']);
  });

  it('sends the names between slashes to servers of their own', async () => {
    const yaml = [
      'dns:',
      '  upstream_dns:',
      '    - "# a comment"',
      '    - ""',
      '    - udp://10.0.0.2:5353',
      '    - "[/corp.example/Lab.Example/]10.1.0.2 10.1.0.3"',
      '    - "[/corp.example/]10.1.0.4"',
    ];
    expect((await read(yaml.join('\n')))!.routes).toEqual([
      '.: udp://10.0.0.2:5353',
      'corp.example: 10.1.0.2 10.1.0.3 10.1.0.4',
      'lab.example: 10.1.0.2 10.1.0.3',
    ]);
  });

  it('keeps as written what is not a plain address', async () => {
    const found = await read('dns: { upstream_dns: ["tls://9.9.9.9", "https://dns.example/dns-query"] }');
    expect(found!.targets).toMatchObject([
      { text: 'tls://9.9.9.9' },
      { endpoint: null, text: 'https://dns.example/dns-query' },
    ]);
  });

  it('reads values of other kinds as none', async () => {
    expect(await read('dns: { port: "53", upstream_dns: 7 }')).toMatchObject({
      listens: ['0.0.0.0 53'],
      routes: [],
    });
  });
});
