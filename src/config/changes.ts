// What a reload changes, setting by setting, for the log. Called by the control plane.
import type { Config } from './config.ts';
import { effectiveSettings } from './effective.ts';

/** Further ones are only counted. */
const MAX_LINES = 20;
const MAX_VALUE_LENGTH = 200;

/** "forward.deadline: 4s → 3s" for each changed setting; for a secret only that it changed. */
export function describeChanges(previous: Config, next: Config): string[] {
  const [before, after] = [flatten(previous, 'show'), flatten(next, 'show')];
  const [shownBefore, shownAfter] = [flatten(previous, 'mask'), flatten(next, 'mask')];
  const lines: string[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    if (before.get(path) === after.get(path)) continue;
    const [from, to] = [shownBefore.get(path) ?? 'unset', shownAfter.get(path) ?? 'unset'];
    lines.push(from === to ? `${path}: changed` : `${path}: ${shorten(from)} → ${shorten(to)}`);
  }
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `and ${more} more`] : lines;
}

/** Values as text by path. */
function flatten(config: Config, secrets: 'mask' | 'show'): Map<string, string> {
  const values = new Map<string, string>();
  const walk = (level: Record<string, unknown>, prefix: string): void => {
    for (const [key, value] of Object.entries(level)) {
      const path = `${prefix}${key}`;
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        walk(value as Record<string, unknown>, `${path}.`);
      else values.set(path, typeof value === 'string' ? value : JSON.stringify(value));
    }
  };
  walk(effectiveSettings(config, secrets), '');
  return values;
}

function shorten(text: string): string {
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}
