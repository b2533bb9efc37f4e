// Before the first test of the laboratory: what has to be unpacked or built from sources is, so
// that no test's time goes into it. Minutes on a machine that is new to it, no time afterwards.

import { ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import { ensureTodaysRoot } from '../../../bench/compare/today.ts';
import { goTool, nodeFor, pythonTool } from '../../../packaging/tools.ts';
import { operatorReader } from '../cluster/tools.ts';

export default function installTools(): void {
  const startedMs = performance.now();
  ensureTodaysRoot();
  ensureCoredns();
  goTool('helm');
  goTool('kustomize');
  operatorReader();
  goTool('nfpm');
  goTool('actionlint');
  pythonTool('kubernetes-validate');
  pythonTool('zizmor');
  nodeFor('amd64');
  console.log(`tools of the laboratory: there after ${Math.round((performance.now() - startedMs) / 1000)} s`);
}
