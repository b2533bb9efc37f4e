// How the queries in flight may be kept: a column each in typed arrays (as in src/upstream), or an
// object each, made per query or taken from a pool. `npx vitest bench --run bench/upstream`. What
// is measured: note a query under a random ID, find it by the ID in its reply, check what must
// agree, let it go, 500 in flight.
import { bench, describe } from 'vitest';

const IDS = 65_536;
const IN_FLIGHT = 500;
const BATCH = 1000;

/** Random IDs, the same for all. */
const ids = new Uint16Array(IDS);
let state = 0x9e3779b9;
for (let i = 0; i < IDS; i++) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  ids[i] = state;
}

/** Takes the results, so that no work can be left out. */
const sink = { sum: 0 };

class Pending {
  id = 0;
  client = 0;
  questionHash = 0;
  port = 0;
  sentMs = 0;
}

interface Store {
  note(id: number, i: number): void;
  settle(id: number): void;
}

class Columns implements Store {
  readonly #used = new Uint8Array(IDS);
  readonly #clients = new Int32Array(IDS);
  readonly #questionHashes = new Int32Array(IDS);
  readonly #ports = new Uint16Array(IDS);
  readonly #sentMs = new Float64Array(IDS);

  note(id: number, i: number): void {
    this.#used[id] = 1;
    this.#clients[id] = i;
    this.#questionHashes[id] = i ^ 0x5bd1e995;
    this.#ports[id] = i;
    this.#sentMs[id] = i;
  }

  settle(id: number): void {
    if (this.#used[id] === 0) return;
    this.#used[id] = 0;
    sink.sum += this.#clients[id]! ^ this.#questionHashes[id]! ^ this.#ports[id]!;
    sink.sum += this.#sentMs[id]!;
  }
}

class Objects implements Store {
  readonly #byId: (Pending | null)[] = new Array(IDS).fill(null);
  readonly #pool: Pending[] | null;

  constructor(pooled: boolean) {
    this.#pool = pooled ? [] : null;
  }

  note(id: number, i: number): void {
    const pending = this.#pool?.pop() ?? new Pending();
    pending.id = id;
    pending.client = i;
    pending.questionHash = i ^ 0x5bd1e995;
    pending.port = i & 0xffff;
    pending.sentMs = i + 0.5;
    this.#byId[id] = pending;
  }

  settle(id: number): void {
    const pending = this.#byId[id]!;
    if (pending === null) return;
    this.#byId[id] = null;
    sink.sum += pending.client ^ pending.questionHash ^ pending.port;
    sink.sum += pending.sentMs;
    this.#pool?.push(pending);
  }
}

class ObjectMap implements Store {
  readonly #byId = new Map<number, Pending>();

  note(id: number, i: number): void {
    const pending = new Pending();
    pending.id = id;
    pending.client = i;
    pending.questionHash = i ^ 0x5bd1e995;
    pending.port = i & 0xffff;
    pending.sentMs = i + 0.5;
    this.#byId.set(id, pending);
  }

  settle(id: number): void {
    const pending = this.#byId.get(id);
    if (pending === undefined) return;
    this.#byId.delete(id);
    sink.sum += pending.client ^ pending.questionHash ^ pending.port;
    sink.sum += pending.sentMs;
  }
}

function work(store: Store): () => void {
  let at = 0;
  for (let i = 0; i < IN_FLIGHT; i++) store.note(ids[i]!, i);
  return () => {
    for (let i = 0; i < BATCH; i++) {
      store.settle(ids[at]!);
      store.note(ids[(at + IN_FLIGHT) % IDS]!, i);
      at = (at + 1) % IDS;
    }
  };
}

describe(`${BATCH} queries noted and settled, ${IN_FLIGHT} in flight`, () => {
  bench('a column each, typed arrays', work(new Columns()));
  bench('an object each, from a pool', work(new Objects(true)));
  bench('an object each, new', work(new Objects(false)));
  bench('an object each, new, in a Map', work(new ObjectMap()));
});
