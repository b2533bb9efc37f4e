import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/schema.ts';
import { faultsOf, folder, load } from './load-text.ts';

const ROOT = join(import.meta.dirname, '../..');

const DEFAULTS: Config = {
  listen: [{ host: '127.0.0.1', port: 5300 }],
  workers: 'auto',
  upstreams: 'auto',
  zones: {},
  discovery: { resolvConf: '/etc/resolv.conf', root: '/', rewriteLoopback: 'auto' },
  forward: {
    policy: 'random',
    race: 1,
    next: [],
    hedge: 'auto',
    deadlineMs: 1800,
    maxInFlight: 10_000,
    healthCheck: { intervalMs: 500, maxFails: 2, name: '.', type: 'NS' },
  },
  cache: {
    maxEntries: 100_000,
    maxBytes: 64 * 1024 * 1024,
    file: '',
    minTtlSeconds: 0,
    maxTtlSeconds: 86_400,
    maxNegativeTtlSeconds: 1800,
    failureTtlSeconds: 5,
    serveStale: { maxAgeSeconds: 3600, ttlSeconds: 30, afterMs: 1500 },
    prefetch: { hits: 3, remainingPercent: 10 },
  },
  loop: {
    tag: 'auto',
    case: true,
    clusterKey: '',
    ring: 'default',
    maxHops: 8,
    probe: { onStart: true, intervalMs: 60_000 },
    quarantine: { minMs: 1000, maxMs: 60_000 },
  },
  limits: {
    perClientQps: 0,
    perClientWaiting: 2000,
    tcpConnections: 1000,
    tcpIdleMs: 10_000,
    allow: [],
    deny: [],
    rebindProtection: false,
    rebindExceptions: [],
  },
  local: { specialNames: true, any: 'forward', records: [], hosts: [], ttlSeconds: 60 },
  identity: { version: false, name: '' },
  admin: { listen: { host: '127.0.0.1', port: 9530 }, coredns: false, token: '' },
  log: {
    level: 'info',
    format: 'auto',
    queries: false,
    queryFilter: { zones: [], clients: [], rcodes: [], slowerThanMs: 0, sample: 1 },
  },
  kubernetes: { pods: false, node: '', serviceAccount: '/var/run/secrets/kubernetes.io/serviceaccount' },
  dnstap: { output: '', messages: ['client', 'forwarder'], identity: '' },
  lameduckMs: 0,
  takeOver: false,
};

describe('defaults', () => {
  it('hold without a file', () => {
    const { config, warnings, files } = loadConfig({ path: null, environment: {} });
    expect(config).toEqual(DEFAULTS);
    expect(warnings).toEqual([]);
    expect(files).toEqual([]);
  });

  it.each([
    '',
    '# only a comment\n',
    '---\n',
    'null\n',
    'cache:\nzones:\n',
    '\ufeff',
  ])('hold for the file %j', (text) => {
    expect(load(text).config).toEqual(DEFAULTS);
  });

  it('are what config/default.yaml says, line by line', () => {
    const path = join(ROOT, 'config/default.yaml');
    const { config, warnings } = loadConfig({ path, environment: {} });
    expect(config).toEqual(DEFAULTS);
    expect(warnings).toEqual([]);
    const text = readFileSync(path, 'utf8');
    for (const { path: setting } of SETTINGS.filter((candidate) => candidate.default !== undefined)) {
      expect(text, setting).toContain(`${setting.split('.').at(-1)}:`);
    }
  });
});

