// What a cached answer costs in JavaScript, from the datagram as it came to the one that goes,
// sockets left out. Run with `npx vitest bench --run bench/pipeline`. Compare it with itself only:
// vitest wraps every import, and what is built is several times as quick (docs/performance.md).
import { bench, describe } from 'vitest';
import { PEER_WORDS } from '../../src/io/datagram-socket.ts';
import type { ReplySink } from '../../src/pipeline/reply-sink.ts';
import { FakeUpstream, PipelineFixture } from '../../test/pipeline/pipeline-fixture.ts';
import { testQuery } from '../../test/pipeline/queries.ts';
import { QNAME_POINTER, record } from '../../test/wire/build-message.ts';

/** As many as the fixture's cache holds. */
const NAMES = 1000;
const SLOT_BYTES = 4096;
const SLOTS = 64;

/** Answers go where a batch socket keeps them until it sends: one of 64 slots of one buffer. */
class SlotClient implements ReplySink {
  readonly stream = false;
  readonly #slots: Uint8Array[];
  #next = 0;

  constructor() {
    const memory = new ArrayBuffer(SLOTS * SLOT_BYTES);
    this.#slots = Array.from({ length: SLOTS }, (_, i) => new Uint8Array(memory, i * SLOT_BYTES, SLOT_BYTES));
  }

  reserve(): Uint8Array {
    return this.#slots[this.#next]!;
  }

  send(): void {
    this.#next = (this.#next + 1) % SLOTS;
  }
}

const upstream = new FakeUpstream(1);
const fixture = new PipelineFixture({ zones: [['.', [upstream]]] });
const client = new SlotClient();
const peers = new Int32Array(PEER_WORDS);
const inSlot = (message: Uint8Array): Uint8Array => {
  const slot = new Uint8Array(SLOT_BYTES);
  slot.set(message);
  return slot;
};

function queriesFor(udpSize?: number): { bytes: Uint8Array; length: number }[] {
  return Array.from({ length: NAMES }, (_, i) => {
    const { bytes } = testQuery(
      `host-${(i * 7919) % NAMES}.hot.example`,
      udpSize === undefined ? {} : { udpSize },
    );
    return { bytes: inSlot(bytes), length: bytes.length };
  });
}

const plain = queriesFor();
const edns = queriesFor(1232);
for (const { bytes, length } of plain) {
  fixture.pipeline.handle(bytes, length, client, peers, 0);
  upstream.reply((message) => {
    const answer = record(QNAME_POINTER, 1, 3600, Uint8Array.of(192, 0, 2, 1));
    message[7] = 1;
    return Uint8Array.from([...message, ...answer]);
  });
}
fixture.clock.advance(1500);

function askAll(queries: readonly { bytes: Uint8Array; length: number }[]): () => void {
  return () => {
    for (const { bytes, length } of queries) fixture.pipeline.handle(bytes, length, client, peers, 0);
  };
}

describe(`per ${NAMES} answers`, () => {
  bench('cached, no OPT', askAll(plain));
  bench('cached, with OPT', askAll(edns));
});
