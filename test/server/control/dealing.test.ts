// Whether queries are dealt by name, and what the log says where they are not.
import { describe, expect, it } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { whyKernelCannotDeal } from '../../../src/io/deal-by-name.ts';
import { nativeStatus } from '../../../src/io/open-socket.ts';
import { Dealing } from '../../../src/server/control/dealing.ts';

function recordWarnings() {
  const reasons: string[] = [];
  const log = { warn: ({ reason }: { reason: string }) => reasons.push(reason) } as unknown as Log;
  return { log, reasons };
}

describe('dealing', () => {
  it('is off with one worker, and is not logged', () => {
    const { log, reasons } = recordWarnings();
    expect(new Dealing(false, log).programFor(1)).toBeNull();
    expect(new Dealing(true, log).programFor(1)).toBeNull();
    expect(reasons).toEqual([]);
  });

  it('is not possible with one socket for all, and the log says so', () => {
    const { log, reasons } = recordWarnings();
    expect(new Dealing(true, log).programFor(2)).toBeNull();
    expect(reasons).toHaveLength(1);
  });

  it.runIf(nativeStatus().available && whyKernelCannotDeal() === '')(
    'has a program for each number of workers, with a seed of its own for each process',
    () => {
      const { log, reasons } = recordWarnings();
      const dealing = new Dealing(false, log);
      expect(dealing.programFor(2)).toEqual(dealing.programFor(2));
      expect(dealing.programFor(3)).not.toEqual(dealing.programFor(2));
      expect(new Dealing(false, log).programFor(2)).not.toEqual(dealing.programFor(2));
      expect(reasons).toEqual([]);
    },
  );
});
