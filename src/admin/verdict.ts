// The state of the server in one line and its cure, for the top of the status page.
import type { LoopEpisodeStatus, Readiness, UpstreamStatus } from './admin-source.ts';
import { formatMs } from './readable.ts';

/** An upstream that takes so long is slow: clients of it wait as long for a new name. */
export const SLOW_RTT_MS = 1000;

/** Whether it answers, but slowly. */
export function isSlow({
  state,
  condition,
  rttMs,
}: Pick<UpstreamStatus, 'state' | 'condition' | 'rttMs'>): boolean {
  return state === 'up' && condition === 'answers' && rttMs !== null && rttMs >= SLOW_RTT_MS;
}

export interface Verdict {
  readonly level: 'good' | 'warning' | 'bad';
  /** A few words. */
  readonly headline: string;
  /** One or two sentences: what holds now. */
  readonly detail: string;
  /** What the operator does next; empty for nothing. */
  readonly cure: string;
}

/**
 * The most important thing first: names that do not resolve, then a loop, then what may become
 * trouble.
 */
export function judge(
  readiness: Readiness,
  upstreams: readonly UpstreamStatus[],
  episodes: readonly LoopEpisodeStatus[],
): Verdict {
  const open = episodes.filter((episode) => episode.state === 'open');
  const dead = findDeadZones(upstreams, open);
  if (upstreams.length === 0) return judgeNoUpstream(readiness);
  if (dead.length > 0) return judgeDeadZones(dead, upstreams, open);
  if (open.length > 0) return judgeContainedLoops(open, upstreams);
  if (!readiness.ready) {
    return { level: 'warning', headline: 'Not ready', detail: `${capitalize(readiness.reason)}.`, cure: '' };
  }
  const bad = upstreams.filter(
    (upstream) => upstream.state !== 'up' || upstream.condition === 'degraded' || isSlow(upstream),
  );
  if (bad.length > 0) return judgeDegraded(bad, upstreams);
  return { level: 'good', headline: 'Healthy', detail: `${describeAnswers(upstreams)}; no loop.`, cure: '' };
}

/** Who answers, as far as anybody asked. */
function describeAnswers(upstreams: readonly UpstreamStatus[]): string {
  const count = upstreams.length;
  const answering = upstreams.filter((upstream) => upstream.condition === 'answers').length;
  if (answering === 0) {
    const isAsked = upstreams.some((upstream) => upstream.condition === 'unheard');
    const subject = count === 1 ? 'The upstream' : 'No upstream';
    if (isAsked) return count === 1 ? `${subject} has not answered yet` : `${subject} has answered yet`;
    return count === 1 ? `${subject} was not asked yet` : `${subject} was asked yet`;
  }
  if (answering < count) {
    return `${answering} of ${count} upstreams ${answering === 1 ? 'answers' : 'answer'}, the others have not answered yet`;
  }
  return count === 1 ? 'The upstream answers' : `All ${count} upstreams answer`;
}

/**
 * Zones that no upstream can answer for. A quarantined upstream still serves the zones it does not
 * loop in.
 */
function findDeadZones(upstreams: readonly UpstreamStatus[], open: readonly LoopEpisodeStatus[]): string[] {
  const zones = new Set(upstreams.flatMap((upstream) => upstream.zones));
  return [...zones].filter(
    (zone) =>
      !upstreams.some(
        (upstream) =>
          upstream.zones.includes(zone) && upstream.state !== 'down' && !loopsIn(upstream, zone, open),
      ),
  );
}

function loopsIn(upstream: UpstreamStatus, zone: string, open: readonly LoopEpisodeStatus[]): boolean {
  const episodes = open.filter((episode) => episode.upstream === upstream.address);
  // Quarantined with no episode to say for which zone: take it for all.
  if (episodes.length === 0) return upstream.state === 'quarantined';
  return episodes.some((episode) => episode.zone === zone);
}

function judgeNoUpstream(readiness: Readiness): Verdict {
  return {
    level: 'bad',
    headline: 'No upstream',
    detail: `There is no server to forward to${readiness.reason === '' ? '' : `: ${readiness.reason}`}.`,
    cure: 'Name servers under "upstreams" in the configuration; "unloop doctor" says what was looked for and where.',
  };
}

