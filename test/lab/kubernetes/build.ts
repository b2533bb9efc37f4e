// Before the first test on the cluster: what it is made of is built. Some fifteen minutes on a
// machine that is new to it, a minute when unloop has changed, no time afterwards.

import { ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import { today } from '../../../bench/compare/today.ts';
import { goTool } from '../../../packaging/tools.ts';
import { ensureImages } from './images.ts';

export default async function build(): Promise<void> {
  const startedMs = performance.now();
  today('systemd-resolved');
  ensureCoredns();
  goTool('helm');
  await ensureImages();
  console.log(`the cluster's parts: there after ${Math.round((performance.now() - startedMs) / 1000)} s`);
}
