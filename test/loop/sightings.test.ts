import { describe, expect, it } from 'vitest';
import { MAX_ROUTES } from '../../src/base/slots.ts';
import { Evidence } from '../../src/loop/evidence.ts';
import {
  REPETITION_LIMIT,
  REPORT_INTERVAL_MS,
  RepetitionDetector,
  SightingLog,
  Suspicion,
  SuspicionGate,
} from '../../src/loop/sightings.ts';

describe('sighting log', () => {
  it('keeps every route and every kind of evidence apart, the unknown route too', () => {
    const log = new SightingLog();
    const all: { route: number; evidence: Evidence; nonce: number }[] = [];
    for (let route = -1; route < MAX_ROUTES; route++) {
      for (const evidence of Object.values(Evidence)) all.push({ route, evidence, nonce: all.length });
    }
    for (const { route, evidence, nonce } of all) log.note(route, evidence, true, nonce, 0);
    expect(log.drain(0)).toEqual(all.map((one) => ({ ...one, certain: true, count: 1, peer: '' })));
    expect(log.drain(0)).toEqual([]);
    // And begins again.
    for (const { route, evidence } of all) log.note(route, evidence, false, 7, 0);
    expect(log.drain(0)).toEqual(
      all.map((one) => ({ ...one, nonce: 7, certain: false, count: 1, peer: '' })),
    );
  });

  it('reports the first sighting at once, and gathers what follows', () => {
    const log = new SightingLog();
    expect(log.isDue(1000)).toBe(false);
    expect(log.note(5, Evidence.edns, true, 0, 1000)).toBe(true);
    log.notePeer('10.0.0.9');
    expect(log.drain(1000)).toEqual([
      { route: 5, evidence: Evidence.edns, certain: true, count: 1, peer: '10.0.0.9', nonce: 0 },
    ]);
    for (let i = 0; i < 10_000; i++) {
      expect(log.note(5, Evidence.edns, i === 77, 0, 1000 + i / 1000)).toBe(false);
    }
    log.note(6, Evidence.probe, true, 42, 1050);
    log.note(-1, Evidence.hops, false, 0, 1060);
    expect(log.isDue(1000 + REPORT_INTERVAL_MS - 1)).toBe(false);
    expect(log.isDue(1000 + REPORT_INTERVAL_MS)).toBe(true);
    expect(log.drain(1100)).toEqual([
      { route: 5, evidence: Evidence.edns, certain: true, count: 10_000, peer: '', nonce: 0 },
      { route: 6, evidence: Evidence.probe, certain: true, count: 1, peer: '', nonce: 42 },
      { route: -1, evidence: Evidence.hops, certain: false, count: 1, peer: '', nonce: 0 },
    ]);
    expect(log.drain(1200)).toEqual([]);
    expect(log.isDue(5000)).toBe(false);
  });

  it('does not carry proof from one report into the next', () => {
    const log = new SightingLog();
    log.note(5, Evidence.edns, true, 0, 0);
    log.drain(0);
    log.note(5, Evidence.edns, false, 0, 200);
    expect(log.drain(200)[0]).toMatchObject({ certain: false, count: 1 });
  });
});

describe('suspicion gate', () => {
  it('lets one suspicion per route and 50 ms through', () => {
    const gate = new SuspicionGate();
    const let1 = [1000, 1025, 1049, 1050, 1075].map((nowMs) => gate.suspect(3, Suspicion.caseLetters, nowMs));
    expect(let1).toEqual([true, false, false, true, false]);
    expect(gate.suspect(4, Suspicion.repetition, 1075)).toBe(true);
    expect([1075, 1080].map((nowMs) => gate.suspect(-1, Suspicion.upstreamAsks, nowMs))).toEqual([
      true,
      false,
    ]);
    expect(gate.suspect(0, Suspicion.upstreamAsks, 1080)).toBe(true);
  });

  it('does not let a weak suspicion hold back a strong one', () => {
    const gate = new SuspicionGate();
    expect(gate.suspect(3, Suspicion.askedAgain, 1000)).toBe(true);
    expect(gate.suspect(3, Suspicion.unanswered, 1001)).toBe(true);
    expect(gate.suspect(3, Suspicion.askedAgain, 1002)).toBe(false);
    expect(gate.suspect(3, Suspicion.upstreamAsks, 1003)).toBe(false);
  });

  it('lets the last route and "no route in particular" through one after the other', () => {
    const gate = new SuspicionGate();
    for (const route of [-1, 0, MAX_ROUTES - 1]) {
      expect([0, 0, 49, 50].map((nowMs) => gate.suspect(route, Suspicion.upstreamAsks, nowMs))).toEqual([
        true,
        false,
        false,
        true,
      ]);
    }
  });
});

describe('repetition detector', () => {
  const observe = (detector: RepetitionDetector, times: number, stepMs: number, address = 7): number => {
    let alarms = 0;
    for (let i = 0; i < times; i++) if (detector.observe(0x1234567, address, 10_000 + i * stepMs)) alarms++;
    return alarms;
  };

  it('notices a question that comes again and again within a second', () => {
    expect(observe(new RepetitionDetector(), REPETITION_LIMIT, 1)).toBe(0);
    expect(observe(new RepetitionDetector(), REPETITION_LIMIT + 1, 1)).toBe(1);
  });

  it('starts counting again after an alarm, and after a second', () => {
    const often = new RepetitionDetector();
    expect(observe(often, REPETITION_LIMIT + 1, 1)).toBe(1);
    // As often again until the next, the alarm's own place counted.
    expect(observe(often, REPETITION_LIMIT, 1)).toBe(0);
    expect(observe(often, 1, 1)).toBe(1);
    const slow = new RepetitionDetector();
    const at = (nowMs: number): boolean => slow.observe(1, 2, nowMs);
    for (let i = 0; i < REPETITION_LIMIT; i++) expect(at(10_000)).toBe(false);
    expect(at(11_001)).toBe(false); // a new second, and the first in it
    for (let i = 1; i < REPETITION_LIMIT; i++) expect(at(12_001)).toBe(false);
    expect(at(12_001)).toBe(true);
  });

  it('ignores a client that retries, however long', () => {
    expect(observe(new RepetitionDetector(), 1000, 100)).toBe(0);
  });

  it('does not add up different clients', () => {
    const detector = new RepetitionDetector();
    let alarms = 0;
    for (let address = 0; address < 500; address++) alarms += observe(detector, 3, 1, address);
    expect(alarms).toBe(0);
  });

  it('stays silent in a flood of different questions, with fixed memory', () => {
    const detector = new RepetitionDetector();
    let alarms = 0;
    for (let i = 0; i < 200_000; i++) if (detector.observe(Math.imul(i, 0x2545f491), 7, 10_000)) alarms++;
    expect(alarms).toBe(0);
  });
});
