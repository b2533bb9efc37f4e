// What a scripted upstream can do about a query, and the builders of each action. answers.ts builds
// the messages, altered-answers.ts changes them.
import type { ReceivedQuery } from './received-query.ts';

/** Something that the server does. */
export type Action =
  | {
      readonly kind: 'send';
      readonly bytes: Buffer;
      readonly delayMs: number;
      readonly fromOtherPort: boolean;
    }
  /** TCP, TLS: bytes without a length before them. */
  | { readonly kind: 'raw'; readonly bytes: Buffer; readonly delayMs: number }
  /**
   * Ends the connection (https: resets the stream); with `reset` it breaks (https: the whole
   * session).
   */
  | { readonly kind: 'close'; readonly reset: boolean; readonly delayMs: number }
  /** https: resets the stream with REFUSED_STREAM. */
  | { readonly kind: 'refuse'; readonly delayMs: number }
  /**
   * https: GOAWAY, as a server sends that is about to restart; what it has taken is answered. The
   * socket stays open.
   */
  | { readonly kind: 'goaway'; readonly delayMs: number }
  /** https: answers with this status and content type. */
  | {
      readonly kind: 'http';
      readonly status: number;
      readonly contentType: string;
      readonly bytes: Buffer;
      readonly delayMs: number;
    };

/** What to do on a query; nothing: let it wait forever. */
export type Script = (query: ReceivedQuery) => Action | readonly Action[] | undefined;

export type SendAction = Extract<Action, { kind: 'send' }>;

/** Sends any bytes as a message. */
export function send(bytes: Uint8Array): SendAction {
  return { kind: 'send', bytes: Buffer.from(bytes), delayMs: 0, fromOtherPort: false };
}

/** Bytes on a stream without a length before them. */
export function raw(bytes: Uint8Array): Action {
  return { kind: 'raw', bytes: Buffer.from(bytes), delayMs: 0 };
}

/** Ends the connection. */
export function closeConnection(): Action {
  return { kind: 'close', reset: false, delayMs: 0 };
}

/** Breaks the connection. */
export function resetConnection(): Action {
  return { kind: 'close', reset: true, delayMs: 0 };
}

/** https: the server has not looked at the request (RFC 9113 §8.7). */
export function refuseStream(): Action {
  return { kind: 'refuse', delayMs: 0 };
}

/** https: the server takes no more requests on this session. */
export function goAway(): Action {
  return { kind: 'goaway', delayMs: 0 };
}

export function httpAnswer(status: number, contentType: string, bytes: Uint8Array = Buffer.alloc(0)): Action {
  return { kind: 'http', status, contentType, bytes: Buffer.from(bytes), delayMs: 0 };
}

/** The same a while later, counted from the query. */
export function later<A extends Action>(delayMs: number, action: A): A {
  return { ...action, delayMs };
}

/** UDP: from a port that was not asked. */
export function fromOtherPort(action: SendAction): SendAction {
  return { ...action, fromOtherPort: true };
}
