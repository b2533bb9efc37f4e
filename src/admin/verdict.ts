// The state of the server in one line and its cure, for the top of the status page.
import type { LoopEpisodeStatus, Readiness, UpstreamStatus } from './admin-source.ts';

export interface Verdict {
  readonly level: 'good' | 'warning' | 'bad';
  /** A few words. */
  readonly headline: string;
  /** One or two sentences: what holds now. */
  readonly detail: string;
  /** What the operator does next; empty for nothing. */
  readonly cure: string;
}

/** The most important thing first: names that do not resolve, then a loop, then what may become trouble. */
export function judge(
  readiness: Readiness,
  upstreams: readonly UpstreamStatus[],
  episodes: readonly LoopEpisodeStatus[],
): Verdict {
  const open = episodes.filter((episode) => episode.state === 'open');
  const dead = findDeadZones(upstreams, open);
  if (upstreams.length === 0) return judgeNoUpstream(readiness);
  if (dead.length > 0) return judgeDeadZones(dead, upstreams, open);
  if (open.length > 0) return judgeContainedLoops(open);
  if (!readiness.ready) {
    return { level: 'warning', headline: 'Not ready', detail: `${capitalise(readiness.reason)}.`, cure: '' };
  }
  const down = upstreams.filter((upstream) => upstream.state !== 'up');
  if (down.length > 0) return judgeDegraded(down, upstreams.length);
  const count = upstreams.length === 1 ? 'The upstream answers' : `All ${upstreams.length} upstreams answer`;
  return { level: 'good', headline: 'Healthy', detail: `${count}; no loop.`, cure: '' };
}

/** Zones that no upstream can answer for. A quarantined upstream still serves the zones it does not loop in. */
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
  const outcome = 'Clients get stale answers where there are any, else SERVFAIL at once.';
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
    detail: `Every upstream for ${names} is down. ${outcome}`,
    cure: 'Check that the servers below can be reached from here; they are asked again until they answer.',
  };
}

/** Which names the dead zones are, in words. */
function describeNames(dead: readonly string[], upstreams: readonly UpstreamStatus[]): string {
  if (!dead.includes('.')) return `names in ${dead.join(', ')}`;
  const alive = new Set(
    upstreams.flatMap((upstream) => upstream.zones).filter((zone) => !dead.includes(zone)),
  );
  return alive.size === 0 ? 'any name' : `names outside ${[...alive].join(', ')}`;
}

function judgeContainedLoops(open: readonly LoopEpisodeStatus[]): Verdict {
  const [first] = open;
  const where = first!.zone === '.' ? '' : ` for ${first!.zone}`;
  const more = open.length > 1 ? ` So do those of ${open.length - 1} more, listed below.` : '';
  return {
    level: 'warning',
    headline: 'Loop contained',
    detail: `Queries sent to ${first!.upstream}${where} come back here.${more} The path is out of use; other upstreams answer.`,
    cure: first!.cure,
  };
}

function judgeDegraded(down: readonly UpstreamStatus[], count: number): Verdict {
  const names = down.map((upstream) => upstream.address).join(', ');
  return {
    level: 'warning',
    headline: 'Degraded',
    detail: `${names} ${down.length === 1 ? 'does' : 'do'} not answer; ${count - down.length} of ${count} upstreams do.`,
    cure: 'Check that it can be reached from here, or take it out of the configuration if it is gone for good.',
  };
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
