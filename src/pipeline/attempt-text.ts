// What became of the messages of a flight, in words: for the explanation of one query, the rings
// of slow and failed ones, and for clients, as the text of an Extended DNS Error. Made only when
// somebody reads it.
import { formatHostAndPort } from '../base/host-and-port.ts';
import { FailureReason } from '../upstream/exchange.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Rcode, rcodeName } from '../wire/codes.ts';
import type { Flight } from './pending/flight.ts';
import { AttemptEnd, type Timeline } from './pending/timeline.ts';

/** Bytes of the text that clients get: a short hint is enough (RFC 8914 §3). */
const MAX_TEXT_BYTES = 128;
const ELLIPSIS = '…';
const DNS_PORT = 53;

/** One message to one upstream. */
export interface AttemptLine {
  readonly upstream: string;
  readonly transport: string;
  /** Milliseconds after the question came. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly outcome: string;
}

/** The messages of a flight, in the order they left. */
export function attemptLines({ timeline, zone }: Flight, nowMs: number): AttemptLine[] {
  return Array.from({ length: timeline.count }, (_, i) => {
    const upstream = zone!.upstreams[timeline.upstreamOf(i)]!;
    return {
      upstream: upstream.text,
      transport: transportOf(timeline, i, upstream),
      startMs: rounded(timeline.startOf(i)),
      durationMs: rounded(timeline.durationOf(i, nowMs)),
      outcome: outcomeOf(timeline, i, upstream),
    };
  });
}

/**
 * Which upstreams failed and why, as clients get it: "10.0.0.2: no answer over UDP, 3 tries; TCP
 * refused". Names hosts and ports only: the path of a URL may be a secret.
 */
export function failureText({ timeline, zone }: Flight): Uint8Array {
  const parts: string[] = [];
  for (const [index, upstream] of zone!.upstreams.entries()) {
    const causes = causesOf(timeline, index, upstream);
    if (causes !== '') parts.push(`${shortName(upstream)}: ${causes}`);
  }
  return bounded(parts.join('; '));
}

/** What became of the messages to one upstream; '' if none was sent, or all were answered. */
export function causesOf(timeline: Timeline, index: number, upstream: Upstream): string {
  const tries = new Map<string, number>();
  for (let i = 0; i < timeline.count; i++) {
    if (timeline.upstreamOf(i) !== index || isAnswered(timeline, i)) continue;
    const cause = causeOf(timeline, i, upstream);
    tries.set(cause, (tries.get(cause) ?? 0) + 1);
  }
  return [...tries].map(([cause, count]) => (count === 1 ? cause : `${cause}, ${count} tries`)).join('; ');
}

/** Whether one of the messages to this upstream brought an answer. */
export function hasAnswered(timeline: Timeline, index: number): boolean {
  for (let i = 0; i < timeline.count; i++)
    if (timeline.upstreamOf(i) === index && isAnswered(timeline, i)) return true;
  return false;
}

/** "10.0.0.2", "10.0.0.2:5353": no path, and no port that goes without saying. */
export function shortName({ spec, transport }: Upstream): string {
  const { host, port } = spec.endpoint;
  const isUsual = port === DNS_PORT && (transport === 'udp' || transport === 'tcp');
  return isUsual ? host : formatHostAndPort(host, port);
}

function causeOf(timeline: Timeline, i: number, upstream: Upstream): string {
  const outcome = outcomeOf(timeline, i, upstream);
  const transport = transportOf(timeline, i, upstream).toUpperCase();
  switch (timeline.endOf(i)) {
    case AttemptEnd.pending:
    case AttemptEnd.silent:
    case AttemptEnd.mismatched:
    case AttemptEnd.truncated:
      return `${outcome} over ${transport}`;
    case AttemptEnd.failed:
      return `${transport} ${outcome}`;
    default:
      return outcome;
  }
}

/** The outcome of one message, in a word or two. */
function outcomeOf(timeline: Timeline, i: number, upstream: Upstream): string {
  switch (timeline.endOf(i)) {
    case AttemptEnd.replied:
      return isAnswered(timeline, i) ? 'answered' : rcodeName(timeline.detailOf(i));
    case AttemptEnd.truncated:
      return 'truncated';
    case AttemptEnd.malformed:
      return 'malformed reply';
    case AttemptEnd.mismatched:
      return 'mismatched replies';
    case AttemptEnd.failed:
      return failureWord(timeline.detailOf(i), timeline.overStream(i), upstream);
    case AttemptEnd.looped:
      return 'forwarding loop';
    default:
      return 'no answer';
  }
}

function failureWord(reason: number, overStream: boolean, upstream: Upstream): string {
  switch (reason) {
    case FailureReason.unreachable:
      return unreachableWord(upstream.lastErrorOver(overStream));
    case FailureReason.closed:
      return 'connection lost';
    case FailureReason.tls:
      return 'handshake failed';
    case FailureReason.overload:
      return 'no room';
    case FailureReason.protocol:
      return 'no usable DNS';
    default:
      return 'failed';
  }
}

/** The system's reason: its code, or the words that upstream/connect-error.ts has for it. */
function unreachableWord(lastError: string): string {
  if (lastError.includes('ECONNREFUSED')) return 'refused';
  if (lastError.includes('EHOSTUNREACH')) return 'host unreachable';
  if (/ENETUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT/.test(lastError)) return 'network unreachable';
  return lastError.startsWith('no TCP connection') ? 'no connection' : 'unreachable';
}

function isAnswered(timeline: Timeline, i: number): boolean {
  const rcode = timeline.detailOf(i);
  return timeline.endOf(i) === AttemptEnd.replied && (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN);
}

function transportOf(timeline: Timeline, i: number, { transport }: Upstream): string {
  return transport === 'udp' && timeline.overStream(i) ? 'tcp' : transport;
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** UTF-8, cut off at a whole character. */
function bounded(text: string): Uint8Array {
  const encoder = new TextEncoder();
  const whole = encoder.encode(text);
  if (whole.length <= MAX_TEXT_BYTES) return whole;
  const room = new Uint8Array(MAX_TEXT_BYTES - encoder.encode(ELLIPSIS).length);
  const { read } = encoder.encodeInto(text, room);
  return encoder.encode(text.slice(0, read) + ELLIPSIS);
}
