// Which clients may ask, and how often: limits.allow, limits.deny and limits.perClientQps, decided
// on the peer's address words. An open resolver is a weapon against others (RFC 5358, RFC 5625 §6).
// So without an allow list only this machine and networks that cannot be reached from the Internet
// are served.
import { PEER_WORDS } from '../io/datagram-socket.ts';
import { copyPeer, formatPeerAddress, isMappedIpv4, parsePeer } from '../io/peer.ts';
import { Drop } from '../metrics/counters.ts';
import type { ClientQuery } from './client-query.ts';
import type { ClientRates } from './client-rates.ts';

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

export class ClientGate {
  /** Networks served; empty: all. */
  allow: readonly NetworkWords[];
  readonly #deny: readonly NetworkWords[];
  /** Milliseconds that one query costs a client; 0: no limit. */
  readonly #intervalMs: number;
  readonly #rates: ClientRates;
  /** One client outside the networks that are served, for the log. */
  readonly #refusedPeer = new Int32Array(PEER_WORDS);
  #hasDeniedClient = false;

  /** @param allow networks served; empty: all */
  constructor(
    allow: readonly NetworkWords[],
    deny: readonly NetworkWords[],
    perClientQps: number,
    rates: ClientRates,
  ) {
    this.allow = allow;
    this.#deny = deny;
    this.#intervalMs = perClientQps === 0 ? 0 : 1000 / perClientQps;
    this.#rates = rates;
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
      if (!this.#hasDeniedClient) this.#rememberDeniedClient(peers, peerOffset);
      return Drop.not_allowed;
    }
    const mayAsk = this.#intervalMs === 0 || this.#rates.spend(query, this.#intervalMs, nowMs);
    return mayAsk ? null : Drop.rate_limited;
  }

  /** Whether a client's network is served. */
  serves(client: string): boolean {
    const peer = parsePeer(client, 0);
    if (peer === null) return this.allow.length === 0;
    return !isIn(this.#deny, peer, 0) && (this.allow.length === 0 || isIn(this.allow, peer, 0));
  }

  /**
   * A client that was refused since the last call because its network is not served; null: none.
   */
  takeDeniedClient(): string | null {
    if (!this.#hasDeniedClient) return null;
    this.#hasDeniedClient = false;
    return formatPeerAddress(this.#refusedPeer, 0);
  }

  #rememberDeniedClient(peers: Int32Array, offset: number): void {
    this.#hasDeniedClient = true;
    copyPeer(peers, offset, this.#refusedPeer, 0);
  }
}

/** Whether the peer's address is in one of the networks. */
export function isIn(networks: readonly NetworkWords[], peers: Int32Array, offset: number): boolean {
  // On a dual-stack socket (as systemd opens them) an IPv4 client is ::ffff:a.b.c.d. The other
  // words of an IPv4 network's mask are 0.
  const isMapped = isMappedIpv4(peers, offset);
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

/**
 * Limits that somebody else can use up by forging addresses or by asking the same question. Over
 * TCP they do not apply, or there is a separate allowance.
 */
export function isLimitOfDatagrams(reason: number): boolean {
  return (
    reason === Drop.rate_limited || reason === Drop.client_waiting_limit || reason === Drop.waiters_limit
  );
}
