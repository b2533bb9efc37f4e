// Building the addon never makes an install fail: whatever is missing, it prints one line of each
// and exits with 0.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../src/io/native/build.mjs', import.meta.url));

it.each([
  ['switched off', { UNLOOP_NATIVE: '0' }, 'UNLOOP_NATIVE=0'],
  [
    'without a compiler',
    { UNLOOP_NATIVE: '1', CC: 'no-such-compiler' },
    /no C compiler|needs Linux|no Node.js/,
  ],
  ['with a compiler that fails', { UNLOOP_NATIVE: '1', CC: 'false' }, /false failed|needs Linux|no Node.js/],
])('explains itself %s', (_name, env, reason) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^unloop: batched UDP addon not built, node:dgram will be used: [^\n]+\n/);
  // What each line may be besides: about the program of src/detour.
  expect(stdout.trimEnd().split('\n').slice(1).join('\n')).toMatch(
    /^(?:unloop: [^\n]*unloop-detour[^\n]*)?$/,
  );
  expect(stdout).toMatch(reason);
});
