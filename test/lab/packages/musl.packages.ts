// The packed archive on a machine without glibc: musl of Debian 13 and a Node.js built for it. The
// same addon as everywhere. amd64 as it is, arm64 under qemu-user.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyIo, type IoCopy } from '../../kit/sanitize-addon.ts';
import { muslRoot, NODE_PATH } from '../support/musl-machine.ts';
import { record } from '../support/package-figures.ts';
import { USER } from '../support/package-root.ts';
import { type Packed, pack } from '../support/packed.ts';
import { serveQuestions } from '../support/serve-questions.ts';

const KIT = join(import.meta.dirname, '../../kit');

let packed: Packed;
let copy: IoCopy;
/** Seen at /unloop: the archive, the addon's exercises. */
let work: string;

beforeAll(() => {
  packed = pack();
  work = mkdtempSync(join(tmpdir(), 'unloop-musl-'));
  chmodSync(work, 0o755);
  execFileSync('tar', ['-xzf', join(packed.folder, packed.file), '-C', work]);
  copy = copyIo();
  cpSync(copy.folder, join(work, 'io'), { recursive: true, dereference: true });
  cpSync(join(work, 'package/prebuilds'), join(work, 'io/prebuilds'), { recursive: true });
  mkdirSync(join(work, 'kit'));
  for (const name of ['exercise-addon.mjs', 'terminate-workers.mjs'])
    cpSync(join(KIT, name), join(work, 'kit', name));
  execFileSync('chmod', ['-R', 'a+rX', work]);
}, 300_000);
afterAll(() => {
  copy?.remove();
  rmSync(work, { recursive: true, force: true });
  packed.remove();
});

/** What starts the machine's Node.js. Its process has no other root than the machine's. */
function nodeOn(architecture: 'amd64' | 'arm64'): string[] {
  const root = muslRoot(architecture);
  if (architecture === 'arm64') return ['qemu-aarch64-static', '-L', root, join(root, NODE_PATH)];
  const script = [
    `mount --bind ${work} ${root}/unloop`,
    `mount -t proc proc ${root}/proc`,
    `mount --rbind /dev ${root}/dev`,
    `exec chroot --userspec=${USER}:${USER} ${root} ${NODE_PATH} "$@"`,
  ].join('\n');
  return [
    'env',
    '-i',
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    'unshare',
    '--mount',
    'sh',
    '-euc',
    script,
    'sh',
  ];
}

describe.each([
  ['amd64', '/unloop'],
  ['arm64', null],
] as const)('musl on %s', (architecture, inside) => {
  const at = (path: string) => join(inside ?? work, path);

  it('has no other C library in its process than musl', () => {
    const script =
      'console.log(JSON.stringify(process.report.getReport().header.glibcVersionRuntime ?? null))';
    const [program, ...args] = [...nodeOn(architecture), '-e', script];
    expect(execFileSync(program!, args, { encoding: 'utf8' })).toBe('null\n');
  }, 300_000);

  it.each([
    ['exercise-addon.mjs', [], 'exercised'],
    ['terminate-workers.mjs', ['5'], 'survived 5'],
  ] as const)('%s', (script, more, last) => {
    const [program, ...args] = [...nodeOn(architecture), at(`kit/${script}`), at('io'), ...more];
    const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 100_000 });
    expect({ status, said: stdout.trim() }, stderr).toEqual({
      status: 0,
      said: expect.stringContaining(last),
    });
  });

  it('serves: UDP and TCP, from an upstream and from the cache, by the batched socket', async () => {
    const served = await serveQuestions([...nodeOn(architecture), at('package/dist/unloop/main.js')]);
    expect(served.mapped).toContain('/ld-musl-');
    expect(served.mapped).toContain('/batch-socket.node');
    expect(served.mapped).not.toContain('libc.so.6');
    if (architecture === 'amd64') record('musl-amd64', served);
    else record('musl-arm64', { ...served, firstAnswerMs: null, residentKib: null });
  });
});
