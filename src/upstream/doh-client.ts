// What doh-connection asks of HTTP, kept by doh-http2 and doh-http1.
import type { TLSSocket } from 'node:tls';

export const MAX_MESSAGE_LENGTH = 0xffff;
export const DNS_MESSAGE = 'application/dns-message';
/** Bytes of a response's header fields: an answer needs a few hundred. */
export const MAX_HEADER_BYTES = 16 * 1024;

/** The server to ask. */
export interface DohServer {
  /** "dns.example:8443". */
  readonly authority: string;
  readonly urlPath: string;
  /** Connected, verified. */
  readonly socket: TLSSocket;
}

/** Told of the connection. */
export interface DohClientOwner {
  /** Requests can be made; not told where they could be from the start. */
  onReady(): void;
  /** The server has shown that it is there. */
  onAlive(): void;
  /** No more requests; those under way will be answered. */
  onGoingAway(): void;
  onBroken(text: string): void;
}

/** Told of one request, once. */
export interface ResponseHandler {
  /** A DNS message, or what claims to be one. */
  onResponse(body: Buffer): void;
  /** An HTTP response that carries none. */
  onUseless(text: string): void;
  /** The stream was reset. With `refused` the server has not looked at the request. */
  onLost(refused: boolean, text: string): void;
}

export interface DohClient {
  /** Requests at a time, by the server's word. */
  readonly limit: number;
  /** Posts a message; returns what cancels the request. */
  post(body: Buffer, handler: ResponseHandler): () => void;
  /** Asks the server for a sign of life, where that is possible. */
  ping(): void;
}

const MOVED = 'it sends us to another URL: ask it with curl -I, and configure that one';
const STATUS_REMEDIES: Readonly<Record<number, string>> = {
  301: MOVED,
  302: MOVED,
  303: MOVED,
  307: MOVED,
  308: MOVED,
  400: 'the server does not take the query',
  401: 'the server wants a login, which unloop does not have',
  403: 'the server does not serve this address',
  404: 'check the path of the URL, often /dns-query',
  405: 'the server does not take POST',
  415: `the server does not take ${DNS_MESSAGE}`,
  429: 'the server limits the rate of queries',
};

/** What is wrong with a response by its header; '' when nothing is. */
export function describeRefusal(status: number | undefined, contentType: string | undefined): string {
  if (status !== 200) {
    const remedy =
      STATUS_REMEDIES[status ?? 0] ?? (status !== undefined && status >= 500 ? 'the server fails' : '');
    return `HTTP status ${status ?? 'missing'}${remedy === '' ? '' : `: ${remedy}`}`;
  }
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase().slice(0, 60);
  return type === DNS_MESSAGE ? '' : `content type "${type}", not ${DNS_MESSAGE}: check the path of the URL`;
}

/** Collects a response's body, which is at most a DNS message long. */
export class BodyBuffer {
  #chunks: Buffer[] = [];
  #size = 0;

  /** Returns whether it is still short enough. */
  add(chunk: Buffer): boolean {
    this.#size += chunk.length;
    if (this.#size > MAX_MESSAGE_LENGTH) return false;
    this.#chunks.push(chunk);
    return true;
  }

  take(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }
}
