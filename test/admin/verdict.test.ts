import { describe, expect, it } from 'vitest';
import type { UpstreamStatus } from '../../src/admin/admin-source.ts';
import { judge } from '../../src/admin/verdict.ts';
import { EPISODE, UPSTREAM } from './sample-admin.ts';

const READY = { ready: true, reason: '' };
const LOOPED: UpstreamStatus = { ...UPSTREAM, address: EPISODE.upstream, state: 'quarantined' };
const OTHER: UpstreamStatus = { ...UPSTREAM, address: '10.0.0.3:53' };
const CORP: UpstreamStatus = { ...UPSTREAM, address: '10.9.9.9:53', zones: ['corp.example'] };

describe('the verdict', () => {
  it('is healthy when every upstream answers', () => {
    expect(judge(READY, [UPSTREAM], [])).toEqual({
      level: 'good',
      headline: 'Healthy',
      detail: 'The upstream answers; no loop.',
      cure: '',
    });
    expect(judge(READY, [UPSTREAM, OTHER], []).detail).toBe('All 2 upstreams answer; no loop.');
  });

  it.each([
    [['unasked'], 'The upstream was not asked yet'],
    [['unheard'], 'The upstream has not answered yet'],
    [['unasked', 'unasked'], 'No upstream was asked yet'],
    [['unasked', 'unheard'], 'No upstream has answered yet'],
    [['answers', 'unasked'], '1 of 2 upstreams answers, the others have not answered yet'],
    [['answers', 'unheard', 'answers'], '2 of 3 upstreams answer, the others have not answered yet'],
  ] as const)('says "answers" of those alone that were asked: %j', (conditions, detail) => {
    const upstreams = conditions.map((condition) => ({ ...UPSTREAM, condition }));
    expect(judge(READY, upstreams, [])).toMatchObject({ headline: 'Healthy', detail: `${detail}; no loop.` });
  });

  it('is degraded while one answers with errors only', () => {
    const erring = { ...OTHER, condition: 'degraded' as const };
    const verdict = judge(READY, [erring], []);
    expect(verdict).toMatchObject({ level: 'warning', headline: 'Degraded' });
    expect(verdict.detail).toBe('10.0.0.3:53 answers with errors only.');
    expect(verdict.cure).toContain('its log');
    expect(judge(READY, [UPSTREAM, erring], []).detail).toBe(
      '10.0.0.3:53 answers with errors only. The other one answers.',
    );
  });

  it('names the error, and one that is slow', () => {
    const erring = { ...OTHER, condition: 'degraded' as const, lastError: 'REFUSED' };
    const slow = { ...UPSTREAM, rttMs: 1209.7 };
    expect(judge(READY, [erring], []).detail).toBe('10.0.0.3:53 answers with errors only (REFUSED).');
    const verdict = judge(READY, [slow], []);
    expect(verdict).toMatchObject({ level: 'warning', headline: 'Degraded' });
    expect(verdict.detail).toBe('10.0.0.2:53 is slow (it takes 1.2 s to answer).');
    expect(verdict.cure).toContain('makes it slow');
    expect(judge(READY, [{ ...UPSTREAM, rttMs: 900 }], []).headline).toBe('Healthy');
  });

  it('is healthy again once a loop is over', () => {
    expect(judge(READY, [UPSTREAM], [{ ...EPISODE, state: 'closed' }]).headline).toBe('Healthy');
  });

  it('is a contained loop, with its cure, while another upstream answers', () => {
    const verdict = judge(READY, [LOOPED, UPSTREAM], [EPISODE]);
    expect(verdict).toMatchObject({ level: 'warning', headline: 'Loop contained', cure: EPISODE.cure });
    expect(verdict.detail).toContain('127.0.0.1:5398');
  });

  it.each([
    [['answers', 'unasked'], 'other upstreams answer.'],
    [['unasked'], 'the others have not answered yet.'],
    [['unheard', 'degraded'], 'the others answer with errors only.'],
  ] as const)('says beside a loop what the others did: %j', (conditions, text) => {
    const others = conditions.map((condition) => ({ ...UPSTREAM, condition }));
    expect(judge(READY, [LOOPED, ...others], [EPISODE]).detail).toContain(`out of use; ${text}`);
  });

  it('does not count those of other zones among them', () => {
    const unasked: UpstreamStatus = { ...OTHER, condition: 'unasked' };
    const { detail } = judge(READY, [LOOPED, unasked, CORP], [EPISODE]);
    expect(detail).toContain('the others have not answered yet.');
  });

  it('is a loop, with its cure, when no other upstream is left', () => {
    const verdict = judge({ ready: false, reason: 'looping' }, [LOOPED], [EPISODE]);
    expect(verdict).toMatchObject({ level: 'bad', headline: 'Looping', cure: EPISODE.cure });
    expect(verdict.detail).toContain('any name');
  });

  it('is a loop when the only others are down', () => {
    expect(judge(READY, [LOOPED, { ...OTHER, state: 'down' }], [EPISODE]).headline).toBe('Looping');
  });

  it('keeps zones apart: an upstream that loops in one still serves another', () => {
    const both: UpstreamStatus = { ...LOOPED, zones: ['.', 'corp.example'] };
    const verdict = judge(READY, [both, UPSTREAM], [{ ...EPISODE, zone: 'corp.example' }]);
    expect(verdict).toMatchObject({ level: 'bad', headline: 'Looping' });
    expect(verdict.detail).toContain('names in corp.example');
    expect(judge(READY, [both, CORP], [{ ...EPISODE, zone: 'corp.example' }]).headline).toBe(
      'Loop contained',
    );
  });

  it('says which names have no upstream', () => {
    const down = { ...UPSTREAM, state: 'down' as const };
    expect(judge(READY, [down], [])).toMatchObject({ level: 'bad', headline: 'No upstream answers' });
    expect(judge(READY, [down], []).detail).toContain('any name');
    expect(judge(READY, [down, CORP], []).detail).toContain('names outside corp.example');
    expect(judge(READY, [UPSTREAM, { ...CORP, state: 'down' }], [])).toMatchObject({
      level: 'bad',
      headline: 'No upstream for corp.example',
    });
  });

  it('is no upstream, with the reason, when none is known', () => {
    const verdict = judge({ ready: false, reason: 'no file names one' }, [], []);
    expect(verdict).toMatchObject({ level: 'bad', headline: 'No upstream' });
    expect(verdict.detail).toContain('no file names one');
    expect(verdict.cure).toContain('unloop doctor');
  });

  it('names the upstreams that are down while others answer', () => {
    const down: UpstreamStatus = { ...OTHER, state: 'down', lastError: 'network unreachable' };
    const verdict = judge(READY, [UPSTREAM, down], []);
    expect(verdict).toMatchObject({ level: 'warning', headline: 'Degraded' });
    expect(verdict.detail).toBe('10.0.0.3:53 is down (network unreachable). The other one answers.');
    expect(judge(READY, [UPSTREAM, { ...CORP, condition: 'unasked' }, down], []).detail).toBe(
      '10.0.0.3:53 is down (network unreachable). Of the 2 others 1 answers.',
    );
    expect(judge(READY, [down], []).detail).toContain('(10.0.0.3:53: network unreachable)');
  });

  it('says why it is not ready', () => {
    expect(judge({ ready: false, reason: 'draining' }, [UPSTREAM], [])).toMatchObject({
      level: 'warning',
      headline: 'Not ready',
      detail: 'Draining.',
    });
  });
});
