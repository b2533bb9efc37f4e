// DNS over HTTP/1.1 on one connection, one request after the other, for servers without HTTP/2.
import type { Agent } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { nodeHttp } from '../base/lazy-node.ts';
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

/** Interim responses (1xx) before the final one. */
const MAX_INTERIM = 4;

/** Gives requests the one socket, and no other. */
function oneSocketAgent(socket: TLSSocket): Agent {
  const agent = new (nodeHttp().Agent)({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 });
  agent.createConnection = () => socket;
  return agent;
}

export class Http1Client implements DohClient {
  readonly limit = 1;
  readonly #server: DohServer;
  readonly #owner: DohClientOwner;
  readonly #agent: Agent;

  constructor(server: DohServer, owner: DohClientOwner) {
    this.#server = server;
    this.#owner = owner;
    this.#agent = oneSocketAgent(server.socket);
  }

  post(body: Buffer, handler: ResponseHandler): () => void {
    const { authority, urlPath, socket } = this.#server;
    const content = new BodyBuffer();
    let interim = 0;
    const sent = nodeHttp().request({
      agent: this.#agent,
      method: 'POST',
      path: urlPath,
      setHost: false,
      headers: {
        host: authority,
        accept: DNS_MESSAGE,
        'content-type': DNS_MESSAGE,
        'content-length': body.length,
      },
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    const refuse = (text: string) => {
      handler.onUseless(text);
      socket.destroy();
    };
    sent.on('information', () => {
      if (++interim > MAX_INTERIM) refuse('too many interim responses (HTTP status 1xx)');
    });
    sent.on('response', (response) => {
      if (!sent.shouldKeepAlive) this.#owner.onGoingAway();
      const refusal = describeRefusal(response.statusCode, response.headers['content-type']);
      if (refusal !== '') {
        refuse(refusal);
        return;
      }
      response.on('data', (chunk: Buffer) => {
        if (!content.add(chunk)) refuse('a response of more than 65535 bytes');
      });
      // Cut off in the middle it ends with an error, not with this.
      response.on('end', () => handler.onResponse(content.take()));
      response.on('error', () => {});
    });
    sent.on('error', (error) => this.#owner.onBroken(describeOpenError(error)));
    sent.end(body);
    // HTTP/1.1 has no way to take a request back but to close.
    return () => {
      socket.destroy();
    };
  }

  ping(): void {}
}
