// DNS over HTTP/2 on one connection (RFC 8484 §5.2, RFC 9113). Nothing that the server sends costs
// more than a few kilobytes and one request; how much it may send at all is bounded by stream-link.
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { nodeHttp2 } from '../base/lazy-node.ts';
import { describeOpenError } from './connect-error.ts';
import {
  BodyBuffer,
  DNS_MESSAGE,
  type DohClient,
  type DohClientOwner,
  type DohServer,
  describeRefusal,
  MAX_HEADER_BYTES,
  type ResponseHandler,
} from './doh-client.ts';

/** Requests at a time where the server allows more. */
const MAX_STREAMS = 256;
/** Header fields of one response. */
const MAX_HEADER_FIELDS = 64;
/** Interim responses (1xx) before the final one. */
const MAX_INTERIM = 4;

/** Error codes of streams (RFC 9113 §7). */
const NO_ERROR = 0x0;
const REFUSED_STREAM = 0x7;
const CANCEL = 0x8;
const ENHANCE_YOUR_CALM = 0xb;

export class Http2Client implements DohClient {
  /** None until the server has said how many (RFC 9113 §6.5.2: its settings come first). */
  limit = 0;
  readonly #session: ClientHttp2Session;
  readonly #server: DohServer;
  readonly #owner: DohClientOwner;
  #ready = false;
  #sounding = false;

  constructor(server: DohServer, owner: DohClientOwner) {
    this.#server = server;
    this.#owner = owner;
    const session = nodeHttp2().connect(`https://${server.authority}`, {
      createConnection: () => server.socket,
      settings: { enablePush: false, maxHeaderListSize: MAX_HEADER_BYTES },
      maxHeaderListPairs: MAX_HEADER_FIELDS,
      maxReservedRemoteStreams: 0,
    });
    this.#session = session;
    session.on('remoteSettings', ({ maxConcurrentStreams }) => {
      this.limit = Math.min(MAX_STREAMS, maxConcurrentStreams ?? MAX_STREAMS);
      if (this.#ready) return;
      this.#ready = true;
      owner.onReady();
    });
    session.on('goaway', () => owner.onGoingAway());
    session.on('error', (error: Error) => owner.onBroken(describeOpenError(error)));
    session.on('close', () => owner.onBroken('the server ended the HTTP/2 session'));
  }

  post(body: Buffer, handler: ResponseHandler): () => void {
    const stream = this.#open(body);
    if (stream === null) {
      // The session is about to end: what becomes of the query is decided then.
      setImmediate(() => handler.onLost(true, 'the HTTP/2 session takes no more requests'));
      return () => {};
    }
    const content = new BodyBuffer();
    let isGood = false;
    let interim = 0;
    const refuse = (text: string) => {
      isGood = false;
      handler.onUseless(text);
    };
    stream.on('response', (headers) => {
      const refusal = describeRefusal(headers[':status'], headers['content-type']);
      if (refusal === '') isGood = true;
      else refuse(refusal);
    });
    stream.on('headers', () => {
      if (++interim > MAX_INTERIM) refuse('too many interim responses (HTTP status 1xx)');
    });
    stream.on('data', (chunk: Buffer) => {
      if (!content.add(chunk)) refuse('a response of more than 65535 bytes');
    });
    stream.on('end', () => {
      // A stream that was cut off ends too, after what had come of it.
      if (isGood && stream.rstCode === NO_ERROR) handler.onResponse(content.take());
    });
    // What became of the stream is read at its close; without a listener the error would be thrown.
    stream.on('error', () => {});
    stream.on('close', () => {
      if (this.#session.destroyed) return;
      const code = stream.rstCode;
      // Node.js 24's own server says the latter while a stream that was reset is still being freed.
      const isRefused = code === REFUSED_STREAM || code === ENHANCE_YOUR_CALM;
      handler.onLost(isRefused, `HTTP/2 stream closed with code ${code}`);
    });
    return () => stream.close(CANCEL);
  }

  ping(): void {
    if (this.#sounding || this.#session.destroyed || this.#session.closed) return;
    this.#sounding = this.#session.ping((error) => {
      this.#sounding = false;
      if (error === null) this.#owner.onAlive();
    });
  }

  #open(body: Buffer): ClientHttp2Stream | null {
    if (this.#session.closed || this.#session.destroyed) return null;
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': this.#server.urlPath,
      accept: DNS_MESSAGE,
      'content-type': DNS_MESSAGE,
      'content-length': body.length,
    });
    stream.end(body);
    return stream;
  }
}
