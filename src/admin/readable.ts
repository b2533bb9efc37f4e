// Numbers as a person reads them on the status page.

const NONE = '–';

/** 12,345 */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** Per second: one decimal below 10. */
export function formatRate(rate: number): string {
  return rate > 0 && rate < 9.95 ? rate.toFixed(1) : formatCount(rate);
}

/**
 * Percents, with a decimal where it matters: below 10 % and above 99 %. Never 0 % or 100 % for
 * almost.
 */
export function formatPercent(ratio: number | null): string {
  if (ratio === null) return NONE;
  const percent = ratio * 100;
  if (percent > 0 && percent < 0.1) return '< 0.1 %';
  if (percent > 99.9 && percent < 100) return '> 99.9 %';
  const edge = (percent > 0 && percent < 10) || (percent > 99 && percent < 100);
  return `${percent.toFixed(edge ? 1 : 0)} %`;
}

/** Milliseconds, in µs or s where that reads better. */
export function formatMs(ms: number | null): string {
  if (ms === null) return NONE;
  if (ms === Number.POSITIVE_INFINITY) return '> 4.1 s';
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Bytes in binary units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

/** A span of time in its two largest units: 3 d 4 h, 12 min 5 s, 0 s. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** An ISO 8601 time to the second: 2026-11-23 10:00:05 UTC. */
export function formatTime(iso: string): string {
  return iso.replace(/^(.{10})T(.{8}).*$/, '$1 $2 UTC');
}

/** `10.1.2.3 (shop/cart-1)`, where the pod of a client's address is known. */
export function formatClient(client: string, pod: string | undefined): string {
  return pod === undefined ? client : `${client} (${pod})`;
}
