// Which pod has which address.
import { describe, expect, it } from 'vitest';
import { PodTable, readPod } from '../../src/kubernetes/pod-table.ts';

const pod = (name: string, status: object, spec: object = {}) =>
  readPod({ metadata: { namespace: 'shop', name }, spec, status });
const at = (...ips: string[]) => ({ phase: 'Running', podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) });

describe('the addresses of a pod', () => {
  it('are all of podIPs, in their canonical form', () => {
    expect(pod('a', at('10.1.2.3', '2001:DB8:0::1'))).toEqual({
      id: 'shop/a',
      addresses: ['10.1.2.3', '2001:db8::1'],
    });
    expect(pod('a', { phase: 'Running', podIP: '10.1.2.3' })!.addresses).toEqual(['10.1.2.3']);
  });

  it('are none for one on the node’s network, one that has ended, and one that has not begun', () => {
    expect(pod('a', at('10.1.2.3'), { hostNetwork: true })!.addresses).toEqual([]);
    for (const phase of ['Succeeded', 'Failed'])
      expect(pod('a', { ...at('10.1.2.3'), phase })!.addresses).toEqual([]);
    expect(pod('a', { phase: 'Pending' })!.addresses).toEqual([]);
  });

  it('are at most four, whatever is sent', () => {
    const ips = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    expect(pod('a', at(...ips))!.addresses).toHaveLength(4);
    expect(pod('a', { podIPs: [null, { ip: 7 }, {}] })!.addresses).toEqual([]);
  });

  it.each([
    null,
    7,
    'pod',
    {},
    { metadata: { name: 'a' } },
    { metadata: { namespace: 'a', name: 'x\u001b' } },
  ])('%j is no pod', (object) => {
    expect(readPod(object)).toBeNull();
  });
});

describe('a table of pods', () => {
  it('knows the last pod that has an address, and forgets with a pod its own addresses only', () => {
    const table = new PodTable();
    table.set(pod('old', at('10.1.2.3'))!);
    table.set(pod('new', at('10.1.2.3', '2001:db8::1'))!);
    table.remove('shop/old');
    expect(table.podOf('10.1.2.3')).toBe('shop/new');
    expect(table.podOf('::ffff:10.1.2.3')).toBe('shop/new');
    expect(table.podOf('2001:DB8::1')).toBe('shop/new');
    table.set(pod('new', at('10.1.2.4'))!);
    expect(table.podOf('10.1.2.3')).toBeNull();
    expect(table.podOf('10.1.2.4')).toBe('shop/new');
    table.set(pod('new', { ...at('10.1.2.4'), phase: 'Succeeded' })!);
    expect(table.podOf('10.1.2.4')).toBeNull();
    expect(table.size).toBe(0);
  });

  it('has room for so many, and counts those that it leaves out', () => {
    const table = new PodTable(2);
    for (const name of ['a', 'b', 'c']) table.set(pod(name, at(`10.1.2.${name.charCodeAt(0)}`))!);
    expect([table.size, table.left]).toEqual([2, 1]);
    expect(table.podOf('10.1.2.99')).toBeNull();
    // One that it has may change.
    table.set(pod('a', at('10.1.2.200'))!);
    expect(table.podOf('10.1.2.200')).toBe('shop/a');
    table.remove('shop/b');
    table.set(pod('c', at('10.1.2.99'))!);
    expect(table.podOf('10.1.2.99')).toBe('shop/c');
  });
});
