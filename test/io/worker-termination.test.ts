// A worker thread may be terminated at any time, with open sockets and traffic, and does not take
// the process with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { nativeStatus } from '../../src/io/native-addon.ts';
import { copyIo } from '../kit/sanitize-addon.ts';

const ROUNDS = 15;

if (nativeStatus().available)
  it('survives the termination of busy workers', async () => {
    const copy = copyIo();
    try {
      const script = fileURLToPath(new URL('../kit/terminate-workers.mjs', import.meta.url));
      const child = spawn(process.execPath, [script, copy.folder, String(ROUNDS)]);
      const [output, errors, [code, signal]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
      ]);
      expect({ output, errors, code, signal }).toEqual({
        output: `survived ${ROUNDS}\n`,
        errors: '',
        code: 0,
        signal: null,
      });
    } finally {
      copy.remove();
    }
  });

it('has an addon, or says why it tests none', () => {
  const { available, reason } = nativeStatus();
  expect(reason).toMatch(available ? /\.node$/ : /./);
});
