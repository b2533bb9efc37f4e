// The built program over saved trees of each distribution: output and exit code match the golden
// files.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/unloop/main.js');

it.each([
  ['kubeadm-stub', 1],
  ['k3s', 0],
  ['rke2', 0],
  ['k0s-stub', 1],
  ['microk8s-stub', 1],
  ['eks-al2023', 0],
  ['kubespray-loop', 1],
  ['openshift', 0],
  ['talos-dhcp', 2],
  ['bottlerocket-loop', 1],
  ['flatcar', 0],
  ['chart-mounts', 2],
])('the built program says of %s what it should', (name, code) => {
  const fixture = `test/doctor/fixtures/${name}`;
  const { KUBERNETES_SERVICE_HOST: _host, ...env } = process.env;
  const run = spawnSync(process.execPath, [MAIN, 'doctor', '--root', `${fixture}/tree`], {
    cwd: ROOT,
    env: { ...env, NO_COLOR: '1' },
    encoding: 'utf8',
  });
  const stdout = readFileSync(join(ROOT, fixture, 'report.golden.txt'), 'utf8');
  expect(run).toMatchObject({ status: code, stdout, stderr: '' });
});
