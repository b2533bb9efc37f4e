// CoreDNS's `cache` plugin in the words of unloop. Called by from-corefile.

import type { Directive } from '../config/corefile.ts';
import { convertDuration, type Notes, quote } from './from-corefile-notes.ts';

/** The part of the configuration under `cache`. */
export type CacheSettings = Record<string, unknown>;

/** CoreDNS's defaults (plugin/cache/README.md). */
const CAPACITY = 9984;
const SUCCESS_TTL = '1h';
const DENIAL_TTL = '30m';

const DAY_MS = 86_400_000;
const MAX_TTL_RANGE = [0, 7 * DAY_MS, 1000] as const;
const NEGATIVE_TTL_RANGE = [0, DAY_MS, 1000] as const;
const MIN_TTL_RANGE = [0, 3_600_000, 1000] as const;
const FAILURE_TTL_RANGE = [1000, 300_000, 1000] as const;

/** Reads one `cache`. */
export function readCache(directive: Directive, notes: Notes): CacheSettings {
  const [ttl, ...zones] = /^\d/.test(directive.args[0] ?? '')
    ? directive.args
    : [undefined, ...directive.args];
  if (zones.length > 0)
    notes.add(directive, `${quote(directive)}: the cache is for all names; the zones are left out`);
  const cap = ttl === undefined ? null : convertDuration(directive, ttl, notes, MAX_TTL_RANGE);
  const cache: CacheSettings = { maxTtl: cap ?? SUCCESS_TTL, maxNegativeTtl: cap ?? DENIAL_TTL };
  const capacity = { success: CAPACITY, denial: CAPACITY };
  let staleSaid = false;
  for (const option of directive.body) {
    const [first, second, third] = option.args;
    switch (option.name) {
      case 'success':
      case 'denial': {
        if (first !== undefined && Number(first) > 0) capacity[option.name] = Number(first);
        cache.maxEntries = capacity.success + capacity.denial;
        const success = option.name === 'success';
        const range = success ? MAX_TTL_RANGE : NEGATIVE_TTL_RANGE;
        const most = second === undefined ? null : convertDuration(option, second, notes, range);
        if (most !== null) cache[success ? 'maxTtl' : 'maxNegativeTtl'] = most;
        const least = third === undefined ? null : convertDuration(option, third, notes, MIN_TTL_RANGE);
        if (least !== null && success) cache.minTtl = least;
        else if (least !== null)
          notes.add(option, `${quote(option)}: no minimum of its own for negative answers`);
        break;
      }
      case 'prefetch': {
        const hits = Math.min(1_000_000, Math.max(0, Number(first) || 0));
        const percent = /^(\d+)%$/.exec(third ?? '10%')?.[1] ?? '10';
        cache.prefetch = { hits, remaining: `${Math.min(90, Math.max(1, Number(percent)))}%` };
        if (second !== undefined)
          notes.add(
            option,
            `${quote(option)}: ${second} has no equivalent; hits count for an entry's whole life`,
          );
        break;
      }
      case 'serve_stale': {
        staleSaid = true;
        const maxAge = convertDuration(option, first ?? '1h', notes, MAX_TTL_RANGE);
        if (maxAge !== null) cache.serveStale = { maxAge };
        if (second !== 'verify')
          notes.add(
            option,
            'serve_stale: stale data is used when the upstreams fail or are slow (serveStale.after), not at once',
          );
        if (third !== undefined)
          cache.serveStale = { ...(cache.serveStale as object), ...staleAfter(option, third, notes) };
        break;
      }
      case 'servfail': {
        const failureTtl = convertDuration(option, first ?? '5s', notes, FAILURE_TTL_RANGE);
        if (failureTtl !== null) cache.failureTtl = failureTtl;
        break;
      }
      case 'disable':
        if (option.args.length > 1) notes.add(option, `${quote(option)}: no equivalent for single zones`);
        else cache[first === 'success' ? 'maxTtl' : 'maxNegativeTtl'] = '0s';
        break;
      default:
        notes.add(option, `${quote(option)}: no equivalent`);
    }
  }
  if (!staleSaid)
    notes.add(
      directive,
      'cache without serve_stale: unloop serves stale data all the same; serveStale.maxAge: 0s stops it',
    );
  return cache;
}

function staleAfter(option: Directive, text: string, notes: Notes): { after?: string } {
  const after = convertDuration(option, text, notes, [50, 1500, 1]);
  return after === null ? {} : { after };
}
