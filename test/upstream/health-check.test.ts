// One check of one upstream, over an exchange that is scripted.
import { beforeEach, describe, expect, it } from 'vitest';
import { FailureReason, type UpstreamQuery } from '../../src/upstream/exchange.ts';
import { HealthCheck } from '../../src/upstream/health-check.ts';
import type { Upstream, UpstreamSpec } from '../../src/upstream/upstream.ts';

/** Sends nothing; the test says what comes of it. */
class ScriptedUpstream {
  lastError = '';
  readonly sent: boolean[] = [];
  closed = 0;
  canceled = 0;
  query: UpstreamQuery | null = null;

  send(query: UpstreamQuery, overStream: boolean): void {
    this.query = query;
    query.exchange = this as never;
    this.sent.push(overStream);
  }

  cancel(): void {
    this.canceled++;
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

const SPEC = {} as UpstreamSpec;
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

let upstream: ScriptedUpstream;
let outcomes: (string | null)[];
let check: HealthCheck;

beforeEach(async () => {
  upstream = new ScriptedUpstream();
  outcomes = [];
  check = new HealthCheck(new Uint8Array(17), 1000, (_, failure) => outcomes.push(failure));
  await check.begin(SPEC, async () => upstream as unknown as Upstream);
});

const fail = (reason: FailureReason, error = '') => {
  upstream.lastError = error;
  check.onFailure(upstream.query!, reason);
};

describe('a check', () => {
  it('succeeds with any reply, and closes the connection that it opened', async () => {
    expect(check.onReply()).toBe(true);
    await nextTurn();
    expect([outcomes, upstream.closed]).toEqual([[''], 1]);
  });

  it.each<[FailureReason, string, string | null]>([
    [FailureReason.unreachable, '', 'unreachable'],
    [FailureReason.tls, 'the certificate has expired', 'the certificate has expired'],
    [FailureReason.unreachable, 'EXYZ', 'unreachable: EXYZ'],
    // No socket here says nothing about the server.
    [FailureReason.overload, 'EMFILE', null],
  ])('that fails for reason %d (%j) says: %j', (reason, error, said) => {
    fail(reason, error);
    expect(outcomes).toEqual([said]);
  });

  it('fails with the cause when no connection could be opened', async () => {
    const other = new HealthCheck(new Uint8Array(17), 0, (_, failure) => outcomes.push(failure));
    await other.begin(SPEC, async () => {
      throw new Error('no route');
    });
    expect(outcomes).toEqual(['no route']);
  });

  it('has one outcome, whatever comes later', () => {
    check.onReply();
    fail(FailureReason.closed);
    check.end();
    expect(outcomes).toEqual(['']);
  });

  it('that was ended has no outcome, and its query is canceled', async () => {
    check.end();
    check.onReply();
    fail(FailureReason.closed);
    await nextTurn();
    expect([outcomes, upstream.canceled, upstream.closed]).toEqual([[], 1, 1]);
  });

  it('that ended before its connection was open sends nothing, and closes it', async () => {
    const late = new ScriptedUpstream();
    const ended = new HealthCheck(new Uint8Array(17), 0, () => {});
    const begun = ended.begin(SPEC, async () => late as unknown as Upstream);
    ended.end();
    await begun;
    await nextTurn();
    expect(late.sent).toEqual([]);
    expect(late.closed).toBe(1);
  });
});

describe('after suspicious replies by datagram', () => {
  beforeEach(() => check.onSuspicious(upstream.query!));

  it('asks over TCP, once', () => {
    check.onSuspicious(upstream.query!);
    expect(upstream.sent).toEqual([false, true]);
  });

  it('goes back to datagrams when there is no TCP, which is no fault', () => {
    fail(FailureReason.unreachable);
    expect([outcomes, upstream.sent]).toEqual([[], [false, true, false]]);
    check.onSuspicious(upstream.query!);
    expect(upstream.sent).toHaveLength(3);
    fail(FailureReason.unreachable);
    expect(outcomes).toEqual(['unreachable']);
  });
});
