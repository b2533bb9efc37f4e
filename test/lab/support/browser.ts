// A real browser, without a window: Debian's Chromium. It asks nobody but the page's own server.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { labDirectory } from './lab-directory.ts';

const FLAGS = [
  '--headless',
  '--hide-scrollbars',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--allow-file-access-from-files',
  // Time that scripts and timers may take, ms.
  '--virtual-time-budget=2000',
];

/**
 * Opens a page with more flags, and returns what the browser prints.
 * @param prefix stands before the command, to run it in a namespace
 */
export function browse(url: string, flags: readonly string[], prefix: readonly string[] = []): string {
  const profile = `--user-data-dir=${join(labDirectory(), 'profile')}`;
  const [command, ...args] = [...prefix, 'chromium', ...FLAGS, profile, ...flags, url];
  return execFileSync(command!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
