// The status page of a server with a loop and a good upstream, in a real browser. With
// UPDATE_GENERATED=1 the README's picture is taken again.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { browse } from './support/browser.ts';
import { startUnloopIn } from './support/contenders.ts';
import { labDirectory } from './support/lab-directory.ts';
import { Lab, NODE, POD, UPSTREAM } from './support/namespace.ts';
import { startDnsmasq } from './support/real-servers.ts';

const PICTURE = fileURLToPath(new URL('../../docs/images/status-page.png', import.meta.url));
const PAGE = 'http://127.0.0.1:9530/';

let lab: Lab;
beforeAll(async () => {
  lab = Lab.create();
  await startDnsmasq(lab.node, NODE, ['--no-resolv', '--cache-size=0', `--server=${POD}`]);
  const upstream = await lab.upstream.agent();
  await upstream.call('serve', { address: UPSTREAM });
  const unloop = await startUnloopIn(lab, { upstreams: [NODE, UPSTREAM] }, { workers: 1 });
  const pod = await lab.pod.agent();
  for (const name of ['n*.outside.example', 'n*.outside.example'])
    await pod.call('load', { server: POD, name, count: 400, rate: 200, timeoutMs: 2000 });
  await unloop.untilEpisode(({ state }) => state === 'open');
}, 60_000);
afterAll(() => lab.close());

it('says what is wrong and how to fix it in its first lines', () => {
  const dom = browse(PAGE, ['--dump-dom'], lab.pod.prefix);
  expect(dom).toMatch(/<section class="verdict warning"[^>]*><strong>[^<]*loop/i);
  expect(dom).toContain('<b>Cure:</b>');
  expect(dom).toMatch(/<code>10\.91\.0\.1:53<\/code><\/td><td><span class="state quarantined">/);
});

it.each([
  ['a laptop', 1200],
  ['a phone', 500],
])('shows a picture on %s', (_device, widthPx) => {
  const isKept = widthPx === 1200 && process.env.UPDATE_GENERATED === '1';
  const picture = isKept ? PICTURE : join(labDirectory(), 'picture.png');
  browse(PAGE, [`--screenshot=${picture}`, `--window-size=${widthPx},900`], lab.pod.prefix);
  // A page that failed to draw is a few KiB of one color.
  expect(statSync(picture).size).toBeGreaterThan(20_000);
  expect(existsSync(PICTURE)).toBe(true);
});
