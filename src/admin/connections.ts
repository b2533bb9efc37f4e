// The connections of the admin listener, bounded so that a client that opens and keeps many of them
// does not block the probes: kubelet restarts a container whose /health does not answer. Called by
// http.ts.
import type { Socket } from 'node:net';

const MAX_CONNECTIONS = 64;
/**
 * Slots that only probes may use while they are answered: a reader that does not read its metrics
 * holds one for long.
 */
const PROBE_SLOTS = 8;

interface Connection {
  readonly peer: string;
  /** Its requests that are complete and not yet answered: probes, and others. */
  probes: number;
  others: number;
}

export class AdminConnections {
  /** Oldest first. */
  readonly #connections = new Map<Socket, Connection>();

  /**
   * A connection has come. Beyond the limit an idle one is closed for it: the oldest of the peer
   * that has most.
   */
  accept(socket: Socket): void {
    if (this.#connections.size >= MAX_CONNECTIONS && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    this.#connections.set(socket, { peer: socket.remoteAddress ?? '', probes: 0, others: 0 });
    socket.once('close', () => this.#connections.delete(socket));
  }

  /**
   * A request is complete; false: there is no slot to answer it. Each true is followed by one
   * end().
   */
  begin(socket: Socket, isProbe: boolean): boolean {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return false;
    if (isProbe) {
      connection.probes++;
      return true;
    }
    if (connection.others === 0 && this.#busy() >= MAX_CONNECTIONS - PROBE_SLOTS) return false;
    connection.others++;
    return true;
  }

  /** Its answer has left, or never will. */
  end(socket: Socket, isProbe: boolean): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    if (isProbe) connection.probes--;
    else connection.others--;
  }

  #busy(): number {
    return [...this.#connections.values()].filter(({ others }) => others > 0).length;
  }

  #makeRoom(): boolean {
    // Those that wait for a request, or for the rest of one; a slow sender is no better than one
    // that keeps alive.
    const idle = [...this.#connections].filter(([, { probes, others }]) => probes + others === 0);
    const counts = new Map<string, number>();
    for (const { peer } of this.#connections.values()) counts.set(peer, (counts.get(peer) ?? 0) + 1);
    let victim: Socket | null = null;
    let most = 0;
    for (const [socket, { peer }] of idle) {
      if (counts.get(peer)! <= most) continue;
      most = counts.get(peer)!;
      victim = socket;
    }
    if (victim === null) return false;
    victim.destroy();
    this.#connections.delete(victim);
    return true;
  }
}