describe('faults', () => {
  it('are found all at once, each with file, line and column', () => {
    const text = `listen: 127.0.0.1:53
forwrd: {}
forward:
  deadline: 1800
  policy: fast
  policy: fastest
  healthCheck: [1]
zones:
  "*.corp": {}
  foo: { policy: random }
  Foo.: { upstreams: ["10.0.0.2"] }
  bar: { upstreams: [1.2.3, 10.0.0.2#5353, 10.0.0.2, "10.0.0.2:53"] }
cache: { maxBytes: 64, prefetch: { hits: 3.5, remaining: 100% } }
loop: { case: yes }
deadline: 4s
limits:
  allow: [10.0.0.1/8, 10.0.0.0/8]
log: { level: *foo }
`;
    expect(faultsOf(text)).toEqual([
      'unloop.yaml:1:9: listen: "127.0.0.1:53" is not a list of ADDR:PORT; write ["127.0.0.1:53"]',
      'unloop.yaml:2:1: unknown key "forwrd"; did you mean "forward"?',
      'unloop.yaml:4:13: forward.deadline: 1800 is not a duration; it has no unit: write 1800ms or 1800s',
      'unloop.yaml:5:11: forward.policy: "fast" is not one of random, roundRobin, sequential, fastest',
      'unloop.yaml:6:3: duplicate key "forward.policy"; it is already on line 5',
      'unloop.yaml:7:16: forward.healthCheck: expected a mapping (interval, maxFails, name, type), not a list',
      'unloop.yaml:9:3: zones: "*.corp" is not a zone suffix; a zone holds the name and all below it: write corp',
      'unloop.yaml:10:3: zones.foo: upstreams is missing; write for example ["10.96.0.10"]',
      'unloop.yaml:11:3: duplicate key "zones.foo"; it is already on line 10',
      'unloop.yaml:12:22: zones.bar.upstreams: "1.2.3" is not an IP address or a host name',
      'unloop.yaml:12:29: zones.bar.upstreams: "10.0.0.2#5353"; a port is written 10.0.0.2:5353',
      'unloop.yaml:13:20: cache.maxBytes: 64 is not a size; it has no unit: write 64MiB or 64B',
      'unloop.yaml:13:42: cache.prefetch.hits: 3.5 is not a whole number from 0 to 1000000',
      'unloop.yaml:13:58: cache.prefetch.remaining: 100% is too large; expected a percentage from 1% to 90%',
      'unloop.yaml:14:15: loop.case: "yes" is not true or false; write true',
      'unloop.yaml:15:1: unknown key "deadline"; did you mean "forward.deadline"?',
      'unloop.yaml:17:11: limits.allow: "10.0.0.1/8" has bits set beyond its prefix; did you mean 10.0.0.0/8?',
      'unloop.yaml:18:15: *foo: no such anchor before it',
    ]);
  });

  it.each([
    ['listen: []', '1:9: listen: the list is empty; expected a list of ADDR:PORT'],
    ['listen: ["127.0.0.1:53", "127.0.0.1:53"]', '1:26: listen: 127.0.0.1:53 is in the list twice'],
    ['listen: ["127.0.0.1"]', '1:10: listen: "127.0.0.1" has no port; write 127.0.0.1:53'],
    ['upstreams:', '1:11: upstreams: has no value; expected auto or a list of upstreams'],
    ['upstreams: 10.0.0.2', 'write ["10.0.0.2"]'],
    ['upstreams: [auto, 10.0.0.2]', '1:13: upstreams: "auto" cannot be combined with other upstreams'],
    ['upstreams: [10.0.0.2, "10.0.0.2:53"]', '1:23: upstreams: 10.0.0.2:53 is in the list twice'],
    ['upstreams:\n  - 10.0.0.2\n  - tls//x', '3:5: upstreams: "tls//x" has a path; only https:// takes one'],
    ['upstreams: [{a: 1}]', '1:13: upstreams: a mapping is not auto or a list of upstreams'],
    ['workers: 0', '1:10: workers: 0 is not auto or a whole number from 1 to 256'],
    ['workers: many', '1:10: workers: "many" is not auto or a whole number'],
    ['max_ttl: 1h', '1:1: unknown key "max_ttl"; did you mean "cache.maxTtl"?'],
    ['cache: { max_ttl: 1h }', '1:10: unknown key "cache.max_ttl"; did you mean "maxTtl"?'],
    ['xyzzy: 1', '1:1: unknown key "xyzzy"; expected one of listen, workers, upstreams'],
    ['__proto__: 1', '1:1: unknown key "__proto__"'],
    ['zones: [a]', '1:8: zones: expected a mapping (zone suffixes), not a list'],
    [
      'zones: { corp: ["10.0.0.2"] }',
      '1:16: zones.corp: a zone is a mapping; write { upstreams: ["10.96.0.10"] }',
    ],
    ['zones: { corp: }', '1:10: zones.corp: upstreams is missing'],
    ['zones: { .: { upstreams: auto } }', '1:10: zones: "." is every name'],
    ['zones: { corp: { upstreems: auto } }', 'did you mean "upstreams"?'],
    [
      'forward: { deadline: 50ms }',
      '1:22: forward.deadline: 50ms is too small; expected a duration from 100ms to 30s',
    ],
    ['cache: { maxTtl: 500ms }', '1:18: cache.maxTtl: 500ms is not a whole number of seconds'],
    [
      'cache: { failureTtl: 6m }',
      '1:22: cache.failureTtl: 6m is too large; expected a duration from 1s to 5m',
    ],
    ['loop: { quarantine: { min: 2m } }', '1:28: loop.quarantine.min (2m) is above loop.quarantine.max (1m)'],
    [
      'loop: { quarantine: { max: 500ms } }',
      '1:28: loop.quarantine.min (1s) is above loop.quarantine.max (500ms)',
    ],
    ['cache: { minTtl: 1h, maxTtl: 1m }', '1:18: cache.minTtl (1h) is above cache.maxTtl (1m)'],
    ['loop: { ring: "" }', '1:15: loop.ring: "" is not 1 to 63 letters'],
    ['loop: { case: off }', '1:15: loop.case: "off" is not true or false; write false'],
    ['admin: { listen: "127.0.0.1:5300" }', '1:18: admin.listen: 127.0.0.1:5300 is taken by listen'],
    ['admin: { listen: 9530 }', '1:18: admin.listen: 9530 is not ADDR:PORT or off'],
    ['limits: { deny: [all] }', '1:18: limits.deny: "all" is not an address block'],
    ['discovery: { root: host }', '1:20: discovery.root: "host" is not an absolute directory path'],
    ['- listen', '1:1: expected a mapping (listen, workers'],
    ['hello', '1:1: expected a mapping (listen, workers'],
    ['listen: ["127.0.0.1:53"', '1:24: not valid YAML: '],
    ['a: 1\n---\nb: 2', '2:1: not valid YAML: the file contains a second document (---)'],
    ['log:\n\tlevel: info', '2:1: not valid YAML: Tabs are not allowed as indentation'],
    ['log: !secret { level: info }', '1:6: not valid YAML: Unresolved tag: !secret'],
    ['? [a]\n: b', '1:3: not valid YAML: With stringKeys, all keys must be strings'],
    ['upstreams: &a [*a]', '1:16: upstreams: a list is not auto or a list of upstreams'],
  ])('%j', (text, message) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(message);
  });

  it('of a setting hide no fault that depends on it', () => {
    expect(faultsOf('loop: { quarantine: { min: 2, max: 500ms } }')).toHaveLength(1);
  });

  it('never show a secret', () => {
    expect(faultsOf('admin: { token: "hunter 2" }')).toEqual([
      'unloop.yaml:1:17: admin.token: expected text without spaces or control characters',
    ]);
  });

  it('end an alias bomb quickly', () => {
    const levels = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (const [name, below] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg'].map(
      (pair) => [...pair] as [string, string],
    )) {
      levels.push(`${name}: &${name} [${Array(9).fill(`*${below}`).join(', ')}]`);
    }
    expect(faultsOf(`${levels.join('\n')}\nupstreams: *h\n`).at(-1)).toContain('Excessive alias count');
    const many = Array.from({ length: 200 }, (_, i) => `z${i}.example: *z`).join(', ');
    expect(faultsOf(`zones: { a.example: &z { upstreams: auto }, ${many} }`).at(-1)).toContain(
      'too many aliases',
    );
  });

  it('are the only other result for any text', () => {
    const words = [
      'listen',
      'zones',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      '&a ',
      '*a',
      '1s',
      'auto',
      '#',
      '!',
    ];
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...words)).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (written) => {
        for (const fault of faultsOf(written)) expect(fault).toMatch(/^unloop\.yaml:[1-9]\d*:[1-9]\d*: ./);
      }),
      { numRuns: 300 },
    );
  });
});

