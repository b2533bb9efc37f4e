// The contract of a UDP socket on the data path, in batches. Two sockets implement it: batch-socket
// (the C addon) and node-socket (node:dgram); open-socket chooses. One test suite checks both.
//
//   kernel ──recvmmsg──▶ ReceiveBatch (64 slots, one per thread) ──one call──▶ handler(batch)
//   kernel ◀─sendmmsg── send slots (one set per thread) ◀── reserve() … commit()   flushed after the handler returns

/** Most datagrams taken from the kernel in one call. */
export const BATCH_SLOTS = 64;
/**
 * Bytes of a receive slot: RFC 5625 §4.4.2 asks a proxy to take at least 4096. Longer datagrams are
 * dropped and counted.
 */
export const RECEIVE_SLOT_BYTES = 4096;
/**
 * Bytes of a send slot. We advertise and send at most 1232 (flag day 2020); queries that are
 * forwarded unchanged may be longer.
 */
export const SEND_SLOT_BYTES = 4096;

/**
 * A datagram's two endpoints, as an opaque record of 32-bit words that is copied, never decoded, on
 * the hot path.
 * ```
 *  word 0      address family (4 or 6) << 16 | remote port
 *  words 1–4   remote address, network order bytes (IPv4 in word 1, the rest 0)
 *  word 5      scope id of a link-local IPv6 remote address
 *  word 6      index of the interface it came in by (0 unknown)
 *  words 7–10  local address it was sent to, on a wildcard socket (all 0: the kernel chooses)
 *  word 11     reserved, 0
 * ```
 * Integer views only: copied as doubles, an address could be taken for a NaN and changed.
 */
export const PEER_WORDS = 12;

/**
 * The datagrams of one wake-up of a socket. One object per thread, overwritten by the next batch.
 */
export interface ReceiveBatch {
  /** Slots filled: 1 … BATCH_SLOTS. */
  count: number;
  /**
   * buffers[i] is slot i's memory, RECEIVE_SLOT_BYTES long (node-socket may swap in the datagram's
   * own buffer).
   */
  readonly buffers: Uint8Array[];
  /** lengths[i]: bytes received in slot i. */
  readonly lengths: Int32Array;
  /** peers[i * PEER_WORDS …]: the ends of slot i's datagram. */
  readonly peers: Int32Array;
}

/**
 * What arrives on a socket. Called for each batch; the batch is valid until it returns. Must not
 * throw.
 */
export interface DatagramHandler {
  onBatch(batch: ReceiveBatch, socket: DatagramSocket): void;
  /**
   * The kernel said that the connected remote is unreachable (ICMP port/host unreachable:
   * ECONNREFUSED, EHOSTUNREACH, ENETUNREACH …) or the socket broke. Only connected sockets report
   * it.
   */
  onError(code: string, socket: DatagramSocket): void;
}

export interface DatagramSocketOptions {
  /** IPv4 or IPv6 literal to bind, no brackets, zone allowed (fe80::1%eth0). */
  address: string;
  /** 0: the kernel chooses one. */
  port: number;
  /**
   * Several sockets (threads, processes) may bind the same port and share its traffic. Default
   * false.
   */
  reusePort?: boolean;
  /**
   * With reusePort: refused (EADDRINUSE) while any other socket has the address; shared once it is
   * ours. Default false.
   */
  claim?: boolean;
  /** Requested SO_RCVBUF, bytes; the kernel may grant less. Default: the system's. */
  receiveBufferBytes?: number;
  /**
   * Fixes the remote end: only its datagrams are received, errors are reported, sends need no peer.
   */
  connectTo?: { address: string; port: number };
  /**
   * An open socket inherited from a supervisor (LISTEN_FDS); address and port are then what it is
   * bound to.
   */
  fd?: number;
}

/** Numbers of a socket since it was opened. */
export interface DatagramCounters {
  received: number;
  sent: number;
  /** Datagrams longer than a slot, dropped. */
  oversized: number;
  /** Datagrams from source port 0, which cannot be answered (and crash naive servers), dropped. */
  sourcePortZero: number;
  /** Sends that the kernel did not take (buffer full, no route …), dropped. */
  sendFailures: number;
  /**
   * Datagrams that the kernel dropped because the receive buffer was full (SO_MEMINFO /
   * SO_RXQ_OVFL); 0 where unknown.
   */
  kernelDrops: number;
}

/** An open UDP socket. All methods belong to the thread that opened it. */
export interface DatagramSocket {
  /** 'native' (addon) or 'node' (node:dgram). */
  readonly kind: 'native' | 'node';
  /** Bound address, as numbers and as text. */
  readonly localAddress: string;
  readonly localPort: number;
  /** SO_RCVBUF that the kernel granted, bytes. */
  readonly receiveBufferBytes: number;
  /** Other threads may open the same socket by it, until this one closes it; −1: not known. */
  readonly fd: number;

  /**
   * Memory for the next datagram to send (SEND_SLOT_BYTES long, overwritten later: fill it, then
   * commit at once). Never fails: if all slots are taken, the queued ones are sent first.
   */
  reserve(): Uint8Array;
  /**
   * Queues the reserved slot's first `length` bytes to the ends in peers[wordOffset …] (from its
   * local to its remote address).
   */
  commit(length: number, peers: Int32Array, wordOffset: number): void;
  /** Queues the reserved slot's first `length` bytes to the connected remote. */
  commitConnected(length: number): void;
  // A committed datagram is sent right after the handler call in which it was committed, or,
  // outside of one, before the thread next waits for events.

  counters(): DatagramCounters;
  /**
   * Lets a program choose the socket of each datagram, among those that share the port
   * (deal-by-name.ts). Returns the system's code when it cannot, else ''. EINVAL: no other socket
   * shares the port yet.
   */
  deal(program: Uint8Array): string;
  /**
   * Hands the port over: new datagrams go to the other sockets that share it (if there are any),
   * those that wait here are still handed to the handler, and answers may still be sent. Resolves
   * when none waits any more. For sockets that share their port and are not connected. node-socket
   * cannot redirect datagrams: it only continues to read for a moment.
   */
  retire(): Promise<void>;
  /**
   * Stops receiving, sends what is queued, closes. No handler call after it resolves. Idempotent.
   */
  close(): Promise<void>;
}
