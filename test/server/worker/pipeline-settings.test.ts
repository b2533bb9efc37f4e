import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { parsePeer } from '../../../src/io/peer.ts';
import { AnswerRecord } from '../../../src/pipeline/answer-record.ts';
import { ClientRates, createClientRates } from '../../../src/pipeline/client-rates.ts';
import type { QueryLines } from '../../../src/pipeline/query-log.ts';
import { NO_SINK } from '../../../src/pipeline/reply-sink.ts';
import { settingsFor, shareOf } from '../../../src/server/worker/pipeline-settings.ts';
import { testQuery } from '../../pipeline/queries.ts';

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
    expect(times).toEqual({ deadlineMs: 1800, staleAfterMs: 1500, hedge: true });
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

  it('reads the filter of the query log', async () => {
    const queryFilter = {
      zones: ['corp.example'],
      clients: ['10.0.0.0/8'],
      rcodes: ['NXDOMAIN' as const],
      slowerThanMs: 50,
      sample: 1,
    };
    const filter = (await settings({ log: { ...DEFAULTS.log, queryFilter } })).queryFilter;
    const answer = testQuery('www.Corp.example').bytes;
    const takes = (address: string, change: object = {}) => {
      const record = Object.assign(new AnswerRecord(), { rcode: 3, durationMs: 50 }, change);
      const to = { replyTo: NO_SINK, peers: parsePeer(address, 1)!, peerOffset: 0 };
      return filter.takes(to, answer, answer.length, record);
    };
    expect(takes('10.9.9.9')).toBe(true);
    expect(takes('192.0.2.1')).toBe(false);
    expect(takes('10.9.9.9', { rcode: 2 })).toBe(false);
    expect(takes('10.9.9.9', { durationMs: 49 })).toBe(false);
  });

  it('keeps the query log that is open', async () => {
    const open = {} as QueryLines;
    const log = { ...DEFAULTS.log, queries: true };
    expect((await settingsFor({ ...DEFAULTS, log }, 1, RATES, open)).queryLog).toBe(open);
    expect((await settingsFor(DEFAULTS, 1, RATES, open)).queryLog).toBeNull();
  });
});