describe('files', () => {
  it('that cannot be read say why, and what to do', () => {
    const unreadable = (path: string): unknown => {
      try {
        loadConfig({ path, environment: {} });
      } catch (error) {
        return error;
      }
      return null;
    };
    expect(unreadable(join(folder, 'none.yaml'))).toMatchObject({
      code: 'UNLOOP_CONFIG_UNREADABLE',
      message: `cannot read the configuration file ${folder}/none.yaml: no such file`,
      remedy: expect.stringContaining('--config'),
    });
    expect(unreadable(folder)).toMatchObject({ message: expect.stringMatching(/: it is a directory$/) });
    const latin = join(folder, 'latin.yaml');
    writeFileSync(latin, Buffer.from('# caf\xe9\n', 'latin1'));
    expect(unreadable(latin)).toMatchObject({ message: expect.stringMatching(/: it is not UTF-8 text$/) });
    const large = join(folder, 'large.yaml');
    writeFileSync(large, Buffer.alloc(1024 * 1024 + 1, '#'));
    expect(unreadable(large)).toMatchObject({
      message: expect.stringMatching(/: it is larger than 1048576 bytes$/),
    });
  });

  it('of secrets are read, from beside the configuration file', () => {
    writeFileSync(join(folder, 'key'), 'correct horse battery staple\nsecond line\n');
    const { config, files } = load('loop: { clusterKeyFile: key }');
    expect(config.loop.clusterKey).toBe('correct horse battery staple');
    expect(config.loop).not.toHaveProperty('clusterKeyFile');
    expect(files).toEqual([join(folder, 'unloop.yaml'), join(folder, 'key')]);
  });

  it('of secrets that cannot be used are faults', () => {
    writeFileSync(join(folder, 'empty'), '\n');
    writeFileSync(join(folder, 'spaced'), 'a b\n');
    expect(faultsOf('loop: { clusterKeyFile: none }')[0]).toBe(
      'unloop.yaml:1:25: loop.clusterKeyFile: cannot read none: no such file',
    );
    expect(faultsOf('loop: { clusterKeyFile: empty }')[0]).toContain('the first line of empty is empty');
    expect(faultsOf('loop: { clusterKeyFile: empty, clusterKey: x }')[0]).toContain(
      'loop.clusterKey is set as well',
    );
    expect(faultsOf('admin: { tokenFile: spaced }')[0]).toBe(
      'spaced:1:1: admin.token: expected text without spaces or control characters',
    );
  });
});

