// The contract between the listeners (server/listen) and the pipeline: how a message gets in, and
// how its answer gets back to the client.

/** The way back to clients: one object per UDP listening socket, one per TCP connection. */
export interface ReplySink {
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
   * Memory to build one answer in, valid until the matching send(). Its length is the most that can
   * be sent.
   */
  reserve(): Uint8Array;
  /**
   * Sends the first `length` bytes of what reserve() returned. UDP: to the client whose addresses
   * are in peers[peerOffset …] (io/datagram-socket.ts); TCP: over the connection, where the peer
   * words are not used. Exactly one send() per query for which handle() returned true.
   */
  send(length: number, peers: Int32Array, peerOffset: number): void;
}

/** Takes clients' messages: the pipeline, for its listeners. */
export interface QueryHandler {
  /**
   * Takes the message in message[0 … length−1], from the client at peers[peerOffset …]; the memory
   * is free again when this returns. Returns whether it gets an answer, now or later, by one
   * replyTo.send(); false: it was dropped.
   */
  handle(
    message: Uint8Array,
    length: number,
    replyTo: ReplySink,
    peers: Int32Array,
    peerOffset: number,
  ): boolean;
  /** The messages of one batch, begun at startMs (clock ms), have been handled. */
  endBatch(startMs: number): void;
}

/** The one that an answer goes to: a query that is answered at once, or a waiter. */
export interface Recipient {
  readonly replyTo: ReplySink;
  readonly peers: Int32Array;
  readonly peerOffset: number;
}

/** One that may get an answer that is created here. */
export interface Asker extends Recipient {
  /** It wants to know which replica answers (RFC 5001). */
  readonly nsidAsked: boolean;
  /** The longest answer that it takes, bytes. */
  readonly sizeLimit: number;
}

/** In place of null, so that a reused object always has a sink of its own type. Never sent to. */
export const NO_SINK: ReplySink = { stream: false, reserve: () => new Uint8Array(0), send() {} };
