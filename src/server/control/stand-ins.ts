// When a worker hangs, another one reads its UDP sockets until it answers again or is replaced: its
// share of the names is still dealt to it, whatever port a client asks from. Main thread, one for
// each generation of the supervisor.
import type { WorkerOrder } from '../worker/worker-channel.ts';

/** A worker, as WorkerHandle. */
export interface Reader {
  readonly isSilent: boolean;
  /** FromWorker's. */
  readonly descriptors: readonly number[];
  order(order: WorkerOrder): Promise<unknown>;
}

/** A worker that does not read. */
interface Absent {
  /** The descriptors of its sockets; none once it has ended: the numbers may be others' by now. */
  descriptors: readonly number[];
  standIn: Reader | null;
}

export class StandIns {
  /** The generation's workers, by index; null: dead. */
  readonly #workers: readonly (Reader | null)[];
  readonly #absent = new Map<number, Absent>();

  constructor(workers: readonly (Reader | null)[]) {
    this.#workers = workers;
  }

  /** A worker may hang. */
  silent(worker: number): void {
    this.#absent.set(worker, { descriptors: this.#workers[worker]?.descriptors ?? [], standIn: null });
    this.#settle();
  }

  /**
   * A worker has ended. Who stands in for it keeps its sockets open, with the names that are dealt
   * to them.
   */
  ended(worker: number): void {
    const absent = this.#absent.get(worker);
    if (absent !== undefined) absent.descriptors = [];
    this.#settle();
  }

  /** A worker gives a sign of life again, or its successor has started. */
  back(worker: number): void {
    const standIn = this.#absent.get(worker)?.standIn;
    this.#absent.delete(worker);
    void standIn?.order({ type: 'read-also', worker, descriptors: [] });
    this.#settle();
  }

  /** Whoever stands in for another one must be sound itself. */
  #settle(): void {
    const sound = this.#workers.find((worker) => worker !== null && !worker.isSilent) ?? null;
    for (const [worker, absent] of this.#absent) {
      const { standIn, descriptors } = absent;
      if (sound === null || descriptors.length === 0) continue;
      if (standIn !== null && !standIn.isSilent && this.#workers.includes(standIn)) continue;
      absent.standIn = sound;
      // The one before may only be slow.
      void standIn?.order({ type: 'read-also', worker, descriptors: [] });
      void sound.order({ type: 'read-also', worker, descriptors });
    }
  }
}
