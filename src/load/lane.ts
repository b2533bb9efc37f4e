// The contract of a lane, the load tool's way to the server: a UDP socket (udp-lane) or a TCP or
// TLS connection (stream-lane), with the queries in flight on it. Opened by a run, which decides
// when to send.
import type { InFlightTable } from './in-flight-table.ts';
import type { QuerySource } from './query-source.ts';
import type { Tally } from './tally.ts';
import type { Target } from './target.ts';

/** One way to the server. */
export interface Lane {
  readonly table: InFlightTable;
  /** Closed loop: most queries in flight. Set by the run. */
  window: number;
  /** Whether send() may be called now. */
  readonly ready: boolean;
  /**
   * Sends the next query. Latency is counted from `intendedMs`, the timeout from `nowMs` (both as
   * performance.now()).
   */
  send(intendedMs: number, nowMs: number): void;
  /** Hands over what send() gathered. Called after the last send of a turn. */
  flush(): void;
  close(): Promise<void>;
}

/** What a lane is opened with. */
export interface LaneOptions {
  readonly target: Target;
  readonly source: QuerySource;
  readonly tally: Tally;
  /** Called after each batch of answers: there is room for more queries. */
  readonly onAnswers: (lane: Lane, nowMs: number) => void;
}
