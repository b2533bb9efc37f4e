// Durations, sizes and percentages as people write them in the configuration, both ways. Called by
// setting-type. A bare number is refused: "30" has been seconds in one tool and milliseconds in the
// next.
import { InvalidValue, showValue } from './invalid-value.ts';

const MS_PER_UNIT = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
const BYTES_PER_UNIT = {
  GiB: 1024 ** 3,
  GB: 1000 ** 3,
  MiB: 1024 ** 2,
  MB: 1000 ** 2,
  KiB: 1024,
  KB: 1000,
  B: 1,
} as const;

/**
 * Matches what parseDuration takes: "500ms", "2s", "1h30m"; larger units first, each at most once.
 */
export const DURATION_PATTERN = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
/** Matches what parseSize takes: "64MiB", "10MB", "512KiB". */
export const SIZE_PATTERN = /^(\d+) ?(GiB|GB|MiB|MB|KiB|KB|B)$/;
/** Matches what parsePercent takes: "10%". */
export const PERCENT_PATTERN = /^(\d+)%$/;

/** "1h30m" → 5400000. Throws InvalidValue. */
export function parseDuration(text: string): number {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) {
    throw new InvalidValue(`${showQuantity(text)} is not a duration${hintDuration(text)}`);
  }
  const parts = match.slice(1).map((digits) => (digits === undefined ? 0 : Number(digits)));
  const units = Object.values(MS_PER_UNIT);
  return parts.reduce((sum, part, i) => sum + part * units[i]!, 0);
}

/** A bare number is shown bare, as it stood in the file. */
function showQuantity(text: string): string {
  return /^[\d.]+$/.test(text) ? text : showValue(text);
}

function hintDuration(text: string): string {
  if (/^\d+$/.test(text)) return `; it has no unit: write ${text}ms or ${text}s`;
  if (/^\d*\.\d+/.test(text)) return '; write a whole number of a smaller unit, such as 1500ms for 1.5s';
  return '; expected for example 500ms, 2s, 1m, 1h or 1d';
}

/** 5400000 → "90m": the largest unit that needs no fraction. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  for (const [unit, msPerUnit] of Object.entries(MS_PER_UNIT)) {
    if (ms % msPerUnit === 0) return `${ms / msPerUnit}${unit}`;
  }
  return `${ms}ms`;
}

/** "64MiB" → 67108864 bytes. Throws InvalidValue. */
export function parseSize(text: string): number {
  const match = SIZE_PATTERN.exec(text);
  if (match === null) {
    const hint = /^\d+$/.test(text)
      ? `; it has no unit: write ${text}MiB or ${text}B`
      : '; expected for example 64MiB or 10MB';
    throw new InvalidValue(`${showQuantity(text)} is not a size${hint}`);
  }
  return Number(match[1]) * BYTES_PER_UNIT[match[2] as keyof typeof BYTES_PER_UNIT];
}

/** 67108864 → "64MiB". */
export function formatSize(bytes: number): string {
  for (const [unit, bytesPerUnit] of Object.entries(BYTES_PER_UNIT)) {
    if (bytes >= bytesPerUnit && bytes % bytesPerUnit === 0) return `${bytes / bytesPerUnit}${unit}`;
  }
  return `${bytes}B`;
}

/** "10%" → 10. Throws InvalidValue. */
export function parsePercent(text: string): number {
  const match = PERCENT_PATTERN.exec(text);
  if (match === null) {
    const hint = /^\d+$/.test(text) ? `; write ${text}%` : '; expected for example 10%';
    throw new InvalidValue(`${showQuantity(text)} is not a percentage${hint}`);
  }
  return Number(match[1]);
}
