// Debian's Chromium, driven through the DevTools protocol: for pages that change while they are
// open. It stands in a namespace, so it reaches nobody but what the test made.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { labDirectory } from './lab-directory.ts';

/** @param prefix stands before the command, to run it in a namespace */
export function openBrowser(prefix: readonly string[]): Promise<Browser> {
  const program = join(labDirectory(), 'chromium');
  writeFileSync(program, `#!/bin/sh\nexec ${prefix.join(' ')} chromium "$@"\n`);
  chmodSync(program, 0o755);
  return chromium.launch({
    executablePath: program,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-component-update', '--disable-sync'],
  });
}

/** What axe-core has against the page as it is now: rule and elements. */
export async function findAccessibilityFaults(page: Page): Promise<string[]> {
  // DevTools may run it, though the page's policy forbids scripts that are not its own.
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
    'axe.run().then(({ violations }) => violations)',
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** What sticks out of the window at its right: elements, as text. */
export function findOverhangs(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > root.clientWidth && !element.closest('.table'))
      .map((element) => element.outerHTML.slice(0, 120));
  })()`);
}
