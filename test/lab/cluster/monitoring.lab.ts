// promtool (Debian's package prometheus) is content: the rules are valid, every alert fires where
// it should and nowhere else, and what a running unloop publishes is as Prometheus wants it,
// CoreDNS's names included.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startUnloop } from '../../kit/unloop-process.ts';

const PROMETHEUS = fileURLToPath(new URL('../../../config/prometheus/', import.meta.url));

function promtool(args: readonly string[], input = ''): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    cwd: PROMETHEUS,
    input,
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr };
}

describe('promtool', () => {
  it('takes the rules', () => {
    const text = readFileSync(`${PROMETHEUS}alerts.yaml`, 'utf8');
    const alerts = text.match(/^ +- alert: /gm)!.length;
    expect(alerts).toBeGreaterThan(10);
    expect(promtool(['check', 'rules', 'alerts.yaml'])).toMatchObject({
      status: 0,
      said: expect.stringContaining(`SUCCESS: ${alerts} rules found`),
    });
  });

  it('sees each alert fire in its example, and none when all is well', () => {
    expect(promtool(['test', 'rules', 'alerts.test.yaml'])).toMatchObject({
      status: 0,
      said: expect.stringContaining('SUCCESS'),
    });
  });

  it.each([false, true])('has nothing against /metrics (CoreDNS’s names: %s)', async (coredns) => {
    const unloop = await startUnloop({
      config: { upstreams: ['127.0.0.1:1'], workers: 1, admin: { listen: '127.0.0.1:0', coredns } },
    });
    const text = await (await unloop.admin('/metrics')).text();
    expect(text.includes('coredns_dns_requests_total')).toBe(coredns);
    const { status, said } = promtool(['check', 'metrics'], text);
    // The linter may advise (a name, a help text); CoreDNS's own names are as CoreDNS chose them.
    const advice = said.split('\n').filter((line) => line !== '' && !line.startsWith('coredns_'));
    expect({ advice, faulty: status === 1 }).toEqual({ advice: [], faulty: false });
  });
});