describe('what is set later wins', () => {
  const file = `
listen: ["127.0.0.1:1000"]
upstreams: ["10.0.0.1"]
workers: 3
zones: { corp: { upstreams: ["10.0.0.2"], policy: sequential }, lab: { upstreams: ["10.0.0.3"] } }
loop: { clusterKey: from the configuration file }
admin: { listen: "127.0.0.1:1001" }
log: { level: warn }
`;

  it('flags over the file', () => {
    const { config } = load(file, {
      overrides: [
        { flag: 'listen', texts: ['127.0.0.1:2000', '[::1]:2000'] },
        { flag: 'upstream', texts: ['tls://1.1.1.1'] },
        { flag: 'zone', texts: ['Corp.=10.1.0.1,tcp://10.1.0.2', 'new=10.1.0.4', 'corp=10.1.0.3'] },
        { flag: 'admin', texts: ['127.0.0.1:1', 'off'] },
        { flag: 'workers', texts: ['2'] },
        { flag: 'log-level', texts: ['debug'] },
      ],
    });
    expect(config.listen).toEqual([
      { host: '127.0.0.1', port: 2000 },
      { host: '::1', port: 2000 },
    ]);
    expect(config.upstreams).toMatchObject([{ host: '1.1.1.1', transport: 'tls' }]);
    expect(config.zones).toMatchObject({
      corp: {
        upstreams: [{ host: '10.1.0.1' }, { host: '10.1.0.2' }, { host: '10.1.0.3' }],
        policy: 'sequential',
      },
      lab: { upstreams: [{ host: '10.0.0.3' }], policy: 'random' },
      new: { upstreams: [{ host: '10.1.0.4' }], policy: 'random' },
    });
    expect(config.admin.listen).toBeNull();
    expect(config.workers).toBe(2);
    expect(config.log.level).toBe('debug');
  });

  it('the environment over the file', () => {
    const environment = { UNLOOP_CLUSTER_KEY: 'from the environment' };
    expect(load(file, { environment }).config.loop.clusterKey).toBe('from the environment');
    const withFile = load('loop: { clusterKeyFile: /nonexistent }', { environment });
    expect(withFile.config.loop.clusterKey).toBe('from the environment');
    expect(load(file, { environment: { UNLOOP_CLUSTER_KEY: '' } }).config.loop.clusterKey).toBe(
      'from the configuration file',
    );
  });

  it('and faults of flags name the flag', () => {
    const overrides = [
      { flag: 'upstream', texts: ['10.0.0.1,10.0.0.2'] },
      { flag: 'zone', texts: ['corp', '.=10.0.0.1', 'x=10.0.0'] },
      { flag: 'workers', texts: ['two'] },
      { flag: 'log-level', texts: ['loud'] },
    ];
    expect(faultsOf('xyzzy: 1', { overrides })).toEqual([
      expect.stringMatching(/^unloop\.yaml:1:1: unknown key "xyzzy"/),
      '--upstream: upstreams: "10.0.0.1,10.0.0.2" has a comma in it; name each upstream apart',
      '--zone: "corp" is not SUFFIX=UPSTREAM[,UPSTREAM], as in cluster.local=10.96.0.10',
      '--zone: "." is every name; its servers stand under the top-level "upstreams"',
      '--zone: zones.x.upstreams: "10.0.0" is not an IP address or a host name',
      '--workers: workers: "two" is not auto or a whole number from 1 to 256',
      '--log-level: log.level: "loud" is not one of trace, debug, info, warn, error, fatal',
    ]);
  });

  it('a zone may have the name of a property that every object has', () => {
    const { config } = load(
      'zones: { __proto__: { upstreams: ["10.0.0.9"] }, constructor: { upstreams: auto } }',
    );
    expect(Object.keys(config.zones)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).upstreams).toBeUndefined();
  });
});

