// The reflector over TCP: each connection of the server gets one back to the server, and what comes
// on either side goes out at the other. So a query that the server sends into the loop comes back
// to it, and its own answer to it is the reply; IDs need no change. Part of Reflector.
//
//   server ──query──▶ [accepted] reflector [opened] ──query──▶ server
//   server ◀──reply── [accepted] reflector [opened] ◀──reply── server
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { FrameReader } from '../io/tcp-framing.ts';

/** A server that opens a connection for each lap would otherwise use up our descriptors. */
const MAX_CONNECTIONS = 1000;

/** Sends back what comes by TCP. */
export class StreamReflector {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #onQuery: () => void;
  #target: { readonly host: string; readonly port: number } | null = null;

  private constructor(onQuery: () => void) {
    this.#onQuery = onQuery;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /**
   * Listens; rejects when it cannot. `onQuery` is called for each message that the server sends.
   */
  static async start(address: string, port: number, onQuery: () => void): Promise<StreamReflector> {
    const reflector = new StreamReflector(onQuery);
    reflector.#server.listen(port, address);
    await once(reflector.#server, 'listening');
    return reflector;
  }

  /**
   * Names the server that gets everything back. Connections that came before are closed unanswered.
   */
  reflectTo(address: string, port: number): void {
    this.#target = { host: address, port };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #accept(front: Socket): void {
    if (this.#target === null) {
      front.destroy();
      return;
    }
    const queries = new FrameReader({ onMessage: this.#onQuery, onFramingError: () => front.destroy() });
    front.on('data', (chunk) => queries.push(chunk));
    const back = connect(this.#target);
    this.#join(front, back);
    this.#join(back, front);
  }

  /**
   * Passes on what comes from one side, with the other's back-pressure; when one side ends, so does
   * the other.
   */
  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }
}
