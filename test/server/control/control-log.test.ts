import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/base/clock.ts';
import { UnloopError } from '../../../src/base/errors.ts';
import type { Log } from '../../../src/base/log.ts';
import { RepeatLimiter } from '../../../src/base/repeat-limiter.ts';
import type { Notice } from '../../../src/discovery/discovery.ts';
import {
  NoticeLog,
  reportDnstapReader,
  reportFallback,
  reportRefusedClient,
  reportReloadFailure,
} from '../../../src/server/control/control-log.ts';

let lines: { level: string; fields: Record<string, unknown>; message: string }[];
let log: Log;
let limiter: RepeatLimiter;

beforeEach(() => {
  lines = [];
  const at = (level: string) => (fields: object, message: string) =>
    lines.push({ level, fields: fields as Record<string, unknown>, message });
  log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as unknown as Log;
  limiter = new RepeatLimiter(log, new ManualClock());
});

const notice = (change: Partial<Notice> = {}): Notice =>
  ({
    severity: 'warn',
    code: 'resolv-conf-empty',
    message: 'no server',
    remedy: 'add one',
    ...change,
  }) as Notice;

describe('notices of discovery', () => {
  it('are logged at their severity, with their remedy where there is one', () => {
    new NoticeLog(log).log([notice(), notice({ severity: 'info', remedy: '' })]);
    expect(lines).toEqual([
      { level: 'warn', fields: { code: 'resolv-conf-empty', remedy: 'add one' }, message: 'no server' },
      { level: 'info', fields: { code: 'resolv-conf-empty' }, message: 'no server' },
    ]);
  });

  it('are not logged again until they change', () => {
    const notices = new NoticeLog(log);
    for (let i = 0; i < 3; i++) notices.log([notice()]);
    expect(lines).toHaveLength(1);
    notices.log([]);
    notices.log([notice()]);
    expect(lines).toHaveLength(2);
  });
});

describe('a refused client', () => {
  it('is reported once, with what to change', () => {
    for (let i = 0; i < 5; i++)
      reportRefusedClient(limiter, '203.0.113.9', { hasAllowList: false, isDetoured: false });
    expect(lines).toHaveLength(1);
    expect(lines[0]!.fields).toMatchObject({ code: 'client-refused', client: '203.0.113.9' });
    expect(lines[0]!.fields.remedy).toContain('set limits.allow');
    expect(lines[0]!.message).toContain('neither private');
  });

  it('asks to be added to the list when there is one', () => {
    reportRefusedClient(limiter, '203.0.113.9', { hasAllowList: true, isDetoured: true });
    expect(lines[0]!.fields.remedy).toContain('add its network to limits.allow');
  });
});

describe('a refused client of a node with a detour', () => {
  it('is said to have no DNS, if it is a pod', () => {
    reportRefusedClient(limiter, '203.0.113.9', { hasAllowList: true, isDetoured: true });
    expect(lines[0]!.message).toMatch(/limits\.allow; if it is a pod, it has no DNS, as the detour leads/);
  });
});

describe('a configuration that cannot be used', () => {
  const invalid = (text: string) => new UnloopError('UNLOOP_CONFIG_INVALID', text, 'Fix it.');

  it('is one line with code, reason and remedy, without a stack', () => {
    reportReloadFailure(limiter, invalid('f:1:1: a\nf:2:1: b'));
    expect(lines).toEqual([
      {
        level: 'error',
        fields: { code: 'UNLOOP_CONFIG_INVALID', reason: 'f:1:1: a; f:2:1: b', remedy: 'Fix it.' },
        message: 'the new configuration cannot be used; the running one stays',
      },
    ]);
  });

  it('is reported again only with another mistake', () => {
    for (const text of ['a', 'a', 'b']) reportReloadFailure(limiter, invalid(text));
    expect(lines.map(({ fields }) => fields.reason)).toEqual(['a', 'b']);
  });

  it('shows an unexpected error whole', () => {
    const error = new TypeError('x is undefined');
    reportFallback(log, 'the last good one', error);
    expect(lines[0]).toMatchObject({ level: 'error', fields: { err: error } });
    expect(lines[0]!.message).toContain('starting with the last good one');
  });
});

it('says once that the reader of dnstap is away, and once that it is there again', () => {
  reportDnstapReader(limiter, 'unix:/run/dnstap.sock', null);
  for (let i = 0; i < 3; i++) reportDnstapReader(limiter, 'unix:/run/dnstap.sock', 'connect ENOENT');
  reportDnstapReader(limiter, 'unix:/run/dnstap.sock', null);
  expect(lines.map(({ level, message }) => [level, message])).toEqual([
    ['warn', 'the reader of dnstap cannot be reached: its events are dropped'],
    ['info', 'the reader of dnstap is there again'],
  ]);
  expect(lines[0]!.fields).toMatchObject({ reason: 'connect ENOENT', output: 'unix:/run/dnstap.sock' });
});
