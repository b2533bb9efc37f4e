// What an IPv4 fast path would spare where a reply is addressed: all 12 words of a peer record
// (src/io/peer.ts), or the three that IPv4 has. `npx vitest bench --run bench/io`.
import { bench, describe } from 'vitest';
import { PEER_WORDS } from '../../src/io/datagram-socket.ts';
import { copyPeer } from '../../src/io/peer.ts';

const SLOTS = 64;
const BATCH = 1000;
/**
 * As native/batch_socket.c lays a record out: family and port, remote address, …, local address.
 */
const REMOTE = 1;
const LOCAL = 7;

const from = new Int32Array(new ArrayBuffer(SLOTS * PEER_WORDS * 4));
const to = new Int32Array(new ArrayBuffer(SLOTS * PEER_WORDS * 4));
for (let slot = 0; slot < SLOTS; slot++) {
  from[slot * PEER_WORDS] = (4 << 16) | (40_000 + slot);
  from[slot * PEER_WORDS + REMOTE] = 0x0100007f;
}

function copyByFamily(source: Int32Array, fromOffset: number, target: Int32Array, toOffset: number): void {
  if (source[fromOffset]! >> 16 !== 4) {
    copyPeer(source, fromOffset, target, toOffset);
    return;
  }
  target[toOffset] = source[fromOffset]!;
  target[toOffset + REMOTE] = source[fromOffset + REMOTE]!;
  target[toOffset + LOCAL] = source[fromOffset + LOCAL]!;
}

function work(copy: typeof copyPeer): () => void {
  const [source, target] = [from, to];
  return () => {
    for (let i = 0; i < BATCH; i++)
      copy(source, (i % SLOTS) * PEER_WORDS, target, ((i * 7) % SLOTS) * PEER_WORDS);
  };
}

describe(`${BATCH} replies addressed`, () => {
  bench('all twelve words', work(copyPeer));
  bench('three words for IPv4', work(copyByFamily));
});
