// A worker thread may be terminated at any time, with open sockets and traffic, and does not take
// the process with it.
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';
import { nativeStatus } from '../../src/io/native-addon.ts';
import { copyIo } from '../kit/sanitize-addon.ts';

const ROUNDS = 15;

if (nativeStatus().available)
  it('survives the termination of busy workers', async () => {
    const copy = copyIo();
    try {
      const script = fileURLToPath(new URL('../kit/terminate-workers.mjs', import.meta.url));
      const child = new Child([process.execPath, script, copy.folder, String(ROUNDS)]);
      const code = await child.ended;
      expect({ output: child.stdout, errors: child.stderr, code }).toEqual({
        output: `survived ${ROUNDS}\n`,
        errors: '',
        code: 0,
      });
    } finally {
      copy.remove();
    }
  });

it('has an addon, or says why it tests none', () => {
  const { available, reason } = nativeStatus();
  expect(reason).toMatch(available ? /\.node$/ : /./);
});
