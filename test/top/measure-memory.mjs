// How much memory the diagnostics keep: the top tables and the rings of slow and failed queries of
// so many workers, filled with the largest that there is. A process of its own, as a heap with
// other things in it cannot be measured: node --expose-gc measure-memory.mjs WORKERS. Prints bytes.
import { ManualClock } from '../../dist/src/base/clock.js';
import { parsePeer } from '../../dist/src/io/peer.js';
import { Counters, createCounterBlock } from '../../dist/src/metrics/counters.js';
import { KeptQueries } from '../../dist/src/pipeline/kept-queries.js';
import { AttemptEnd, MAX_ATTEMPTS, Timeline } from '../../dist/src/pipeline/pending/timeline.js';
import { TopCounts } from '../../dist/src/top/top-counts.js';
import { hashName } from '../../dist/src/wire/name-hash.js';

const NAMES = 1_000_000;
const CLIENTS = 100_000;
const WINDOW_MS = 300_000;
const workers = Number(process.argv[2]);

/** A query: header, and at 12 a QNAME of 255 bytes that none prints as it is. */
const NAME_END = 12 + 255;
const query = new Uint8Array(NAME_END + 4).fill(0xff, 12);
for (const [at, length] of [
  [12, 63],
  [76, 63],
  [140, 63],
  [204, 61],
  [266, 0],
])
  query[at] = length;
const hashed = { nameHash: 0, hasUpperCase: false };

function nameNumber(number) {
  new DataView(query.buffer).setUint32(13, number);
  hashName(query, 12, 255, hashed);
}

const peer = parsePeer('2001:db8::', 53);
const client = (number) => {
  peer[4] = number;
};

/** An answer over TCP: the question, and an OPT that has more and longer errors than are kept. */
const EDE_BYTES = 10_000;
const answer = Buffer.concat([
  query,
  Buffer.of(0, 0, 41, 4, 208, 0, 0, 0, 0, (6 * (EDE_BYTES + 6)) >> 8, (6 * (EDE_BYTES + 6)) & 255),
  ...Array.from({ length: 6 }, () => {
    const head = Buffer.of(0, 15, (EDE_BYTES + 2) >> 8, (EDE_BYTES + 2) & 255, 0, 22);
    return Buffer.concat([head, Buffer.alloc(EDE_BYTES, 'ǆ')]);
  }),
]);
answer.set([0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 1], 0);

const upstreams = [{ text: '10.0.0.2:53', transport: 'udp', lastErrorOver: () => 'EHOSTUNREACH' }];

/** Its share of so many names, and of so many clients in all. */
function fillTop(top, worker, names) {
  for (let i = worker; i < names; i += workers) {
    nameNumber(i);
    client(i % CLIENTS);
    top.noteQuery(query, 255, hashed.nameHash, peer, 0);
    // The other tables are full by then.
    if (i >= CLIENTS) continue;
    top.noteNxdomain(peer, 0);
    top.noteFailure(i % 100, query, 255, hashed.nameHash);
    top.noteWaste(query, 12, { peers: peer, peerOffset: 0 });
  }
}

function fillRings(kept, clock) {
  const to = { peers: peer, peerOffset: 0, replyTo: { stream: true } };
  let number = 0;
  const note = (rcode, durationMs) => {
    answer.writeUInt32BE(number++, 13);
    const timeline = new Timeline();
    timeline.reset(clock.nowMs);
    for (let i = 0; i < MAX_ATTEMPTS; i++) {
      timeline.begin(0, true, clock.nowMs + i + 0.5);
      timeline.end(i, AttemptEnd.failed, 1, clock.nowMs + i + 0.75);
    }
    const flight = { timeline, zone: { suffix: '.', upstreams } };
    kept.note(to, answer, answer.length, { rcode, durationMs, flight, upstream: upstreams[0], cache: 0 });
    kept.tick();
  };
  for (const window of [0, 1]) {
    for (let i = 0; i < 200; i++) note(0, 1000.5 + i);
    if (window === 0) {
      clock.advance(WINDOW_MS);
      kept.tick();
    }
  }
  for (let i = 0; i < 200; i++) note(2, 0.5);
}

/** Bytes that something still refers to. */
async function used() {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const counters = new Counters(createCounterBlock());
const clock = new ManualClock(0);
// Code that runs for the first time allocates, too.
fillRings(new KeptQueries(clock, workers), clock);

const empty = await used();
const tops = Array.from({ length: workers }, () => new TopCounts(workers, counters));
for (const top of tops) top.tick(0);
for (const [worker, top] of tops.entries()) fillTop(top, worker, NAMES);
for (const top of tops) top.tick(WINDOW_MS);
for (const [worker, top] of tops.entries()) fillTop(top, worker, CLIENTS);
const rings = Array.from({ length: workers }, () => new KeptQueries(clock, workers));
const withTop = await used();
for (const kept of rings) fillRings(kept, clock);
const full = await used();
const { slow, failed } = rings[0].report();
console.log(
  JSON.stringify({
    top: withTop - empty,
    rings: full - withTop,
    all: full - empty,
    slow: slow.length,
    failed: failed.length,
    attempts: slow[0].attempts.length,
    names: tops[0].report().names.length,
    nameLength: failed[0].name.length,
  }),
);
