// What the readers of a Corefile's plugins share: remarks for the person, and quantities as CoreDNS
// writes them.

import type { Directive } from '../config/corefile.ts';
import { formatDuration } from '../config/units.ts';

/** Collects what has no equivalent, or another one, by line of the Corefile. */
export class Notes {
  readonly lines: { readonly line: number; readonly text: string }[] = [];

  add(directive: Pick<Directive, 'line'>, text: string): void {
    // A snippet is read once per import. A line break in a quoted word would end the comment that
    // this becomes.
    const line = { line: directive.line, text: text.replaceAll(/[\p{Cc}\s]+/gu, ' ') };
    if (!this.lines.some((other) => other.line === line.line && other.text === line.text))
      this.lines.push(line);
  }
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
};

/** Go's durations ("1m30s", "1.5h"), and bare seconds, to ms; null if it is not one. */
export function parseGoDuration(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs))+$/.test(text)) return null;
  let ms = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs)/g)) {
    ms += Number(number) * MS_PER_UNIT[unit!]!;
  }
  return Math.round(ms);
}

/**
 * A duration as unloop writes it, clamped to the setting's range; null if the text is not one.
 * Notes what it changed.
 */
export function convertDuration(
  directive: Directive,
  text: string,
  notes: Notes,
  [leastMs, mostMs, unitMs]: readonly [least: number, most: number, unit: number],
): string | null {
  const ms = parseGoDuration(text);
  if (ms === null) {
    notes.add(directive, `${directive.name}: "${text}" is not a duration; left out`);
    return null;
  }
  const kept = Math.round(Math.min(mostMs, Math.max(leastMs, ms)) / unitMs) * unitMs;
  if (kept !== ms) {
    notes.add(
      directive,
      `${directive.name}: ${text} becomes ${formatDuration(kept)}, the nearest that can be set`,
    );
  }
  return formatDuration(kept);
}

/** "forward . 10.0.0.1", as it stood. */
export function quote({ name, args }: Directive): string {
  const text = [name, ...args].join(' ');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
