import { readFileSync } from 'node:fs';
import { constants, release } from 'node:os';
import { expect, it } from 'vitest';
import { nativeAddon } from '../../src/io/native-addon.ts';

const SLICE_NS = 100_000;
/** Linux 6.12 was the first to honor what a thread asks for. */
const [major = 0, minor = 0] = release().split('.').map(Number);
const IS_HEEDED = major > 6 || (major === 6 && minor >= 12);

/** The time slice of the thread that calls, ns; undefined where the kernel does not show it. */
function ownSliceNs(): number | undefined {
  try {
    const text = readFileSync('/proc/thread-self/sched', 'utf8');
    const found = /^se\.slice\s*:\s*(\d+)$/m.exec(text);
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

it.runIf(nativeAddon() !== null)('a thread is given short time slices, where the system allows it', () => {
  const beforeNs = ownSliceNs();
  const result = nativeAddon()!.shortenTimeSlice();
  expect([0, -constants.errno.EPERM]).toContain(result);
  const isShort = result === 0 && beforeNs !== undefined && IS_HEEDED;
  expect(ownSliceNs()).toBe(isShort ? SLICE_NS : beforeNs);
});
