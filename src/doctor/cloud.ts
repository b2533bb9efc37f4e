// Which cloud a machine runs in (what its firmware says, sysfs DMI) and the resolver that cloud
// gives every machine. Only ever suggested by the doctor; nothing uses these addresses unasked.
import type { NodeFiles } from '../discovery/node-files.ts';

/** A cloud and its resolvers. */
export interface Cloud {
  readonly name: string;
  readonly resolvers: readonly string[];
}

const DMI = '/sys/class/dmi/id';
/** Azure's machines have this chassis tag, other Hyper-V machines have not. */
const AZURE_ASSET_TAG = '7783-7084-3265-9085-8269-3286-77';

const AMAZON: Cloud = { name: 'Amazon EC2', resolvers: ['169.254.169.253'] };
const GOOGLE: Cloud = { name: 'Google Compute Engine', resolvers: ['169.254.169.254'] };
const AZURE: Cloud = { name: 'Azure', resolvers: ['168.63.129.16'] };
const ALIBABA: Cloud = { name: 'Alibaba Cloud', resolvers: ['100.100.2.136', '100.100.2.138'] };

/** Null when the firmware names none of them. */
export async function recognizeCloud(files: NodeFiles): Promise<Cloud | null> {
  const vendor = (await files.text(`${DMI}/sys_vendor`)).trim();
  if (vendor === 'Amazon EC2') return AMAZON;
  if (vendor === 'Alibaba Cloud') return ALIBABA;
  if ((await files.text(`${DMI}/product_name`)).trim() === 'Google Compute Engine') return GOOGLE;
  return (await files.text(`${DMI}/chassis_asset_tag`)).trim() === AZURE_ASSET_TAG ? AZURE : null;
}

/** What a server beyond loopback is known to be by its address alone; '' for most. */
export function describeAddress(address: string): string {
  if (address === '10.0.2.3') return "the NAT of the virtual machine's host";
  if (address === '192.168.122.1') return "libvirt's NAT";
  for (const cloud of [AMAZON, GOOGLE, AZURE, ALIBABA]) {
    if (cloud.resolvers.includes(address)) return cloud.name;
  }
  return '';
}
