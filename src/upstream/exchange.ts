// The contract of a transport toward one upstream server: a question goes out, its one matching
// reply comes back, or the news that none will. udp-exchange and stream-exchange (TCP, TLS, HTTPS)
// keep it. Who times out and who retries is not decided here but by the owner of the query
// (pipeline/).

/** Why an exchange gave a query up. Values index metrics: append only. */
export const FailureReason = {
  /** No reply in the owner's time (set by the owner, never by an exchange). */
  timeout: 0,
  /**
   * No connection could be made: ICMP unreachable, TCP refused, or no TCP or TLS handshake in time.
   */
  unreachable: 1,
  /**
   * An open connection was closed, broke or went silent, or a stream on it was reset, with the
   * query unanswered.
   */
  closed: 2,
  /** No connection could be made: the TLS handshake failed, or the certificate was not accepted. */
  tls: 3,
  /** No free ID or socket, or too much in flight toward this upstream. */
  overload: 4,
  /** The server answered, but not with usable DNS (DoH status, garbage on a stream). */
  protocol: 5,
  /** SERVFAIL, REFUSED and the like (set by the owner). */
  rcode: 6,
} as const;
export type FailureReason = (typeof FailureReason)[keyof typeof FailureReason];
export const FAILURE_REASON_NAMES = [
  'timeout',
  'unreachable',
  'closed',
  'tls',
  'overload',
  'protocol',
  'rcode',
] as const;

/**
 * Whether a failure says that the server could not be connected to. Any other one came over an
 * open connection: what the query provoked (a closed connection, a reset stream, an HTTP
 * error, bytes that are no DNS) says nothing about the server.
 */
export function isConnectFailure(reason: FailureReason): boolean {
  return reason === FailureReason.unreachable || reason === FailureReason.tls;
}

/**
 * Who asked. Called at most once per query sent (but for a refused reply and onSuspicious), never
 * from within send().
 */
export interface ReplyOwner {
  /**
   * The reply that matches (source, ID, question with its case). `bytes` is valid during the call
   * only; its ID is the upstream leg's. Returns whether it was taken: false (a malformed message)
   * leaves the query in flight, waiting for a better reply, as if the bad one had never come. Over
   * a stream no better one can come: there the query then fails as `protocol`.
   */
  onReply(query: UpstreamQuery, bytes: Uint8Array, length: number): boolean;
  onFailure(query: UpstreamQuery, reason: FailureReason): void;
  /**
   * The connection that the query left by was lost, and the server may not be to blame: whether it
   * may leave by another one. An exchange asks for so much a few times at most. An owner without a
   * say in it agrees.
   */
  mayRepeat?(query: UpstreamQuery): boolean;
  /**
   * The query has found no room for some time. Whether its owner has given up a query of a client
   * that holds more, so that this one is to have the next room there is. Other queries may be
   * canceled during this call.
   */
  makeRoom?(query: UpstreamQuery): boolean;
  /**
   * Replies came that have the query's ID and not its question, its question and not its ID, or its
   * question in another case: perhaps forged. The query stays in flight; the owner may cancel it
   * and ask again over a stream, where nobody can forge. Once per query sent, UDP only.
   */
  onSuspicious?(query: UpstreamQuery): void;
}

/**
 * One query on its way to one upstream. Pooled by its owner: a fixed shape, no closure. The owner
 * fills the first part; the exchange keeps the second between send() and the reply, failure or
 * cancel().
 */
export class UpstreamQuery {
  /**
   * The message as it is to leave (tag, case pattern, OPT and all); the exchange writes the ID into
   * bytes 0–1 of its own copy.
   */
  bytes: Uint8Array = EMPTY;
  length = 0;
  /** Offset of the first byte after the question (12 + QNAME + 4). */
  questionEnd = 0;
  /**
   * Whether the reply must repeat QNAME's case exactly (0x20). Over a stream it need not: nobody
   * can forge there.
   */
  matchCase = true;
  owner: ReplyOwner | null = null;
  /**
   * Replies came by UDP that claim to answer it and do not. Set by the exchange, cleared by the
   * owner.
   */
  missed = false;
  /**
   * … and one of them differed in QNAME's letter case only. Set by the exchange, cleared by the
   * owner.
   */
  miscased = false;
  /**
   * Nobody waits for it any more; a late reply is welcome. Set by the owner: an exchange without
   * room gives it up first.
   */
  late = false;
  /** Free for the owner: which upstream, which attempt. */
  upstreamIndex = -1;
  sentAtMs = 0;

  /** ID on the wire, −1 when not in flight, UNSENT_ID while it waits for a connection. */
  id = -1;
  /** Which of the exchange's sockets or connections it left by. */
  channel = 0;
  /** The exchange that holds it, null when not in flight. */
  exchange: Exchange | null = null;
}

const EMPTY = new Uint8Array(0);
/** No ID on the wire is as large. */
export const UNSENT_ID = 0x10000;

export interface Exchange {
  /**
   * Sends the query. The owner is told of the outcome later, never during this call; until then, or
   * cancel(), `query.bytes` stays as it is: the reply is compared with it. A query still in flight
   * is canceled first.
   */
  send(query: UpstreamQuery): void;
  /**
   * Forgets a query: no call to its owner any more. Harmless when it is not in flight here. Owners
   * cancel whatever they no longer wait for: an exchange has no time-outs of its own for queries.
   */
  cancel(query: UpstreamQuery): void;
  /** Queries in flight. */
  readonly inFlight: number;
  /**
   * Takes no more queries and closes once nothing is in flight; with force at once, what is in
   * flight fails as `closed`.
   */
  close(force: boolean): Promise<void>;
}
