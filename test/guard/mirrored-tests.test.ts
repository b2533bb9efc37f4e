// Tests mirror src/: each file with code has a test of its name in the same folder below test/.
// A file with types, tables and constants only needs none. A file that one test of a whole covers
// better is listed here, with that test and the reason.
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

/** Files without a test of their name. */
interface Covered {
  readonly by: string;
  readonly because: string;
  readonly files: readonly string[];
}

const COVERED: readonly Covered[] = [
  {
    by: 'admin/status-page.test.ts',
    because: 'text of the page, without a decision',
    files: ['admin/status-page-assets.ts', 'admin/status-page-script.ts'],
  },
  {
    by: 'cache/message-cache.test.ts',
    because: 'fields that are filled, and bytes that are read back, by the whole cache alone',
    files: ['cache/cache-hit.ts', 'cache/entry-message.ts'],
  },
  {
    by: 'cache/cache-restore.test.ts',
    because: 'what it writes is read back',
    files: ['cache/cache-dump.ts'],
  },
  {
    by: 'scenario/control/kept-cache.test.ts',
    because: 'it deals what one process has written to the workers of another',
    files: ['server/control/kept-cache.ts'],
  },
  { by: 'cli/dispatch.test.ts', because: 'a table of imports', files: ['cli/commands.ts'] },
  {
    by: 'scenario/control/start.test.ts',
    because: 'entry points: the process, its signals and exit codes are what they are about',
    files: ['cli/main.ts', 'cli/run.ts', 'cli/serve.ts'],
  },
  {
    by: 'config/generated.test.ts',
    because: 'what they make is compared whole with the files in the repository',
    files: ['config/docs.ts', 'config/json-schema.ts'],
  },
  { by: 'config/load.test.ts', because: 'a table of settings', files: ['config/schema-clients.ts'] },
  {
    by: 'discovery/discover.test.ts',
    because: 'the order of the sources shows in the whole search only',
    files: ['discovery/search.ts'],
  },
  {
    by: 'discovery/sources/all.test.ts',
    because: 'each source is read through the contract of all',
    files: ['discovery/sources/resolved-file.ts', 'discovery/sources/source.ts'],
  },
  {
    by: 'discovery/sources/network-scopes.test.ts',
    because: 'three descriptions of one network, and what they have in common',
    files: [
      'discovery/sources/cloud-init.ts',
      'discovery/sources/netplan.ts',
      'discovery/sources/networkd-files.ts',
    ],
  },
  {
    by: 'doctor/golden.test.ts',
    because: 'the words of whole reports, over 60 saved trees of nodes',
    files: [
      'doctor/cures.ts',
      'doctor/diagnose.ts',
      'doctor/finding.ts',
      'doctor/findings.ts',
      'doctor/inspect.ts',
      'doctor/main.ts',
      'doctor/path-findings.ts',
      'doctor/unloop-server.ts',
    ],
  },
  {
    by: 'doctor/live-dnsmasq.test.ts',
    because: 'the servers of a node together; each reader has a test',
    files: ['doctor/local-servers.ts'],
  },
  {
    by: 'doctor/services.test.ts',
    because: 'readers of one kind of server each, with the same questions to all',
    files: ['doctor/dnscrypt-proxy.ts', 'doctor/host-dns.ts', 'doctor/pihole.ts', 'doctor/unbound.ts'],
  },
  {
    by: 'io/batch-socket.test.ts',
    because: 'it only chooses; both sockets pass the same suite',
    files: ['io/open-socket.ts'],
  },
  {
    by: 'load/load-run.test.ts',
    because: 'lanes are driven by a run, against real sockets',
    files: ['load/stream-lane.ts', 'load/udp-lane.ts'],
  },
  { by: 'local/special-names.test.ts', because: 'a table', files: ['local/special-suffixes.ts'] },
  { by: 'loop/detector.test.ts', because: 'fields that the detector fills', files: ['loop/finding.ts'] },
  {
    by: 'metrics/naming.test.ts',
    because: 'tables of metrics: names, labels and values of all of them',
    files: ['metrics/coredns-metrics.ts', 'metrics/unloop-metrics.ts', 'metrics/upstream-samples.ts'],
  },
  {
    by: 'pipeline/forward-path.test.ts',
    because: 'a contract, and a sink that is never sent to',
    files: ['pipeline/reply-sink.ts'],
  },
  {
    by: 'scenario/control/admin.test.ts',
    because: 'they read the state of a whole server',
    files: [
      'server/control/admin-listener.ts',
      'server/control/server-snapshot.ts',
      'server/control/statistics.ts',
    ],
  },
  {
    by: 'scenario/control/discovery.test.ts',
    because: 'files that change under a running server',
    files: ['server/control/upstream-sources.ts'],
  },
  {
    by: 'scenario/control/reload.test.ts',
    because: 'it puts the whole server together',
    files: ['server/control/control-plane.ts'],
  },
  {
    by: 'scenario/data/later-loops.test.ts',
    because: 'it connects the loop parts, each with a test, to a running server',
    files: ['server/control/loop-control.ts'],
  },
  {
    by: 'scenario/data/named-upstreams.test.ts',
    because: 'names that resolve while a server runs',
    files: ['server/control/named-upstreams.ts'],
  },
  {
    by: 'server/control/supervisor.test.ts',
    because: 'both ends of a thread, which is started for the test',
    files: ['server/worker/worker.ts', 'server/worker/worker-handle.ts'],
  },
  {
    by: 'server/worker/data-plane.test.ts',
    because: 'listeners with real sockets before a real pipeline',
    files: ['server/listen/udp-listener.ts', 'server/worker/listeners.ts'],
  },
  {
    by: 'upstream/doh-exchange.test.ts',
    because: 'the layers of one exchange, against a real HTTPS server',
    files: [
      'base/lazy-node.ts',
      'upstream/doh-client.ts',
      'upstream/doh-connection.ts',
      'upstream/doh-http1.ts',
      'upstream/doh-http2.ts',
    ],
  },
  {
    by: 'upstream/stream-exchange.test.ts',
    because: 'the layers of one exchange, against real TCP and TLS servers',
    files: [
      'upstream/open-exchange.ts',
      'upstream/stream-connection.ts',
      'upstream/stream-connector.ts',
      'upstream/stream-link.ts',
    ],
  },
  { by: 'wire/reply.test.ts', because: 'a record of two fields', files: ['wire/ede.ts'] },
  { by: 'wire/question-names.test.ts', because: 'a table of types', files: ['wire/rdata-names.ts'] },
];

/** Without comments, is there anything that runs? Arrow types are no code. */
function hasCode(path: string): boolean {
  const text = readRepositoryFile(path)
    .replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
    .replace(/\([^()]*\)\s*=>\s*[\w<>[\] |]+;/g, '');
  return /\bfunction\b|\bclass\b|=>\s/.test(text);
}

const sources = repositoryFiles(['src'], ['.ts']);
const covered = COVERED.flatMap(({ files }) => files);

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
  expect(COVERED.filter(({ by }) => !existsSync(`test/${by}`))).toEqual([]);
});
