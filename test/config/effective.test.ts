import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { effectiveSettings, effectiveYaml, MASK } from '../../src/config/effective.ts';
import type { ConfigInvalid } from '../../src/config/fault.ts';
import { SETTINGS } from '../../src/config/schema.ts';
import { load } from './load-text.ts';

/** Any valid configuration, in the shape of the file. */
const address = fc.oneof(
  fc.ipV4().filter((text) => !/^(0|2[2-5]\d)\./.test(text)),
  fc.constant('2001:db8::1'),
);
const port = fc.integer({ min: 1, max: 65_535 });
const upstream = fc.oneof(
  address,
  fc
    .tuple(
      fc.constantFrom('', 'udp://', 'tcp://', 'tls://'),
      fc.ipV4().filter((text) => !/^(0|2[2-5]\d)\./.test(text)),
      port,
    )
    .map(([scheme, host, number]) => `${scheme}${host}:${number}`),
  fc.constantFrom('tls://1.1.1.1#one.one.one.one', 'https://dns.example/q', 'fe80::1%eth0', 'dns.example'),
);
const upstreams = fc.oneof(fc.constant('auto'), fc.uniqueArray(upstream, { minLength: 1, maxLength: 4 }));
const policy = fc.constantFrom('random', 'roundRobin', 'sequential', 'fastest');
const seconds = (min: number, max: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((count) => `${count}s`);
const settings = fc.record(
  {
    listen: fc.uniqueArray(
      port.map((number) => `127.0.0.1:${number}`),
      { minLength: 1, maxLength: 3 },
    ),
    workers: fc.oneof(fc.constant('auto'), fc.integer({ min: 1, max: 256 })),
    upstreams,
    zones: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,8}(\.[a-z0-9]{1,8}){0,3}$/),
      fc.record({ upstreams, policy }, { requiredKeys: ['upstreams'] }),
      { maxKeys: 4 },
    ),
    forward: fc.record(
      {
        policy,
        deadline: fc.integer({ min: 100, max: 30_000 }).map((ms) => `${ms}ms`),
        maxInFlight: fc.integer({ min: 1, max: 1_000_000 }),
      },
      { requiredKeys: [] },
    ),
    cache: fc.record(
      {
        maxBytes: fc.integer({ min: 0, max: 2 ** 40 }).map((bytes) => `${bytes}B`),
        maxTtl: seconds(0, 604_800),
        prefetch: fc.record({ remaining: fc.integer({ min: 1, max: 90 }).map((share) => `${share}%`) }),
      },
      { requiredKeys: [] },
    ),
    loop: fc.record(
      { clusterKey: fc.stringMatching(/^[ -~äöü"']{0,30}$/), case: fc.boolean() },
      { requiredKeys: [] },
    ),
    limits: fc.record(
      { allow: fc.uniqueArray(address, { maxLength: 3 }), tcpIdle: seconds(1, 3600) },
      { requiredKeys: [] },
    ),
    admin: fc.record({
      listen: fc.constantFrom('off', '[::1]:0'),
      token: fc.stringMatching(/^[!-~]{0,20}$/),
    }),
    lameduck: seconds(0, 300),
  },
  { requiredKeys: [] },
);

describe('the effective configuration', () => {
  it('reads back as the same configuration', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(settings, (written) => {
        let config: Config;
        try {
          config = load(JSON.stringify(written)).config;
        } catch (error) {
          // Two spellings of one upstream, and our own address as one, are all the generator may
          // get wrong.
          for (const fault of (error as ConfigInvalid).faults)
            expect(fault.message).toMatch(/is in the list twice|our own listen address/);
          return;
        }
        const text = effectiveYaml(config, 'show');
        const again = load(text).config;
        expect(effectiveSettings(again, 'show')).toEqual(effectiveSettings(config, 'show'));
        expect(effectiveYaml(again, 'show')).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it('masks secrets, and shows where there is none', () => {
    const { config } = load('admin: { token: hunter2hunter2hunter2 }');
    const text = effectiveYaml(config);
    expect(text).not.toContain('hunter2');
    expect(text).toContain(`token: "${MASK}"`);
    expect(text).toContain('clusterKey: ""');
  });

  it('names every setting but the files of secrets', () => {
    const text = effectiveYaml(load('zones: { a: { upstreams: auto } }').config);
    for (const { path, fileOf } of SETTINGS) {
      const line = new RegExp(`^ *${path.split('.').at(-1)}:`, 'm');
      if (fileOf === undefined) expect(text).toMatch(line);
      else expect(text).not.toMatch(line);
    }
  });
});
