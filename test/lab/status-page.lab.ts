// The status page of a server in a real browser: live, with and without a script, on a laptop and a
// phone, by keyboard; a loop that begins while it is open is drawn, and it survives a restart. With
// UPDATE_GENERATED=1 the pictures in docs/images are taken again.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startUnloopIn, type Unloop } from './support/contenders.ts';
import { findAccessibilityFaults, findOverhangs, openBrowser } from './support/live-browser.ts';
import { Lab, NODE, POD, UPSTREAM } from './support/namespace.ts';
import { startDnsmasq } from './support/real-servers.ts';

const IMAGES = fileURLToPath(new URL('../../docs/images', import.meta.url));
const ORIGIN = 'http://127.0.0.1:9530';
const LAPTOP = { width: 1200, height: 900 };
const PHONE = { width: 360, height: 780 };
/** Patience with a machine under load. */
const PATIENCE_MS = 30_000;

let lab: Lab;
let unloop: Unloop;
let browser: Browser;

const start = () => startUnloopIn(lab, { upstreams: [NODE, UPSTREAM] }, { workers: 1 });

async function load(name: string, count = 400): Promise<void> {
  const pod = await lab.pod.agent();
  await pod.call('load', { server: POD, name, count, rate: 200, timeoutMs: 2000 });
}

/** Requests beyond the server, and what the browser complained of. */
let strays: string[];

async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: LAPTOP, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('request', (request) => {
    if (!request.url().startsWith(`${ORIGIN}/`) && !request.url().startsWith('data:'))
      strays.push(request.url());
  });
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) strays.push(message.text());
  });
  page.on('pageerror', (error) => strays.push(error.message));
  await page.goto(`${ORIGIN}/`);
  return page;
}

beforeAll(async () => {
  lab = Lab.create();
  const upstream = await lab.upstream.agent();
  await upstream.call('serve', { address: UPSTREAM });
  unloop = await start();
  browser = await openBrowser(lab.pod.prefix);
  strays = [];
}, 120_000);
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await lab.close();
});

it('draws a loop that begins while it is open, with its hops and its cure', async () => {
  const page = await open();
  expect(await page.locator('svg.loop').count()).toBe(0);
  await startDnsmasq(lab.node, NODE, ['--no-resolv', '--cache-size=0', `--server=${POD}`]);
  // The page as it was loaded: it is not loaded again, and nobody touches it.
  await page.evaluate(() => Object.assign(globalThis, { isSame: true }));
  await load('n*.outside.example');
  await unloop.untilEpisode(({ state }) => state === 'open');
  const loop = page.locator('svg.loop.open').first();
  await loop.waitFor();
  expect(await loop.locator('rect').count()).toBeGreaterThanOrEqual(2);
  expect(await loop.locator('text').allTextContents()).toContain(`${NODE}:53`);
  expect(await loop.getAttribute('aria-label')).toMatch(/^The way of a query: .+, then 10\.91\.0\.1:53/);
  expect(await page.locator('.verdict.warning strong').textContent()).toBe('Loop contained');
  expect(await page.locator('.verdict').textContent()).toContain('Cure:');
  expect(await page.title()).toBe('Loop contained · unloop');
  expect(await page.locator('tr', { hasText: NODE }).locator('.state').textContent()).toBe('quarantined');
  expect(await page.evaluate(() => 'isSame' in globalThis)).toBe(true);
});

it('shows by numbers and charts what happens now', async () => {
  const page = await open();
  const queries = page.locator('.tiles').last().locator('li').nth(1);
  const before = await queries.textContent();
  await load('live*.outside.example');
  await load('www.outside.example');
  await expect.poll(() => queries.textContent(), { timeout: PATIENCE_MS }).not.toBe(before);
  const titles = await page.locator('.chart figcaption').allTextContents();
  expect(titles).toEqual([
    'Queries a second',
    'Time to answer',
    'Answered from the cache',
    'Answers a second, by code',
  ]);
  await page.getByRole('region', { name: 'Names', exact: true }).getByText('www.outside.example').waitFor();
  await page.getByRole('region', { name: 'Clients', exact: true }).getByText('10.91.0.2').waitFor();
  const drawn = page.locator('.chart path').first();
  const path = await drawn.getAttribute('d');
  await expect.poll(() => drawn.getAttribute('d'), { timeout: PATIENCE_MS }).not.toBe(path);
});

