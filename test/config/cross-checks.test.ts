import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatFault } from '../../src/config/fault.ts';
import { loadConfig } from '../../src/config/load.ts';
import { faultsOf, folder, load, warningsOf } from './load-text.ts';

describe('a configuration that is allowed but seldom meant', () => {
  it('warns of a secret that everybody may read', () => {
    const path = join(folder, 'open.yaml');
    writeFileSync(path, 'loop:\n  clusterKey: long enough to be one\n');
    chmodSync(path, 0o644);
    expect(loadConfig({ path, environment: {} }).warnings.map(formatFault)).toEqual([
      `${path}:2:15: loop.clusterKey is in a file that everybody may read; chmod o-r it, or use loop.clusterKeyFile`,
    ]);
    chmodSync(path, 0o640);
    expect(loadConfig({ path, environment: {} }).warnings).toEqual([]);
  });

  it.each([
    ['loop: { clusterKey: short }', '1:21: loop.clusterKey is shorter than 16 characters'],
    ['admin: { listen: "0.0.0.0:9530" }', '1:18: admin.listen is not loopback and there is no admin.token'],
    ['listen: ["0.0.0.0:53"]\nlimits: { allow: [0.0.0.0/0] }', '2:18: limits.allow contains every address'],
    ['forward: { deadline: 1s }', '1:22: cache.serveStale.after is not below forward.deadline'],
    [
      'cache: { serveStale: { after: 1800ms } }',
      '1:31: cache.serveStale.after is not below forward.deadline',
    ],
    [
      'local: { records: [www.corp CNAME db.away, a.corp CNAME b.apps.corp, "*.apps.corp A 10.0.0.9"] }',
      '1:20: local.records: www.corp is an alias of db.away, which has no record here',
    ],
    ['listen: ["[::1]:53"]\nupstreams: ["::1"]', '2:12: upstreams: [::1]:53 is our own listen address'],
    [
      'listen: ["0.0.0.0:53"]\nzones: { a.b: { upstreams: ["127.0.0.1"] } }',
      '2:28: zones.a.b.upstreams: 127.0.0.1:53 is our own',
    ],
  ])('warns of %j', (text, message) => {
    const warnings = warningsOf(text);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(message);
  });

  it.each([
    ['upstreams: ["127.0.0.1:5300"]', '1:12: upstreams: 127.0.0.1:5300 is our own listen address'],
    [
      'zones: { a.b: { upstreams: ["127.0.0.1:5300"] } }',
      '1:28: zones.a.b.upstreams: 127.0.0.1:5300 is our own',
    ],
    [
      'listen: ["0.0.0.0:53"]\nupstreams: ["127.0.0.1"]\ndiscovery: { rewriteLoopback: never }',
      '2:12: upstreams: 127.0.0.1:53 is our own listen address',
    ],
  ])('refuses %j: the upstream is ourselves, and no other server is behind it', (text, message) => {
    expect(() => load(text)).toThrow(expect.objectContaining({ code: 'UNLOOP_UPSTREAM_INVALID' }));
    expect(faultsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    'listen: ["0.0.0.0:53", "[::]:53"]\nlimits: { allow: [10.0.0.0/8] }',
    'limits: { allow: [0.0.0.0/0] }',
    'forward: { deadline: 1s }\ncache: { serveStale: { maxAge: 0s } }',
    'upstreams: ["127.0.0.1:5301", "127.0.0.2:5300"]',
  ])('says nothing of %j', (text) => {
    expect(warningsOf(text)).toEqual([]);
  });
});

describe('settings that contradict each other', () => {
  it.each([
    ['cache: { minTtl: 30m, maxTtl: 10m }', 'cache.minTtl (30m) is above cache.maxTtl (10m)'],
    [
      'loop: { quarantine: { min: 2s, max: 1s } }',
      'loop.quarantine.min (2s) is above loop.quarantine.max (1s)',
    ],
    [
      'zones: { corp: { upstreams: ["10.0.0.2"], search: "on" } }',
      'zones.corp.search: on needs nxdomainCut: true',
    ],
    ['forward: { policy: sequential, race: 2 }', 'forward.race: not with the policy sequential'],
    [
      'zones: { corp: { upstreams: ["10.0.0.2"], policy: sequential, race: 2 } }',
      'zones.corp.race: not with the policy sequential',
    ],
    [
      'forward: { policy: sequential }\nzones: { corp: { upstreams: ["10.0.0.2"], race: 3 } }',
      'zones.corp.race: not with the policy sequential',
    ],
    ['admin: { listen: "127.0.0.1:5300" }', 'admin.listen: 127.0.0.1:5300 is taken by listen'],
  ])('refuses %j', (text, message) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(message);
  });

  it.each([
    'cache: { minTtl: 1h, maxTtl: 1h }',
    'listen: ["127.0.0.1:0"]\nadmin: { listen: "127.0.0.1:0" }',
    'admin: { listen: "off" }',
    'zones: { corp: { upstreams: ["10.0.0.2"], nxdomainCut: true, search: on } }',
    'zones: { corp: { upstreams: ["10.0.0.2"], search: report } }',
    'forward: { policy: sequential }\nzones: { corp: { upstreams: ["10.0.0.2"], policy: fastest, race: 3 } }',
  ])('takes %j', (text) => {
    expect(faultsOf(text)).toEqual([]);
  });
});
