// The API server of the cluster, asked with the pod's service account: GET over HTTPS, no more.
// ADR 33 says why this is no client library. Main thread.
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import { join } from 'node:path';
import { formatHostAndPort } from '../base/host-and-port.ts';
import { nodeHttps } from '../base/lazy-node.ts';
import { refusal, unreachable, WatchFailure } from './watch-failure.ts';

/** An error's body; the rest of a longer one is not read. */
const MAX_ERROR_BYTES = 16 * 1024;
const TOO_OLD = 410;

/** What was asked for is no longer there (410): begin again with a list. */
export class GoneError extends Error {}

/** The connection to it, with what the service account's files say now. One round of the watch. */
export class ApiServer {
  readonly #folder: string;
  readonly #host: string;
  readonly #port: number;
  readonly #agent: Agent;

  /**
   * Throws a WatchFailure where there is no service account.
   * @param folder has token and ca.crt
   */
  constructor(folder: string, environment: NodeJS.ProcessEnv) {
    const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = environment;
    if (host === '') {
      throw new WatchFailure(
        'this is not a pod of a cluster: KUBERNETES_SERVICE_HOST is not set',
        'Set kubernetes.pods: false, or run as a pod.',
      );
    }
    this.#folder = folder;
    this.#host = host;
    this.#port = Number(port);
    const ca = this.#read('ca.crt');
    this.#agent = new (nodeHttps().Agent)({ keepAlive: true, maxSockets: 1, ca });
  }

  /**
   * The body of a successful answer. Throws a WatchFailure, or GoneError.
   * @param idleMs without a byte for so long, the connection is given up
   */
  async get(path: string, idleMs: number, signal: AbortSignal): Promise<IncomingMessage> {
    // Read for each request: kubelet writes another token before the old one expires.
    const token = this.#read('token').trim();
    const response = await this.#send(path, token, idleMs, signal);
    const { statusCode = 0 } = response;
    if (statusCode === 200) return response;
    const body = await readSome(response);
    if (statusCode === TOO_OLD) throw new GoneError();
    throw refusal(statusCode, body, this.#folder);
  }

  #send(path: string, token: string, idleMs: number, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = nodeHttps().request(
        {
          host: this.#host,
          port: this.#port,
          path,
          agent: this.#agent,
          signal,
          headers: { Authorization: `Bearer ${token}`, Accept: 'application/json', 'User-Agent': 'unloop' },
        },
        resolve,
      );
      request.setTimeout(idleMs, () => request.destroy(new Error(`nothing came for ${idleMs / 1000} s`)));
      request.on('error', (error) => reject(this.failureOf(error)));
      request.end();
    });
  }

  /** What an error of the connection means. */
  failureOf(error: Error): WatchFailure {
    return unreachable(error, formatHostAndPort(this.#host, this.#port), this.#folder);
  }

  close(): void {
    this.#agent.destroy();
  }

  #read(name: string): string {
    const path = join(this.#folder, name);
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new WatchFailure(
        `there is no service account: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`,
        'Let the pod have its token: automountServiceAccountToken: true (chart: pods.enabled: true).',
      );
    }
  }
}

async function readSome(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes >= MAX_ERROR_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(chunks).toString('utf8');
}
