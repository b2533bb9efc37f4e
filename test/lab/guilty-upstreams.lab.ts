// Three upstreams with a fault each: one is slow, one refuses, one loops. `unloop status`, `unloop
// query`, the page in a real browser and the log name each of them, and the cause, within seconds.
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StatusReport } from '../../src/admin/status-report.ts';
import { startUnloopIn, type Unloop } from './support/contenders.ts';
import { openBrowser } from './support/live-browser.ts';
import { Lab, NODE, POD, UPSTREAM } from './support/namespace.ts';
import { startDnsmasq } from './support/real-servers.ts';

const MAIN = fileURLToPath(new URL('../../dist/unloop/main.js', import.meta.url));
/** Not on loopback: the commands ask from the address that they ask. */
const ADMIN = `${POD}:9530`;
const REFUSING = '10.91.0.3';
const DELAY_MS = 1200;
/** Told within five seconds on a machine that does nothing else. */
const PATIENCE = { timeout: 30_000 };

let lab: Lab;
let unloop: Unloop;
let browser: Browser;
let asking: NodeJS.Timeout;

beforeAll(async () => {
  lab = Lab.create();
  lab.addAddress(lab.node, REFUSING);
  const upstream = await lab.upstream.agent();
  [browser] = await Promise.all([
    openBrowser(lab.pod.prefix),
    upstream.call('serve', { address: UPSTREAM, delayMs: DELAY_MS }),
    startDnsmasq(lab.node, NODE, ['--no-resolv', '--cache-size=0', `--server=${POD}`]),
    // One that knows no server answers REFUSED.
    startDnsmasq(lab.node, REFUSING, ['--no-resolv']),
  ]);
  const zones = { 'refusing.example': REFUSING, 'looping.example': NODE };
  unloop = await startUnloopIn(lab, { upstreams: [UPSTREAM], zones }, { workers: 1 }, ADMIN);
  const pod = await lab.pod.agent();
  let asked = 0;
  asking = setInterval(() => {
    const name = `n${asked++}`;
    // The last ones may be under way when the laboratory ends.
    for (const zone of ['slow', 'refusing', 'looping'])
      pod.call('ask', { server: POD, name: `${name}.${zone}.example` }).catch(() => {});
  }, 150);
});
afterAll(async () => {
  clearInterval(asking);
  await browser?.close();
  await lab?.close();
});

/** What the built program prints in the pod. */
async function tell(...args: string[]): Promise<string> {
  const child = lab.pod.spawn(process.execPath, [MAIN, ...args, '--admin', ADMIN]);
  await child.ended;
  expect(child.stderr).toBe('');
  return child.stdout;
}

it('unloop status', async () => {
  const looks = async () => {
    const report = JSON.parse(await tell('status', '--json')) as StatusReport;
    return report.upstreams.map(({ address, state, condition, lastError, rttMs }) => {
      return { address, state, condition, lastError, isSlow: (rttMs ?? 0) >= DELAY_MS };
    });
  };
  await expect.poll(looks, PATIENCE).toMatchObject([
    { address: `${UPSTREAM}:53`, condition: 'answers', isSlow: true },
    { address: `${REFUSING}:53`, condition: 'degraded', lastError: 'REFUSED' },
    { address: `${NODE}:53`, state: 'quarantined' },
  ]);
  const text = await tell('status');
  expect(text).toMatch(new RegExp(`^ +${UPSTREAM}:53 +slow .*1\\.2 s`, 'm'));
  expect(text).toMatch(new RegExp(`^ +${REFUSING}:53 +errors only .*\n +last error: REFUSED`, 'm'));
  expect(text).toMatch(new RegExp(`^ +${NODE}:53 +quarantined `, 'm'));
  expect(text).toMatch(new RegExp(`open: through ${NODE}:53 for looping.example.*\n.*\n +cure: `));
});

it('unloop query', async () => {
  const summaries = {
    'www.slow.example.': `NOERROR in .* ms, from ${UPSTREAM}:53, which is slow: it took 1[2-9]\\d\\d`,
    'www.refusing.example.': `REFUSED in .* ms: ${REFUSING}:53: REFUSED`,
    'www.looping.example.': `SERVFAIL in .* ms: forwarding loop: ${NODE}:53 \\(looping.example\\)`,
  };
  const told = Object.entries(summaries).map(async ([name, summary]) =>
    expect(await tell('query', name)).toMatch(new RegExp(`^${name} A: ${summary}`)),
  );
  await Promise.all(told);
});

it('the status page', async () => {
  const page = await browser.newPage();
  await page.goto(`http://${ADMIN}/`);
  const rows = page.getByRole('region', { name: 'Upstreams' }).locator('tbody tr');
  await expect
    .poll(() => rows.allTextContents(), PATIENCE)
    .toEqual([
      expect.stringMatching(new RegExp(`^\\s*${UPSTREAM}:53.*slow.*1\\.\\d s`, 's')),
      expect.stringMatching(new RegExp(`^\\s*${REFUSING}:53.*errors only: REFUSED`, 's')),
      expect.stringMatching(new RegExp(`^\\s*${NODE}:53.*quarantined`, 's')),
    ]);
  await page.locator('svg.loop.open').waitFor();
  expect(await page.locator('.verdict').textContent()).toContain(`Queries sent to ${NODE}:53 come back`);
});

it.each([
  ['slow', `upstream ${UPSTREAM}:53 is slow: it takes 1[2-9]\\d\\d ms`],
  ['refusing', `upstream ${REFUSING}:53 answers, but with errors only \\(REFUSED\\)`],
  ['looping', `forwarding loop: what is sent to ${NODE}:53 for zone looping.example comes back`],
])('the log: the one that is %s', async (_, text) => {
  await unloop.process.waitForLog(({ level, msg }) => level === 'warn' && new RegExp(text).test(msg));
});
