// Runs `unloop doctor` as the command line does, for the tests of the doctor.
import { vi } from 'vitest';
import { dispatch } from '../../src/cli/dispatch.ts';

/** What a run came to and said. */
export interface DoctorRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command; what it writes is collected. */
export async function runDoctor(...args: string[]): Promise<DoctorRun> {
  let out = '';
  let err = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
  try {
    const code = await dispatch(['doctor', ...args]);
    return { code, out, err };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}
