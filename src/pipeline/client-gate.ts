// Which clients may ask, and how often: limits.allow, limits.deny and limits.perClientQps, decided
// on the peer's address words. An open resolver is a weapon against others (RFC 5358, RFC 5625 §6).
// So without an allow list only this machine and networks that cannot be reached from the Internet
// are served.
import { PEER_WORDS } from '../io/datagram-socket.ts';
import { copyPeer, formatPeerAddress, parsePeer } from '../io/peer.ts';
import { Drop } from '../metrics/counters.ts';
import { hashClient } from './client-hash.ts';
import type { ClientQuery } from './client-query.ts';

/**
 * A network as address words: (word & mask) == network, word by word, in the byte order of peer
 * words.
 */
export interface NetworkWords {
  readonly family: 4 | 6;
  readonly network: Int32Array;
  readonly mask: Int32Array;
}

/** Returns the words of a network, from its address bytes (4 or 16) and prefix length. */
export function networkWords(bytes: Uint8Array, prefixLength: number): NetworkWords {
  const family = bytes.length === 4 ? 4 : 6;
  const padded = new Uint8Array(16);
  padded.set(bytes);
  const maskBytes = new Uint8Array(16);
  for (let bit = 0; bit < prefixLength; bit++) maskBytes[bit >> 3]! |= 0x80 >> (bit & 7);
  const mask = new Int32Array(maskBytes.buffer);
  const network = new Int32Array(padded.buffer).map((word, i) => word & mask[i]!);
  return { family, network, mask };
}

/** Clients whose rate is tracked at a time; a new client takes the slot of an idle one. */
const RATE_SLOTS = 16_384;
/** Separates the allowance of a client's streams from that of its datagrams. */
const STREAM_SALT = 0x5bd1e995;
/** Slots examined for one client. */
const RATE_PROBES = 4;

export class ClientGate {
  /** Networks served; empty: all. */
  allow: readonly NetworkWords[];
  readonly #deny: readonly NetworkWords[];
  /** Milliseconds that one query costs a client; 0: no limit. */
  readonly #intervalMs: number;
  /**
   * Per slot: a client's address hash, and the time up to which its queries have used its allowance
   * (GCRA).
   */
  readonly #clients = new Int32Array(0);
  readonly #paidUntilMs = new Float64Array(0);
  /** One client outside the networks that are served, for the log. */
  readonly #refusedPeer = new Int32Array(PEER_WORDS);
  #hasStranger = false;
  /** Hash seed: nobody can choose which clients share a slot. */
  readonly #seed: number;

  /** @param allow networks served; empty: all */
  constructor(
    allow: readonly NetworkWords[],
    deny: readonly NetworkWords[],
    perClientQps: number,
    seed: number,
  ) {
    this.allow = allow;
    this.#deny = deny;
    this.#intervalMs = perClientQps === 0 ? 0 : 1000 / perClientQps;
    this.#seed = seed;
    if (perClientQps > 0) {
      this.#clients = new Int32Array(RATE_SLOTS);
      this.#paidUntilMs = new Float64Array(RATE_SLOTS);
    }
  }

  /**
   * Why a query is not served: Drop.not_allowed or Drop.rate_limited; null: it is served, and has
   * used some of its client's allowance. Streams have an allowance of their own: a sender of forged
   * datagrams uses up the allowance of the forged address, but cannot forge a handshake.
   */
  refuses(query: ClientQuery, nowMs: number): number | null {
    const { peers, peerOffset } = query;
    if (this.#deny.length > 0 && isIn(this.#deny, peers, peerOffset)) return Drop.not_allowed;
    if (this.allow.length > 0 && !isIn(this.allow, peers, peerOffset)) {
      if (!this.#hasStranger) this.#rememberStranger(peers, peerOffset);
      return Drop.not_allowed;
    }
    return this.#intervalMs === 0 || this.#spend(query, nowMs) ? null : Drop.rate_limited;
  }

  /** Whether a client's network is served. */
  serves(client: string): boolean {
    const peer = parsePeer(client, 0);
    return this.allow.length === 0 || (peer !== null && isIn(this.allow, peer, 0));
  }

  /**
   * A client that was refused since the last call because its network is not served; null: none.
   */
  takeStranger(): string | null {
    if (!this.#hasStranger) return null;
    this.#hasStranger = false;
    return formatPeerAddress(this.#refusedPeer, 0);
  }

  #rememberStranger(peers: Int32Array, offset: number): void {
    this.#hasStranger = true;
    copyPeer(peers, offset, this.#refusedPeer, 0);
  }

  /** Takes one query off a client's allowance: the queries of one second may come in a burst. */
  #spend({ peers, peerOffset, overStream }: ClientQuery, nowMs: number): boolean {
    // 0 marks a free slot.
    const hash = hashClient(peers, peerOffset, this.#seed) ^ (overStream ? STREAM_SALT : 0) || 1;
    let slot = -1;
    for (let probe = 0; probe < RATE_PROBES; probe++) {
      const candidate = (hash + probe) & (RATE_SLOTS - 1);
      if (this.#clients[candidate] === hash) {
        slot = candidate;
        break;
      }
      if (slot < 0 || this.#paidUntilMs[candidate]! < this.#paidUntilMs[slot]!) slot = candidate;
    }
    if (this.#clients[slot] !== hash) {
      this.#clients[slot] = hash;
      this.#paidUntilMs[slot] = nowMs;
    }
    const paidUntilMs = Math.max(this.#paidUntilMs[slot]!, nowMs);
    if (paidUntilMs - nowMs > 1000) return false;
    this.#paidUntilMs[slot] = paidUntilMs + this.#intervalMs;
    return true;
  }
}

/** The third word of ::ffff:0:0/96, in the byte order of peer words. */
const MAPPED_WORD = new Int32Array(Uint8Array.of(0, 0, 0xff, 0xff).buffer)[0]!;

function isIn(networks: readonly NetworkWords[], peers: Int32Array, offset: number): boolean {
  // On a dual-stack socket (as systemd opens them) an IPv4 client is ::ffff:a.b.c.d. The other
  // words of an IPv4 network's mask are 0.
  const isMapped =
    peers[offset]! >>> 16 === 6 &&
    peers[offset + 1] === 0 &&
    peers[offset + 2] === 0 &&
    peers[offset + 3] === MAPPED_WORD;
  const family = isMapped ? 4 : peers[offset]! >>> 16;
  const first = peers[isMapped ? offset + 4 : offset + 1]!;
  for (let i = 0; i < networks.length; i++) {
    const { family: networkFamily, network, mask } = networks[i]!;
    if (
      family === networkFamily &&
      (first & mask[0]!) === network[0] &&
      (peers[offset + 2]! & mask[1]!) === network[1] &&
      (peers[offset + 3]! & mask[2]!) === network[2] &&
      (peers[offset + 4]! & mask[3]!) === network[3]
    ) {
      return true;
    }
  }
  return false;
}
