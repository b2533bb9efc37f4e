// Who may ask the admin listener what. Against web pages that reach for loopback (DNS rebinding,
// cross-site requests) the Host and Origin headers are checked. A client from beyond loopback
// needs a token; where one is set, everybody does. Called by http.ts for every request.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** How much a route tells: a probe says alive or not, metrics say numbers, the rest is private. */
export type Openness = 'probe' | 'metrics' | 'private';

/** Of an answer, besides those that all have. A list: a line each. */
export type Headers = Readonly<Record<string, string | string[]>>;

/** Why a request is not served; `remedy` says what the asker does next. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly remedy: string;
  readonly headers?: Headers;
}

/** Judges the requests of one listener. */
export class AccessPolicy {
  readonly #loopback: boolean;
  readonly #hosts: ReadonlySet<string>;
  /**
   * SHA-256 of the token, so that the comparison takes the same time for every guess; null without
   * a token.
   */
  readonly #tokenDigest: Buffer | null;

  /** `hosts` are further names by which browsers may address a loopback listener. */
  constructor(options: { listenHost: string; token: string; hosts: readonly string[] }) {
    this.#loopback = isLoopbackHost(options.listenHost);
    this.#hosts = new Set(
      [options.listenHost, 'localhost', ...options.hosts].map((name) => name.toLowerCase()),
    );
    this.#tokenDigest = options.token === '' ? null : digest(options.token);
  }

  /** Null when the request may be served. */
  refuse(request: IncomingMessage, openness: Openness): Refusal | null {
    return this.#refuseHost(request) ?? refuseOrigin(request) ?? this.#refuseUnauthorized(request, openness);
  }

  /**
   * A page whose own name was made to point at 127.0.0.1 sends that name: an address or `localhost`
   * it cannot send.
   */
  #refuseHost(request: IncomingMessage): Refusal | null {
    return this.#loopback ? this.#refuseName(request) : null;
  }

  #refuseName(request: IncomingMessage): Refusal | null {
    const name = hostName(request.headers.host ?? '');
    if (name !== null && (isIP(name) !== 0 || this.#hosts.has(name))) return null;
    return {
      status: 403,
      error: 'the Host header names neither an address nor localhost',
      remedy: 'Ask by address, for example http://127.0.0.1:9530/.',
    };
  }

  #refuseUnauthorized(request: IncomingMessage, openness: Openness): Refusal | null {
    if (openness === 'probe') return null;
    if (this.#tokenDigest !== null) {
      const given = presentedToken(request.headers.authorization ?? '');
      if (given !== null && timingSafeEqual(digest(given), this.#tokenDigest)) return null;
      return {
        status: 401,
        error: 'a token is needed',
        remedy:
          'Send "Authorization: Bearer TOKEN" with the value of admin.token; a browser may give it as the password.',
        // Chromium reads one challenge a line: with both on one it asks for no password.
        headers: { 'WWW-Authenticate': ['Bearer realm="unloop"', 'Basic realm="unloop", charset="UTF-8"'] },
      };
    }
    if (this.#loopback || openness === 'metrics') return null;
    // Who is on this machine, or in this pod, sees all; but no web page may borrow that.
    if (isFromThisMachine(request)) return this.#refuseName(request);
    return {
      status: 403,
      error: 'without a token, only /health, /ready, /serving and /metrics are served beyond loopback',
      remedy: 'Ask from this machine or pod (`unloop status`), or set admin.tokenFile and send the token.',
    };
  }
}

/** Programs of this machine ask from these, whatever address of 127.0.0.0/8 they ask. */
const LOOPBACK_CLIENTS = new Set(['127.0.0.1', '::ffff:127.0.0.1', '::1']);

/**
 * Whether the client is on this machine, and not a proxy here that speaks for another one. The
 * proxy of a service mesh names nobody, but asks from an address of its own (Istio's: 127.0.0.6).
 *
 * Who asks a machine at one of its addresses from that same address is on it: this is how its own
 * programs reach a listener that is not on loopback. No other machine can complete a handshake from
 * there, as our half of it never leaves the machine.
 */
function isFromThisMachine({ socket, headers }: IncomingMessage): boolean {
  if (headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined) return false;
  const { remoteAddress, localAddress } = socket;
  if (remoteAddress === undefined) return false;
  return LOOPBACK_CLIENTS.has(remoteAddress) || remoteAddress === localAddress;
}

/** Whether a listen host can be reached from this machine only. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === '::1') return true;
  return isIP(name.replace(/^::ffff:/, '')) === 4 && /^(::ffff:)?127\./.test(name);
}

/**
 * The name or address in a Host header, lower case, without port, brackets and final dot; null when
 * it is not one.
 */
function hostName(host: string): string | null {
  const match = /^(?:\[([^\][]+)\]|([^:\][]+?)\.?)(?::\d{1,5})?$/.exec(host.toLowerCase());
  return match?.[1] ?? match?.[2] ?? null;
}

/** Browsers say which page a request comes from. Only the listener's own page may ask. */
function refuseOrigin(request: IncomingMessage): Refusal | null {
  const { origin, host = '' } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const foreignOrigin = origin !== undefined && originHost(origin) !== host.toLowerCase();
  // A link to the status page on another page is harmless; a form that posts here from there is
  // not.
  const foreignChange =
    request.method === 'POST' && site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!foreignOrigin && !foreignChange) return null;
  return {
    status: 403,
    error: 'a request from the page of another site',
    remedy: 'Ask from a command line, or from the status page itself.',
  };
}

function originHost(origin: string): string | null {
  return /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1] ?? null;
}

/**
 * The token of `Bearer TOKEN`, or the password of `Basic`, which is all a browser can be made to
 * send; else null.
 */
function presentedToken(authorization: string): string | null {
  const match = /^(bearer|basic) +(\S+)$/i.exec(authorization);
  if (match === null) return null;
  if (match[1]!.toLowerCase() === 'bearer') return match[2]!;
  const userAndPassword = Buffer.from(match[2]!, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  return colon === -1 ? null : userAndPassword.slice(colon + 1);
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}
