// The contract between the listeners (server/) and the way of a query: how an answer gets back to
// the client.

/** The way back to clients: one object per UDP listening socket, one per TCP connection. */
export interface ClientPath {
  /** A stream carries up to 65535 bytes; a datagram what the client said it takes. */
  readonly stream: boolean;
  /**
   * A stream's client has sent edns-tcp-keepalive: its answers with OPT say how long the connection
   * is kept (RFC 7828 §3.3.2). Set by QueryPath; never over UDP (§3.3.1).
   */
  keepaliveAsked?: boolean;
  /** Time the connection is kept, in tenths of a second; 0: close it. */
  readonly keepaliveTenths?: number;
  /**
   * Memory to build one answer in, valid until the matching send(). Its length is the most that
   * this path can carry.
   */
  reserve(): Uint8Array;
  /**
   * Sends the first `length` bytes of what reserve() returned. UDP: to the client whose addresses
   * are in peers[peerOffset …] (io/datagram-socket.ts); TCP: over the connection, where the peer
   * words are not used. Exactly one send() per query for which QueryPath.handle() returned true.
   */
  send(length: number, peers: Int32Array, peerOffset: number): void;
}
