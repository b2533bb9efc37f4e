// One client's query while it is handled: what every step of the way needs of it. One object per
// pipeline, filled again for each message, so that the hot path allocates nothing. Whatever
// outlives handle() copies what it needs (waiter.ts, flight.ts).
import { SERVER_UDP_SIZE } from '../wire/edns.ts';
import { ParsedQuery } from '../wire/query.ts';
import type { AnsweredClient, ClientQuestion } from '../wire/restore.ts';
import { type Asker, NO_SINK, type ReplySink } from './reply-sink.ts';

const MAX_STREAM_BYTES = 65_535;
const NO_MESSAGE = new Uint8Array(0);
const NO_PEERS = new Int32Array(0);

export class ClientQuery implements Asker, AnsweredClient {
  /** The receive buffer; the message is its first `length` bytes. */
  message: Uint8Array = NO_MESSAGE;
  length = 0;
  /** What parseQuery() read in the message. */
  readonly parsed = new ParsedQuery();
  /** The part of it that an answer depends on. */
  readonly question: ClientQuestion = this.parsed;
  replyTo: ReplySink = NO_SINK;
  /** The client's address and ours: peer words from peerOffset (io/datagram-socket.ts). */
  peers: Int32Array = NO_PEERS;
  peerOffset = 0;
  /** Its OPT has the NSID option; set by QueryPath. */
  nsidAsked = false;
  /** The client as a number (client-hash.ts); set when the cache has no answer. */
  clientHash = 0;

  /** Takes the next message; `parsed` is still that of the last one. */
  take(message: Uint8Array, length: number, replyTo: ReplySink, peers: Int32Array, peerOffset: number): void {
    this.message = message;
    this.length = length;
    this.replyTo = replyTo;
    this.peers = peers;
    this.peerOffset = peerOffset;
    this.nsidAsked = false;
  }

  /** QNAME as the client spells it is in its own message. */
  get named(): Uint8Array {
    return this.message;
  }

  get overStream(): boolean {
    return this.replyTo.stream;
  }

  /**
   * The longest answer that the client takes, bytes: the size in its OPT, but over UDP at most
   * 1232, which fit every path without fragmentation (flag day 2020, RFC 9715 §3.2).
   */
  get sizeLimit(): number {
    return this.replyTo.stream ? MAX_STREAM_BYTES : Math.min(this.parsed.udpSize, SERVER_UDP_SIZE);
  }
}