function judgeDeadZones(
  dead: readonly string[],
  upstreams: readonly UpstreamStatus[],
  open: readonly LoopEpisodeStatus[],
): Verdict {
  const names = describeNames(dead, upstreams);
  const outcome =
    'Clients get stale answers where there are any; some questions are tried all the same, the others get SERVFAIL at once.';
  const loop = open.find((episode) => dead.includes(episode.zone));
  if (loop !== undefined) {
    return {
      level: 'bad',
      headline: 'Looping',
      detail: `Queries sent to ${loop.upstream} come back here, and no other upstream is left for ${names}. ${outcome}`,
      cure: loop.cure,
    };
  }
  return {
    level: 'bad',
    headline: dead.includes('.') ? 'No upstream answers' : `No upstream for ${dead[0]}`,
    detail: `Every upstream for ${names} is down${describeReasons(dead, upstreams)}. ${outcome}`,
    cure: 'Check that the servers below can be reached from here; they are asked again until they answer.',
  };
}

/** What is wrong with the upstreams of dead zones: " (10.0.0.2:53: network unreachable)". */
function describeReasons(dead: readonly string[], upstreams: readonly UpstreamStatus[]): string {
  const reasons = upstreams
    .filter(({ state, zones, lastError }) => {
      return state === 'down' && lastError !== '' && zones.some((zone) => dead.includes(zone));
    })
    .map(({ address, lastError }) => `${address}: ${lastError}`);
  return reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
}

/** Which names the dead zones are, in words. */
function describeNames(dead: readonly string[], upstreams: readonly UpstreamStatus[]): string {
  if (!dead.includes('.')) return `names in ${dead.join(', ')}`;
  const alive = new Set(
    upstreams.flatMap((upstream) => upstream.zones).filter((zone) => !dead.includes(zone)),
  );
  return alive.size === 0 ? 'any name' : `names outside ${[...alive].join(', ')}`;
}

function judgeContainedLoops(
  open: readonly LoopEpisodeStatus[],
  upstreams: readonly UpstreamStatus[],
): Verdict {
  const [first] = open;
  const others = upstreams.filter((upstream) => {
    const { state, zones } = upstream;
    return state !== 'down' && zones.includes(first!.zone) && !loopsIn(upstream, first!.zone, open);
  });
  const where = first!.zone === '.' ? '' : ` for ${first!.zone}`;
  const more = open.length > 1 ? ` So do those of ${open.length - 1} more, listed below.` : '';
  return {
    level: 'warning',
    headline: 'Loop contained',
    detail: `Queries sent to ${first!.upstream}${where} come back here.${more} The path is out of use; ${describeOthers(others)}.`,
    cure: first!.cure,
  };
}

/** Whether those answer that are asked instead of one that loops. */
function describeOthers(others: readonly UpstreamStatus[]): string {
  const isAny = (condition: UpstreamStatus['condition']) =>
    others.some((upstream) => upstream.condition === condition);
  if (isAny('answers')) return 'other upstreams answer';
  return isAny('degraded') ? 'the others answer with errors only' : 'the others have not answered yet';
}

function judgeDegraded(bad: readonly UpstreamStatus[], all: readonly UpstreamStatus[]): Verdict {
  const names = bad.map((upstream) => `${upstream.address} ${describeTrouble(upstream)}`).join(', ');
  const good = all.filter((upstream) => !bad.includes(upstream));
  const rest = good.length === 0 ? '' : ` ${describeRest(good)}.`;
  return {
    level: 'warning',
    headline: 'Degraded',
    detail: `${names}.${rest}`,
    cure: cureOf(bad),
  };
}

/** For the worst of what is wrong with any of them. */
function cureOf(bad: readonly UpstreamStatus[]): string {
  if (bad.every(isSlow)) return 'Find out what makes it slow, or the way to it; or name one that is nearer.';
  return bad.every((upstream) => upstream.state === 'up')
    ? 'Ask it yourself for a name that it should know, and see in its log why it fails.'
    : 'Check that it can be reached from here, or take it out of the configuration if it is gone for good.';
}

function describeTrouble(upstream: UpstreamStatus): string {
  const { state, condition, lastError, rttMs } = upstream;
  if (isSlow(upstream)) return `is slow (it takes ${formatMs(rttMs)} to answer)`;
  if (state === 'up' && condition === 'degraded')
    return `answers with errors only${lastError === '' ? '' : ` (${lastError})`}`;
  return lastError === '' ? `is ${state}` : `is ${state} (${lastError})`;
}

/** "The other one answers", "Of the 3 others 2 answer". */
function describeRest(good: readonly UpstreamStatus[]): string {
  const answering = good.filter((upstream) => upstream.condition === 'answers').length;
  if (good.length === 1) return `The other one ${answering === 1 ? 'answers' : 'has not answered yet'}`;
  return `Of the ${good.length} others ${answering} ${answering === 1 ? 'answers' : 'answer'}`;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
