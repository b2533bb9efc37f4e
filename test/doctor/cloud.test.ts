import { expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { describeAddress, recognizeCloud } from '../../src/doctor/cloud.ts';
import { makeTree } from '../discovery/temp-tree.ts';

const recognize = async (dmi: Record<string, string>) => {
  const tree = Object.entries(dmi).map(([name, text]) => [`/sys/class/dmi/id/${name}`, text]);
  return (await recognizeCloud(new NodeFiles(await makeTree(Object.fromEntries(tree)))))?.name ?? null;
};

it.each([
  ['Amazon EC2', { sys_vendor: 'Amazon EC2\n' }],
  ['Alibaba Cloud', { sys_vendor: 'Alibaba Cloud\n' }],
  ['Google Compute Engine', { sys_vendor: 'Google\n', product_name: 'Google Compute Engine\n' }],
  [
    'Azure',
    { sys_vendor: 'Microsoft Corporation\n', chassis_asset_tag: '7783-7084-3265-9085-8269-3286-77\n' },
  ],
  // Hyper-V on the desk.
  [null, { sys_vendor: 'Microsoft Corporation\n', chassis_asset_tag: '1234-5678\n' }],
  [null, { sys_vendor: 'Amazon EC2 look-alike\n' }],
  [null, {}],
])('recognizes %s by its firmware', async (name, dmi) => {
  expect(await recognize(dmi)).toBe(name);
});

it.each([
  ['10.0.2.3', "the NAT of the virtual machine's host"],
  ['192.168.122.1', "libvirt's NAT"],
  ['169.254.169.253', 'Amazon EC2'],
  ['169.254.169.254', 'Google Compute Engine'],
  ['168.63.129.16', 'Azure'],
  ['100.100.2.138', 'Alibaba Cloud'],
  ['10.0.2.30', ''],
  ['', ''],
])('knows %s as %j', (address, known) => {
  expect(describeAddress(address)).toBe(known);
});