describe('config/examples', () => {
  const examples = readdirSync(join(ROOT, 'config/examples'));
  it('are there', () => expect(examples.length).toBeGreaterThan(3));

  it.each(examples)('%s is valid as it stands', (name) => {
    const loaded = loadConfig({ path: join(ROOT, 'config/examples', name), environment: {} });
    // Without its Secret the admin listener of a pod has no token: that is the one thing left to
    // say.
    const messages = loaded.warnings.map(({ message }) => message);
    expect(messages.filter((message) => !message.includes('there is no admin.token'))).toEqual([]);
  });
});

describe('the documented file', () => {
  it('of the users guide is valid as it stands', () => {
    const text = `
listen: ["127.0.0.1:5300"]
workers: auto
upstreams: auto
zones:
  cluster.local: { upstreams: ["10.96.0.10"] }
discovery: { resolvConf: /etc/resolv.conf, root: /, rewriteLoopback: auto }
forward:
  policy: random
  deadline: 1800ms
  maxInFlight: 10000
  healthCheck: { interval: 500ms, maxFails: 2 }
cache:
  maxEntries: 100000
  maxBytes: 64MiB
  minTtl: 0s
  maxTtl: 1d
  maxNegativeTtl: 30m
  failureTtl: 5s
  serveStale: { maxAge: 1h, ttl: 30s, after: 1500ms }
  prefetch: { hits: 3, remaining: 10% }
loop:
  tag: auto
  case: true
  clusterKey: ""
  ring: default
  maxHops: 8
  probe: { onStart: true, interval: 60s }
  quarantine: { min: 1s, max: 60s }
limits: { perClientQps: 0, tcpConnections: 1000, tcpIdle: 10s, allow: [], deny: [] }
admin: { listen: "127.0.0.1:9530" }
log: { level: info, format: json, queries: false }
`;
    const { zones, log, ...rest } = load(text).config;
    expect(rest).toEqual({ ...DEFAULTS, zones: undefined, log: undefined });
    expect(zones['cluster.local']).toMatchObject({
      upstreams: [{ host: '10.96.0.10', port: 53 }],
      policy: 'random',
    });
    expect(log.format).toBe('json');
  });
});
