// The addon's memory under the address and undefined-behavior sanitizers: every way through it
// once, and workers terminated in mid-traffic. Needs gcc with libasan.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyIo, type IoCopy } from '../kit/sanitize-addon.ts';

const SANITIZE =
  '-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -Werror';
const support = fileURLToPath(new URL('../kit/', import.meta.url));

/**
 * Runs a script with the sanitizers' run-time loaded before node itself, which was not built with
 * them.
 */
function runSanitized(script: string, ...args: string[]) {
  const libraries = ['libasan.so', 'libubsan.so'].map((name) =>
    spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim(),
  );
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(support, script), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      ...process.env,
      UNLOOP_NATIVE: '1',
      LD_PRELOAD: libraries.join(' '),
      // Leaks: V8 keeps what it likes until the end. The addon's own frees are checked by
      // use-after-free alone.
      ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=1:exitcode=99:detect_stack_use_after_return=1',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
  });
  return { status, signal, stdout, stderr };
}

describe('the addon under sanitizers', () => {
  let copy: IoCopy;
  beforeAll(() => {
    copy = copyIo(SANITIZE);
  });
  afterAll(() => copy?.remove());

  it('touches no memory but its own', () => {
    expect(runSanitized('exercise-addon.mjs', copy.folder)).toEqual({
      status: 0,
      signal: null,
      stdout: 'exercised\n',
      stderr: '',
    });
  });

  it('touches no memory after its thread is gone', () => {
    expect(runSanitized('terminate-workers.mjs', copy.folder, '5')).toEqual({
      status: 0,
      signal: null,
      stdout: 'survived 5\n',
      stderr: '',
    });
  });
});

describe('the check itself', () => {
  it('fails when a socket is freed before libuv has released it', () => {
    const copy = copyIo(SANITIZE, (source) =>
      source.replace('  close(socket->fd);\n}', '  close(socket->fd);\n  free(socket);\n}'),
    );
    try {
      const { status, stderr } = runSanitized('exercise-addon.mjs', copy.folder);
      expect(stderr).toContain('AddressSanitizer');
      expect(status).not.toBe(0);
    } finally {
      copy.remove();
    }
  });
});
