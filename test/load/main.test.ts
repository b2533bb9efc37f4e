import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readVersion } from '../../src/base/version.ts';
import { main } from '../../src/load/main.ts';
import type { LoadReport } from '../../src/load/report.ts';
import { startUdpResponder } from './test-responder.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unloop-bench-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs the command and collects what it says. */
async function bench(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
  const code = await main(args);
  vi.restoreAllMocks();
  return { code, out, err };
}

describe('unloop bench', () => {
  it('prints its report as text and as JSON', async () => {
    const server = await startUdpResponder((i) => ({ rcode: i % 2 === 0 ? 0 : 3 }));
    const target = `127.0.0.1:${server.port}`;
    const text = await bench('--target', target, '--queries', '200', '--seed', '1');
    expect(text.code).toBe(0);
    expect(text.out).toContain('answered  200 (NOERROR 100, NXDOMAIN 100)');
    expect(text.out).toContain('lost      0 (0 %)');
    const json = await bench('--target', target, '--queries', '200', '--json', '--label', 'mine');
    const report = JSON.parse(json.out) as LoadReport;
    expect(report).toMatchObject({
      label: 'mine',
      mode: 'closed',
      sent: 200,
      answered: 200,
      rcodes: { NOERROR: 100, NXDOMAIN: 100 },
    });
    expect(report).toMatchObject({
      version: readVersion(),
      machine: { node: process.versions.node, kernel: release(), commit: expect.stringMatching(/^\w+$/) },
    });
    expect(report.command).toMatch(/^unloop\b/);
    const { min, p50, p90, p99, p999, max } = report.latencyMs;
    expect([min, p50, p90, p99, p999, max]).toEqual(
      [min, p50, p90, p99, p999, max].toSorted((a, b) => a - b),
    );
    expect(report.histogram.reduce((sum, [, count]) => sum + count, 0)).toBe(200);
  });

  it("reports the server's CPU time and memory", async () => {
    const server = await startUdpResponder();
    const pid = String(process.pid);
    const { out } = await bench(
      '--target',
      `127.0.0.1:${server.port}`,
      '--queries',
      '2000',
      '--json',
      '--pid',
      pid,
    );
    const { server: cost } = JSON.parse(out) as LoadReport;
    expect(cost!.rssBytes).toBeGreaterThan(10 * 1024 * 1024);
    expect(cost!.peakRssBytes).toBeGreaterThanOrEqual(cost!.rssBytes);
    expect(cost!.cpuSeconds).toBeGreaterThanOrEqual(0);
  });

  it('ends with 1 when a limit is broken, and says which', async () => {
    const server = await startUdpResponder((i) => (i === 7 ? null : { delayMs: 20 }));
    const common = ['--target', `127.0.0.1:${server.port}`, '--queries', '100', '--timeout', '2s'];
    const strict = await bench(...common, '--max-p99', '5ms', '--max-loss', '0');
    expect(strict.code).toBe(1);
    expect(strict.err).toMatch(/limit broken: p99 is .* ms, at most 5 ms was allowed/);
    const lossy = await startUdpResponder((i) => (i === 7 ? null : {}));
    const lost = ['--target', `127.0.0.1:${lossy.port}`, '--queries', '100', '--timeout', '500ms'];
    const broken = await bench(...lost, '--max-loss', '0', '--max-p99', '60s');
    expect(broken.code).toBe(1);
    expect(broken.err).toContain('limit broken: loss is 1 %, at most 0 % was allowed');
    lossy.queries.length = 0;
    expect((await bench(...lost, '--max-loss', '1%')).code).toBe(0);
    lossy.queries.length = 0;
    expect((await bench(...lost, '--min-qps', '1000000')).code).toBe(1);
  });

  it('breaks its limits when nothing answers', async () => {
    const silent = await startUdpResponder(() => null);
    const args = ['--target', `127.0.0.1:${silent.port}`, '--queries', '3', '--timeout', '50ms'];
    const { code, err } = await bench(...args, '--max-p99', '5s');
    expect(code).toBe(1);
    expect(err).toContain('p99: no answers');
  });

  it('finds the highest rate that a server takes', async () => {
    // Answers at most 60 queries in each 100 ms: 600 a second.
    let budget = 60;
    const refill = setInterval(() => {
      budget = 60;
    }, 100);
    const server = await startUdpResponder(() => (budget-- > 0 ? {} : null));
    const args = [
      '--target',
      `127.0.0.1:${server.port}`,
      '--find-max',
      '--duration',
      '300ms',
      '--timeout',
      '100ms',
    ];
    const { code, err, out } = await bench(...args, '--json');
    clearInterval(refill);
    expect(code).toBe(0);
    expect(err).toMatch(/1,000 q\/s {2}too much/);
    expect(err).toMatch(/highest rate sustained|no rate was sustained/);
    const report = JSON.parse(out) as LoadReport;
    expect(report.wantedQps).toBeLessThanOrEqual(900);
  });

  it('says that a server cannot be reached', async () => {
    const { code, err } = await bench('--target', 'tcp://127.0.0.1:1', '--queries', '1');
    expect(code).toBe(1);
    expect(err).toContain('cannot load tcp://127.0.0.1:1: connect ECONNREFUSED');
  });

  it('writes a page that needs nothing from elsewhere, and shows labels as text', async () => {
    const server = await startUdpResponder((i) => (i % 20 === 0 ? null : {}));
    const common = ['--target', `127.0.0.1:${server.port}`, '--queries', '200', '--timeout', '300ms'];
    const earlier = join(folder, 'earlier.json');
    const page = join(folder, 'report.html');
    writeFileSync(earlier, (await bench(...common, '--json', '--label', '<script>alert("1")</script>')).out);
    const { code } = await bench(...common, '--label', 'second', '--compare', earlier, '--html', page);
    expect(code).toBe(0);
    const html = readFileSync(page, 'utf8');
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\bsrc=|\bhref=|https?:/i);
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
    expect(html.match(/<svg /g)).toHaveLength(5);
    expect(html.match(/<svg /g)!.length).toBe(html.match(/<\/svg>/g)!.length);
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
    expect(html).toContain('2 runs compared');
    expect(html.split(`Node ${process.versions.node}`)).toHaveLength(3);
  });

  it('refuses what is not a report of its own', async () => {
    const path = join(folder, 'other.json');
    writeFileSync(path, '{"format":99}');
    await expect(main(['--html', join(folder, 'x.html'), '--compare', path])).rejects.toThrow(
      /is not a report/,
    );
  });
});
