// What the pipeline tells dnstap: each message of a client and each message to or from an upstream,
// while it is on. The bytes are copied; nothing is kept.
import type { Transport } from '../base/endpoint.ts';
import { parseIp } from '../base/ip-address.ts';
import { peerAddressByte, peerFamily, peerPort } from '../io/peer.ts';
import { encodeDnstap, MessageType, SocketProtocol } from './dnstap-message.ts';
import type { DnstapOutput } from './dnstap-output.ts';

const MAX_ID = 0xffff;

/** A client, or whoever answers one: Recipient of the pipeline. */
interface TappedClient {
  readonly replyTo: { readonly stream: boolean };
  readonly peers: Int32Array;
  readonly peerOffset: number;
}

/** A server that is asked. */
interface TappedUpstream {
  readonly transport: Transport;
  readonly spec: { readonly endpoint: { readonly host: string; readonly port: number } };
}

export interface TapOptions {
  readonly output: DnstapOutput;
  readonly clients: boolean;
  readonly forwarder: boolean;
  /** Empty: not told. */
  readonly identity: string;
  readonly version: string;
}

export class DnstapTap {
  readonly output: DnstapOutput;
  readonly #clients: boolean;
  readonly #forwarder: boolean;
  readonly #identity: Uint8Array;
  readonly #version: Uint8Array;

  constructor({ output, clients, forwarder, identity, version }: TapOptions) {
    this.output = output;
    this.#clients = clients;
    this.#forwarder = forwarder;
    this.#identity = new TextEncoder().encode(identity);
    this.#version = new TextEncoder().encode(version);
  }

  clientQuery(client: TappedClient, bytes: Uint8Array, length: number): void {
    if (this.#clients)
      this.#client(MessageType.clientQuery, client, bytes.subarray(0, length), Date.now(), 0);
  }

  /** An answer that was sent so long after its query came. */
  clientResponse(client: TappedClient, bytes: Uint8Array, length: number, durationMs: number): void {
    if (!this.#clients) return;
    const nowMs = Date.now();
    const response = bytes.subarray(0, length);
    this.#client(MessageType.clientResponse, client, response, nowMs - durationMs, nowMs);
  }

  /** @param id that the message leaves with; above 65535: it waits for a connection, without one */
  forwarderQuery(
    upstream: TappedUpstream,
    bytes: Uint8Array,
    length: number,
    id: number,
    overStream: boolean,
  ): void {
    if (!this.#forwarder) return;
    const query = bytes.slice(0, length);
    if (id <= MAX_ID) {
      query[0] = id >> 8;
      query[1] = id;
    }
    this.#upstream(upstream, query, overStream, Date.now(), 0);
  }

  /** A reply that came so long after its query left. */
  forwarderResponse(
    upstream: TappedUpstream,
    bytes: Uint8Array,
    length: number,
    durationMs: number,
    overStream: boolean,
  ): void {
    if (!this.#forwarder) return;
    const nowMs = Date.now();
    this.#upstream(upstream, bytes.subarray(0, length), overStream, nowMs - durationMs, nowMs);
  }

  #client(
    type: MessageType,
    { replyTo, peers, peerOffset }: TappedClient,
    bytes: Uint8Array,
    queryMs: number,
    responseMs: number,
  ): void {
    const addressBytes = peerFamily(peers, peerOffset) === 4 ? 4 : 16;
    this.#send({
      type,
      protocol: replyTo.stream ? SocketProtocol.tcp : SocketProtocol.udp,
      queryAddress: Uint8Array.from({ length: addressBytes }, (_, i) =>
        peerAddressByte(peers, peerOffset, i),
      ),
      queryPort: peerPort(peers, peerOffset),
      responseAddress: null,
      responsePort: 0,
      queryMs,
      responseMs,
      bytes,
    });
  }

  #upstream(
    { transport, spec }: TappedUpstream,
    bytes: Uint8Array,
    overStream: boolean,
    queryMs: number,
    responseMs: number,
  ): void {
    const { host, port } = spec.endpoint;
    this.#send({
      type: responseMs === 0 ? MessageType.forwarderQuery : MessageType.forwarderResponse,
      protocol: SocketProtocol[transport === 'udp' && overStream ? 'tcp' : transport],
      queryAddress: null,
      queryPort: 0,
      responseAddress: parseIp(host.split('%')[0]!)?.bytes ?? null,
      responsePort: port,
      queryMs,
      responseMs,
      bytes,
    });
  }

  #send(message: Parameters<typeof encodeDnstap>[0]): void {
    this.output.send(encodeDnstap(message, this.#identity, this.#version));
  }
}