describe.each([
  ['a laptop', 'light', LAPTOP],
  ['a laptop', 'dark', LAPTOP],
  ['a phone', 'light', PHONE],
  ['a phone', 'dark', PHONE],
] as const)('on %s, %s', (device, colorScheme, viewport) => {
  it('has no accessibility faults, and fits', async () => {
    const page = await open({ viewport, colorScheme });
    await page.locator('#ask form').waitFor();
    expect(await findAccessibilityFaults(page)).toEqual([]);
    expect(await findOverhangs(page)).toEqual([]);
    if (process.env.UPDATE_GENERATED !== '1') return;
    const name = { 'a laptop/light': 'status-page', 'a phone/dark': 'status-page-phone' }[
      `${device}/${colorScheme}` as string
    ];
    if (name !== undefined) await page.screenshot({ path: join(IMAGES, `${name}.png`) });
  });
});

it('says the same without a script', async () => {
  const page = await open({ javaScriptEnabled: false });
  expect(await page.locator('.verdict.warning').textContent()).toContain('Cure:');
  expect(await page.locator('svg.loop').count()).toBeGreaterThan(0);
  expect(await page.locator('#ask form').isVisible()).toBe(false);
  expect(await page.locator('#ask').textContent()).toContain('unloop query NAME TYPE');
});

