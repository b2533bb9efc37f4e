// Tests mirror src/: each file with code has a test of its name in the same folder below test/.
// A file with types, tables and constants only needs none. A file that another test covers is
// listed here, under that test.
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

/** By the test that covers them: files without a test of their name. */
const COVERED_BY: Readonly<Record<string, readonly string[]>> = {
  'admin/status-page.test.ts': ['admin/status-page-assets.ts'],
  'cache/entry-store.test.ts': ['cache/entry-message.ts'],
  'cache/entry-key.test.ts': ['cache/question-key.ts'],
  'cache/message-cache.test.ts': ['cache/cache-hit.ts'],
  'cli/dispatch.test.ts': ['cli/commands.ts', 'cli/main.ts'],
  'config/generated.test.ts': ['config/docs.ts', 'config/json-schema.ts'],
  'config/load.test.ts': ['config/schema-clients.ts'],
  'discovery/discover.test.ts': ['discovery/search.ts'],
  'discovery/sources/all.test.ts': ['discovery/sources/resolved-file.ts', 'discovery/sources/source.ts'],
  'doctor/golden.test.ts': [
    'doctor/cluster-dns.ts',
    'doctor/cures.ts',
    'doctor/diagnose.ts',
    'doctor/findings.ts',
    'doctor/inspect.ts',
    'doctor/main.ts',
    'doctor/unloop-server.ts',
  ],
  'doctor/live-dnsmasq.test.ts': ['doctor/local-servers.ts'],
  'doctor/services.test.ts': [
    'doctor/dnscrypt-proxy.ts',
    'doctor/host-dns.ts',
    'doctor/pihole.ts',
    'doctor/unbound.ts',
  ],
  'io/batch-socket.test.ts': ['io/native-addon.ts', 'io/open-socket.ts'],
  'load/load-run.test.ts': ['load/stream-lane.ts', 'load/udp-lane.ts'],
  'loop/detector.test.ts': ['loop/finding.ts'],
  'metrics/naming.test.ts': ['metrics/coredns-metrics.ts', 'metrics/unloop-metrics.ts'],
  'pipeline/forward-path.test.ts': ['pipeline/reply-sink.ts'],
  'scenario/control/admin.test.ts': [
    'server/control/admin-listener.ts',
    'server/control/server-snapshot.ts',
    'server/control/statistics.ts',
  ],
  'scenario/control/discovery.test.ts': ['server/control/upstream-sources.ts'],
  'scenario/control/reload.test.ts': ['server/control/control-plane.ts'],
  'scenario/control/start.test.ts': ['cli/run.ts', 'cli/serve.ts'],
  'scenario/data/later-loops.test.ts': ['server/control/loop-control.ts'],
  'scenario/data/named-upstreams.test.ts': ['server/control/named-upstreams.ts'],
  'server/control/supervisor.test.ts': ['server/worker/worker.ts', 'server/worker/worker-handle.ts'],
  'server/worker/data-plane.test.ts': ['server/listen/udp-listener.ts', 'server/worker/listeners.ts'],
  'upstream/doh-exchange.test.ts': [
    'base/lazy-node.ts',
    'upstream/doh-client.ts',
    'upstream/doh-connection.ts',
    'upstream/doh-http1.ts',
    'upstream/doh-http2.ts',
  ],
  'upstream/stream-exchange.test.ts': [
    'upstream/open-exchange.ts',
    'upstream/stream-connection.ts',
    'upstream/stream-connector.ts',
    'upstream/stream-link.ts',
  ],
  'wire/reply.test.ts': ['wire/ede.ts'],
};

/** Without comments, is there anything that runs? Arrow types are no code. */
function hasCode(path: string): boolean {
  const text = readRepositoryFile(path)
    .replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
    .replace(/\([^()]*\)\s*=>\s*[\w<>[\] |]+;/g, '');
  return /\bfunction\b|\bclass\b|=>\s/.test(text);
}

const sources = repositoryFiles(['src'], ['.ts']);
const covered = Object.values(COVERED_BY).flat();

/** By its name, or a longer one: message-cache.property.test.ts. */
function hasTest(source: string): boolean {
  const stem = source.replace(/^src\//, 'test/').replace(/\.ts$/, '');
  return ['.test.ts', '.suite.ts'].some((end) => existsSync(stem + end));
}

it('is a test of its name for each file with code, or another one that is listed', () => {
  const without = sources.filter((source) => hasCode(source) && !hasTest(source));
  expect(without.map((source) => source.slice(4)).filter((source) => !covered.includes(source))).toEqual([]);
});

it('lists only files that are there, have code and no test of their name', () => {
  const stale = covered.filter(
    (source) => !existsSync(`src/${source}`) || hasTest(`src/${source}`) || !hasCode(`src/${source}`),
  );
  expect(stale).toEqual([]);
  expect(Object.keys(COVERED_BY).filter((test) => !existsSync(`test/${test}`))).toEqual([]);
});
