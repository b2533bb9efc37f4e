// Whether the kernel deals queries to the workers by name, and by which program. Main thread, at
// start and for a reload that changes the number of workers.
import { randomInt } from 'node:crypto';
import type { Log } from '../../base/log.ts';
import { dealByName, whyKernelCannotDeal } from '../../io/deal-by-name.ts';
import { nativeStatus } from '../../io/open-socket.ts';

export class Dealing {
  /** Known to nobody: whoever knew it could ask for names that all fall on one worker. */
  readonly #seed = randomInt(2 ** 32);
  /** Why it cannot be done here; '': it can. */
  readonly #obstacle: string;
  readonly #log: Log;

  /** @param isInherited all workers share one socket, which was handed over */
  constructor(isInherited: boolean, log: Log) {
    const { available, reason } = nativeStatus();
    if (!available) this.#obstacle = `needs the batched UDP socket: ${reason}`;
    else if (isInherited) this.#obstacle = 'the workers share the one socket that was handed over';
    else this.#obstacle = whyKernelCannotDeal();
    this.#log = log;
  }

  /** The program for this many workers; null: the kernel spreads queries by address and port. */
  programFor(workers: number): Uint8Array | null {
    if (workers === 1) return null;
    if (this.#obstacle === '') return dealByName(workers, this.#seed);
    logUndealt(this.#log, this.#obstacle);
    return null;
  }
}

/** Says that each worker keeps names of its own, and why. */
export function logUndealt(log: Log, reason: string): void {
  log.warn(
    { reason },
    'queries are not dealt to the workers by name: each worker asks for a name and caches it for itself',
  );
}
