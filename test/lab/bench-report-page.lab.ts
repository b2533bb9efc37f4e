// The pages that `unloop bench --html` writes, in a real browser: nothing sticks out on a laptop or
// a phone, and the loop storm's page has its main figure.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browse } from './support/browser.ts';
import { labDirectory, removeLabDirectories } from './support/lab-directory.ts';

const PROGRAM = new URL('../../dist/unloop/main.js', import.meta.url).pathname;
let folder: string;
let storm: string;

beforeAll(() => {
  folder = labDirectory();
  storm = join(folder, 'storm.html');
  const args = ['bench', '--scenario', 'loop-storm', '--duration', '900ms', '--html', storm];
  execFileSync(process.execPath, [PROGRAM, ...args]);
});
afterAll(removeLabDirectories);

/** The width of the page's content and of the window, px. */
function widths(page: string, windowPx: number): { content: number; window: number } {
  const measured = join(folder, `measured-${windowPx}.html`);
  // In a frame: the browser's own window cannot be as narrow as a phone. The outer page reads the
  // widths, and --dump-dom prints them with its title.
  writeFileSync(
    measured,
    `<iframe src="${basename(page)}" style="width:${windowPx}px;height:900px;border:0"></iframe>` +
      '<script>onload = () => { const d = document.querySelector("iframe").contentDocument;' +
      'document.title = d.documentElement.scrollWidth + " of " + d.defaultView.innerWidth; }</script>',
  );
  const dom = browse(`file://${measured}`, ['--dump-dom']);
  const match = /<title>(\d+) of (\d+)<\/title>/.exec(dom);
  if (match === null) throw new Error(`the browser measured nothing:\n${dom.slice(0, 2000)}`);
  return { content: Number(match[1]), window: Number(match[2]) };
}

describe("the loop storm's page", () => {
  it.each([1200, 390])('fits a window of %i px', (windowPx) => {
    expect(widths(storm, windowPx)).toEqual({ content: windowPx, window: windowPx });
  });

  it('has the packets for each looping query', () => {
    const html = readFileSync(storm, 'utf8');
    expect(html).toMatch(/<dt>packets per looping query<\/dt><dd>[\d.]+<\/dd>/);
  });
});
