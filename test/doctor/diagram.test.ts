import { describe, expect, it } from 'vitest';
import { drawPaths } from '../../src/doctor/diagram.ts';
import { renderText } from '../../src/doctor/render-text.ts';
import type { Hop, QueryPath, Report } from '../../src/doctor/report.ts';

function hop(server: string, more: Partial<Hop> = {}): Hop {
  return { zone: '.', server, role: '', source: 'f', state: 'ok', next: [], ...more };
}

function path(from: string, ...hops: Hop[]): QueryPath {
  return { kind: 'process', from, hops };
}

describe('the drawing', () => {
  it('goes from left to right, branches below one another', () => {
    const stub = hop('127.0.0.53', {
      role: 'stub',
      next: [hop('10.0.0.2'), hop('10.0.0.3', { next: [hop('a')] }), hop('b', { zone: 'corp.example' })],
    });
    expect(
      drawPaths([path('here', stub, hop('10.0.0.4')), path('a pod', hop('127.0.0.1', { state: 'loops' }))]),
    ).toEqual([
      'here  ─┬▶ 127.0.0.53 stub ─┬▶ 10.0.0.2',
      '       │                   ├▶ 10.0.0.3 ──▶ a',
      '       │                   └▶ corp.example: b',
      '       └▶ 10.0.0.4',
      'a pod ──▶ 127.0.0.1 ⟲',
    ]);
  });

  it('shows where a query ends', () => {
    expect(drawPaths([path('x', hop('a', { state: 'dead' }), hop('b', { state: 'unknown' }))])).toEqual([
      'x ─┬▶ a ✗ nobody listens',
      '   └▶ b ──▶ ?',
    ]);
    expect(drawPaths([path('x')])).toEqual(['x ──▶ nobody']);
  });

  it('is drawn from top to bottom where it would be too wide', () => {
    const long = 'server-'.repeat(8);
    const lines = drawPaths([path('x', hop(`${long}1`, { next: [hop(`${long}2`), hop('y')] }), hop('z'))]);
    expect(lines).toEqual(['x', `├▶ ${long}1`, `│  ├▶ ${long}2`, '│  └▶ y', '└▶ z']);
  });
});

describe('the page', () => {
  const report: Report = {
    verdict: 'wouldLoop',
    exitCode: 1,
    summary: 'would loop',
    root: '/',
    paths: [path('x', hop('127.0.0.1', { state: 'wouldLoop' }))],
    findings: [
      { severity: 'risk', code: 'pod-would-loop', message: `why ${'word '.repeat(60)}end`, cures: [] },
    ],
    probes: [
      {
        server: '10.0.0.2',
        outcome: 'answered',
        rttMs: 1.2,
        rcode: 'NOERROR',
        answersNewNames: true,
        extendedError: '',
      },
      {
        server: '127.0.0.1',
        outcome: 'refused',
        rttMs: 0,
        rcode: '',
        answersNewNames: false,
        extendedError: '',
      },
    ],
  };

  it('says the same with and without colors', () => {
    const plain = renderText(report, false);
    const colored = renderText(report, true);
    expect(colored).not.toBe(plain);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is looked for
    expect(colored.replace(/\x1b\[[\d;]*m/g, '')).toBe(plain);
  });

  it('wraps what is long, and lists the answers', () => {
    const lines = renderText(report, false).split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    expect(lines).toContain('asked        10.0.0.2: NOERROR in 1.2 ms, new names too');
    expect(lines).toContain('             127.0.0.1: nobody listens');
  });
});
