import { describe, expect, it } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { ClientRates, createClientRates } from '../../../src/pipeline/client-rates.ts';
import { settingsFor, shareOf } from '../../../src/server/worker/pipeline-settings.ts';

it.each([
  { limit: 2000, workers: 1, share: 2000 },
  { limit: 2000, workers: 2, share: Math.ceil(1000 + 4 * Math.sqrt(1000)) },
  { limit: 16, workers: 4, share: 12 },
  { limit: 1, workers: 4, share: 3 },
  { limit: 0, workers: 4, share: 0 },
])('gives a worker of $workers $share of $limit', ({ limit, workers, share }) => {
  expect(shareOf(limit, workers)).toBe(share);
});

const RATES = new ClientRates(createClientRates());

describe('settingsFor', () => {
  const DEFAULTS = loadConfig({ path: null, environment: {} }).config;
  const settings = (more: object, workers = 1) => settingsFor({ ...DEFAULTS, ...more }, workers, RATES, null);

  it('takes the times and the share of the limit', async () => {
    const { times, perClientWaiting } = await settings({}, 2);
    expect(times).toEqual({ deadlineMs: 1800, staleAfterMs: 1500 });
    expect(perClientWaiting).toBe(shareOf(DEFAULTS.limits.perClientWaiting, 2));
  });

  it('has exceptions of the rebinding protection only when it is on', async () => {
    const limits = { ...DEFAULTS.limits, rebindExceptions: ['corp.example'] };
    expect((await settings({ limits })).rebindExceptions).toBeNull();
    const on = { ...limits, rebindProtection: true };
    expect((await settings({ limits: on })).rebindExceptions).toEqual(['corp.example']);
  });

  it('has identity answers only when they are configured', async () => {
    expect((await settings({})).local.identity).toBeNull();
    expect((await settings({ identity: { version: true, name: '' } })).local.identity).not.toBeNull();
    expect((await settings({ identity: { version: false, name: 'x' } })).local.identity).not.toBeNull();
  });

  it('has local records only when there are some, and special names unless they are off', async () => {
    const { local } = DEFAULTS;
    expect((await settings({})).local).toMatchObject({ records: null, special: {} });
    const records = [{ name: 'db.internal', type: 'A', address: '10.0.0.9' }] as const;
    const some = await settings({ local: { ...local, records, specialNames: false } });
    expect(some.local.records).not.toBeNull();
    expect(some.local.special).toBeNull();
  });

  it('keeps the query log that is open', async () => {
    const open = {} as Log;
    const log = { ...DEFAULTS.log, queries: true };
    expect((await settingsFor({ ...DEFAULTS, log }, 1, RATES, open)).queryLog).toBe(open);
    expect((await settingsFor(DEFAULTS, 1, RATES, open)).queryLog).toBeNull();
  });
});
