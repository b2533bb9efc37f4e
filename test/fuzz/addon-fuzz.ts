// Builds test/fuzz/addon/addon_fuzz.c with the addon's own sources under libFuzzer and its
// sanitizers, and runs it. Needs Debian's clang-14 and libclang-rt-14-dev. Used by
// test/lab/fuzz-addon.lab.ts.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const NATIVE = 'src/io/native';
const SOURCES = ['batch_socket.c', 'descriptor.c', 'notification.c', 'bind_capability.c'];
const WRAPPED = ['recvmmsg', 'sendmmsg', 'sendmsg'];

export interface AddonFuzzReport {
  /** 0: nothing was found. */
  readonly status: number | null;
  readonly runs: number;
  readonly output: string;
}

/**
 * Runs for so many seconds from the seeds. `alter` changes batch_socket.c, to see whether what it
 * breaks is found.
 */
export function fuzzAddon(
  root: string,
  seconds: number,
  seed: number,
  alter = (source: string) => source,
): AddonFuzzReport {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-addon-fuzz-'));
  try {
    cpSync(join(root, NATIVE), folder, { recursive: true });
    const altered = join(folder, 'batch_socket.c');
    writeFileSync(altered, alter(readFileSync(altered, 'utf8')));
    const binary = join(folder, 'addon-fuzz');
    const include = join(dirname(dirname(process.execPath)), 'include/node');
    const compiled = run('clang-14', [
      '-std=c11',
      '-g',
      '-O1',
      '-fsanitize=fuzzer,address,undefined',
      '-fno-sanitize-recover=undefined',
      '-isystem',
      include,
      '-I',
      folder,
      `-Wl,${WRAPPED.map((name) => `--wrap=${name}`).join(',')}`,
      '-o',
      binary,
      join(root, 'test/fuzz/addon/addon_fuzz.c'),
      ...SOURCES.map((name) => join(folder, name)).filter((path) => existsSync(path)),
    ]);
    if (compiled.status !== 0) throw new Error(`clang-14: ${compiled.output}`);
    const corpus = join(folder, 'corpus');
    mkdirSync(corpus);
    const { status, output } = run(binary, [
      corpus,
      join(root, 'test/fuzz/addon/seeds'),
      `-max_total_time=${seconds}`,
      `-seed=${seed}`,
      '-max_len=2048',
      '-timeout=10',
      '-print_final_stats=1',
      `-artifact_prefix=${folder}/`,
    ]);
    const runs = Number(/stat::number_of_executed_units:\s+(\d+)/.exec(output)?.[1] ?? 0);
    return { status, runs, output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): { status: number | null; output: string } {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (result.error !== undefined) throw result.error;
  return { status: result.status, output: result.stdout + result.stderr };
}
