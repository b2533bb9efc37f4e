// The options of a stream-exchange, and its bounds.
import type { Clock } from '../base/clock.ts';
import type { FaultListener } from './fault-teller.ts';
import type { LinkHandler, StreamLink } from './stream-link.ts';

export const MAX_MESSAGE_LENGTH = 0xffff;
/** Connections opening at a time while the server has not answered yet: one may be enough. */
export const MAX_FIRST_CONNECTIONS = 4;
/** Queries without a connection. */
export const MAX_WAITING = 1024;
/**
 * Connections that may be lost under a query before it fails, if its owner agrees: three tries by
 * one transport (RFC 9520 §3.1).
 */
export const MAX_RETRIES = 2;

export const TICK_MS = 100;
/**
 * A connection that is silent for this long is given up, whatever waits on it: one that is dead may
 * never say so (RFC 1122 §4.2.3.5 waits minutes).
 */
export const DEAD_SILENCE_MS = 3000;
/** The owner of a query that has waited this long is asked to make room. */
export const CROWDED_MS = 100;

export interface StreamExchangeOptions {
  readonly clock: Clock;
  /** Nobody on the path can read along: queries are padded. */
  readonly encrypted: boolean;
  /** Queries that a connection may be thought to take before one has opened. */
  readonly firstDepth: number;
  /** Told what went wrong, in words; once a second at most while it is the same kind. */
  readonly onFault?: FaultListener;
  /** Begins a connection. */
  readonly connect: (serial: number, handler: LinkHandler) => StreamLink;
}
