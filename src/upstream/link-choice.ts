// Which connection a query leaves by. Used by stream-exchange.
import type { AnswerPace } from './answer-pace.ts';
import type { StreamEntry } from './stream-entry.ts';
import type { StreamLink } from './stream-link.ts';

/**
 * Connections in use at a time: dnsmasq serves 20. Those that only finish what they have may be as
 * many again.
 */
export const MAX_CONNECTIONS = 16;
/**
 * A connection that has been silent for so long carries no more queries; if all are, it is given
 * up.
 */
export const REPLACE_SILENT_MS = 1000;

/** The connection whose server was silent for the shortest time, the least loaded of such. */
export function chooseLink(
  links: readonly StreamLink[],
  entry: StreamEntry,
  pace: AnswerPace,
  nowMs: number,
): StreamLink | null {
  const mayBeSilent = links.length >= MAX_CONNECTIONS;
  let best: StreamLink | null = null;
  let bestSilentMs = 0;
  for (const link of links) {
    if (!link.hasRoom || (link.load > 0 && !mayQueue(entry, link, pace, nowMs))) continue;
    const silentMs = link.silentMs(nowMs);
    if (isStuck(link, pace, nowMs)) {
      // There can be no more connections, and it may be some names only that the server is silent
      // about.
      const isTried = (link.canOvertake || entry.mayTry) && silentMs < REPLACE_SILENT_MS;
      if (!mayBeSilent || !isTried) continue;
    }
    if (best !== null && (silentMs > bestSilentMs || (silentMs === bestSilentMs && link.load >= best.load)))
      continue;
    best = link;
    bestSilentMs = silentMs;
  }
  return best;
}

/**
 * Whether a query may leave behind another one, which may never be answered: where the server is
 * known to answer many at a time, or after some patience, where answers come.
 */
function mayQueue(entry: StreamEntry, link: StreamLink, { patienceMs }: AnswerPace, nowMs: number): boolean {
  if (entry.alone) return false;
  if (link.canOvertake || entry.mayTry) return true;
  return !entry.isFavored && nowMs - entry.sinceMs >= patienceMs && nowMs - link.answeredMs <= patienceMs;
}

/**
 * Whether a query had better not be sent this way: it might wait behind one that is not answered.
 */
export function isStuck(link: StreamLink, { suspectMs, patienceMs }: AnswerPace, nowMs: number): boolean {
  return link.silentMs(nowMs) > (link.canOvertake ? suspectMs : patienceMs);
}
