import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readVersion } from '../../src/base/version.ts';
import { benchHelp, parseBenchFlags } from '../../src/load/flags.ts';
import { main } from '../../src/load/main.ts';
import type { LoadReport } from '../../src/load/report.ts';
import { resolveTarget } from '../../src/load/target.ts';
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

  it('refuses what is no report of its own', async () => {
    const path = join(folder, 'other.json');
    writeFileSync(path, '{"format":99}');
    await expect(main(['--html', join(folder, 'x.html'), '--compare', path])).rejects.toThrow(/is no report/);
  });
});

describe('the target', () => {
  const resolve = (text: string, allowPublic = false) =>
    resolveTarget({ text, proto: null, insecure: false, ca: null, allowPublic });

  it('may be on loopback or a private network', async () => {
    expect(await resolve('10.1.2.3:5353')).toMatchObject({ proto: 'udp', address: '10.1.2.3', port: 5353 });
    expect(await resolve('tls://[::1]#dns.example')).toMatchObject({
      proto: 'tls',
      address: '::1',
      port: 853,
      serverName: 'dns.example',
    });
    expect(await resolve('tcp://192.168.0.1')).toMatchObject({ proto: 'tcp', port: 53 });
  });

  it('may not be public unless the user insists', async () => {
    for (const text of ['8.8.8.8', 'tls://1.1.1.1', '[2606:4700::1111]:53'])
      await expect(resolve(text)).rejects.toMatchObject({ code: 'UNLOOP_USAGE', message: /public address/ });
    expect(await resolve('8.8.8.8', true)).toMatchObject({ address: '8.8.8.8' });
  });

  it('may never be a multicast, broadcast or empty address', async () => {
    for (const text of ['224.0.0.251:5353', '255.255.255.255', 'ff02::fb', '0.0.0.0', '127.0.0.1:0'])
      await expect(resolve(text, true)).rejects.toMatchObject({ code: 'UNLOOP_USAGE' });
  });
});

describe('the flags', () => {
  it('are all in the help', () => {
    const help = benchHelp();
    for (const flag of ['--find-max', '--max-p99', '--scenario', '--allow-public', '--html'])
      expect(help).toContain(`  ${flag}`);
  });

  it('are read', () => {
    const flags = parseBenchFlags(
      '--qps 20000 --duration 1m --unique 2.5% --type A,aaaa --max-p99 500us --max-loss 0 --pid 1 --pid 2'.split(
        ' ',
      ),
    );
    expect(flags).toMatchObject({ qps: 20_000, durationMs: 60_000, uniqueShare: 0.025, qtypes: [1, 28] });
    expect(flags.limits).toMatchObject({ maxP99Ms: 0.5, maxLossPercent: 0, minQps: null });
    expect(flags.pids).toEqual([1, 2]);
  });

  it.each([
    ['--wat', /unknown flag --wat/],
    ['--qpps 3', /did you mean --qps/],
    ['--qps', /--qps needs a value/],
    ['--qps --json', /--qps needs a value/],
    ['--qps 0', /not a number from 1/],
    ['--qps 1.5', /not a whole number/],
    ['--duration 10', /10ms or 10s/],
    ['--unique 10', /write 10%/],
    ['--proto quic', /not one of udp, tcp, tls/],
    ['--json=yes', /takes no value/],
    ['--qps 5 --concurrency 5', /contradict/],
    ['--names f --hot 5', /contradict/],
    ['--profile pods', /not one of cluster/],
    ['--profile cluster --type A', /contradict/],
    ['--compare f', /needs --html/],
    ['--scenario loop-storm --target 127.0.0.1', /needs --reflector/],
    ['--scenario loop-storm --proto tls', /by udp or tcp/],
    ['--timeout 5m', /from 1ms to 60s/],
    ['stray', /not expected/],
  ])('%s is refused', (line, message) => {
    expect(() => parseBenchFlags(line.split(' '))).toThrow(message);
  });
});