describe('the form for one name', () => {
  const EVIL = '<img src=x onerror=document.title="broken">.example.';
  const ANSWER = {
    name: EVIL,
    type: 'AAAA',
    client: { address: '127.0.0.1', allowed: true },
    zone: '.',
    cache: { state: 'fresh', ttlSeconds: 120, storedAt: '2026-12-01T10:00:00.000Z', upstream: EVIL },
    upstreams: [
      { upstream: NODE, transport: 'udp', condition: 'unheard', taken: false, reason: 'it loops' },
      { upstream: UPSTREAM, transport: 'udp', condition: 'answers', taken: true, reason: 'it is up' },
    ],
    sent: { tags: ['case'], edns: 'EDNS 1232 bytes' },
    attempts: [{ upstream: UPSTREAM, transport: 'udp', startMs: 0.1, durationMs: 1200, outcome: 'answered' }],
    loop: '',
    reply: {
      rcode: 'NOERROR',
      ede: [{ code: 22, text: EVIL }],
      bytes: 85,
      truncated: false,
      durationMs: 13.2,
      records: [`${EVIL} 60 IN TXT "</pre><script>document.title='broken'</script>"`],
    },
    summary: `${EVIL} was answered.`,
  };

  /** Answers in the server's stead; returns what was asked for. */
  async function answerWith(page: Page, status: number, answer: object): Promise<string[]> {
    const asked: string[] = [];
    await page.route('**/explain?*', async (route) => {
      asked.push(`${route.request().method()} ${route.request().url().slice(ORIGIN.length)}`);
      await route.fulfill({ status, json: answer });
    });
    return asked;
  }

  it('is used by keyboard alone, while the page lives on', async () => {
    const page = await open();
    const asked = await answerWith(page, 200, ANSWER);
    const focused = () => page.evaluate<string>('document.activeElement.name ?? ""');
    for (let i = 0; i < 20 && (await focused()) !== 'name'; i++) await page.keyboard.press('Tab');
    await page.keyboard.type('www.outside.example');
    const clock = page.locator('footer p').last();
    const now = await clock.textContent();
    await expect.poll(() => clock.textContent(), { timeout: PATIENCE_MS }).not.toBe(now);
    expect(await focused()).toBe('name');
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowDown'); // from A to AAAA
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    const output = page.locator('#ask pre');
    await expect.poll(() => output.textContent(), { timeout: PATIENCE_MS }).toContain('was answered.');
    expect(asked).toEqual(['POST /explain?name=www.outside.example&type=AAAA&dryRun=true']);
  });

  it('shows names as text, whatever stands in them', async () => {
    const page = await open();
    await answerWith(page, 200, ANSWER);
    await page.fill('#ask input[name=name]', EVIL);
    await page.click('#ask button');
    const output = page.locator('#ask pre');
    await expect.poll(() => output.textContent(), { timeout: PATIENCE_MS }).toContain('was answered.');
    const text = await output.textContent();
    for (const part of [
      `cache      fresh, 120 s left, stored at 2026-12-01T10:00:00.000Z, from ${EVIL}`,
      `EDE 22: ${EVIL}`,
      '  10.91.0.1 over udp: it loops',
      '* 10.91.1.2 over udp: it is up',
      'at 0.1 ms 10.91.1.2 over udp: answered after 1.20 s',
      "</pre><script>document.title='broken'</script>",
    ])
      expect(text).toContain(part);
    expect(await output.evaluate((element) => element.childElementCount)).toBe(0);
    expect(await page.title()).not.toContain('broken');
    expect(await findAccessibilityFaults(page)).toEqual([]);
    expect(await findOverhangs(page)).toEqual([]);
  });

  it('says what the server does with a name: which upstream it takes, and which not', async () => {
    const page = await open();
    await page.fill('#ask input[name=name]', 'explained.outside.example');
    await page.click('#ask button');
    const output = page.locator('#ask pre');
    await expect.poll(() => output.textContent(), { timeout: PATIENCE_MS }).toContain('NOERROR');
    const text = await output.textContent();
    expect(text).toMatch(/^answer +NOERROR in .* bytes$/m);
    expect(text).toMatch(/^attempts +at .* 10\.91\.1\.2:53 over udp: answered after /m);
    expect(text).toMatch(/^ +\* 10\.91\.1\.2:53 over udp: /m);
    expect(text).toMatch(/^.* 10\.91\.0\.1:53 over udp: skipped: .* come back$/m);
    expect(await findAccessibilityFaults(page)).toEqual([]);
  });

  it('says why it has no answer', async () => {
    const page = await open();
    await answerWith(page, 400, { error: 'a..b is not a name', remedy: 'Write it as dig shows it.' });
    await page.fill('#ask input[name=name]', 'a..b');
    await page.click('#ask button');
    const output = page.locator('#ask pre');
    await expect
      .poll(() => output.textContent(), { timeout: PATIENCE_MS })
      .toBe('a..b is not a name\nWrite it as dig shows it.');
  });
});

it('notices that the server is gone, and goes on when it is back', async () => {
  const page = await open();
  await expect.poll(() => page.locator('#unreachable').isVisible()).toBe(false);
  await unloop.process.stop();
  await page.locator('#unreachable').waitFor();
  unloop = await start();
  await expect.poll(() => page.locator('#unreachable').isVisible(), { timeout: PATIENCE_MS }).toBe(false);
  // It is the new server's state: up for less than a minute.
  await expect.poll(() => page.locator('header').textContent()).toMatch(/up \d+ s/);
  expect(await findAccessibilityFaults(page)).toEqual([]);
});

it('asks a browser for the token, as its password, and is live with it', async () => {
  await unloop.process.stop();
  const token = 'a-token-of-the-laboratory';
  const admin = { listen: '127.0.0.1:9530', token };
  unloop = await startUnloopIn(lab, { upstreams: [UPSTREAM] }, { workers: 1, admin });
  const page = await open({ httpCredentials: { username: 'anyone', password: token } });
  const clock = page.locator('footer p').last();
  const now = await clock.textContent();
  await expect.poll(() => clock.textContent(), { timeout: PATIENCE_MS }).not.toBe(now);
});

it('asked nobody but its own server, and broke no policy', () => {
  expect(strays).toEqual([]);
});
