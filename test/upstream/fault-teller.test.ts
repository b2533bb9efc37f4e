import { expect, it } from 'vitest';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { FaultTeller } from '../../src/upstream/fault-teller.ts';

const { tls, unreachable } = FailureReason;

function createTeller() {
  const told: string[] = [];
  return { told, teller: new FaultTeller((_, text) => told.push(text)) };
}

it('reports the same kind once a second', () => {
  const { told, teller } = createTeller();
  teller.note(tls, 'one', 5000);
  teller.note(tls, 'two', 5999);
  expect(told).toEqual(['one']);
  teller.note(tls, 'three', 6000);
  expect(told).toEqual(['one', 'three']);
});

it('reports another kind at once', () => {
  const { told, teller } = createTeller();
  teller.note(tls, 'one', 5000);
  teller.note(unreachable, 'two', 5000);
  teller.note(tls, 'three', 5000);
  expect(told).toEqual(['one', 'two', 'three']);
});

it('keeps the last text, reported or not, even without a listener', () => {
  const teller = new FaultTeller(undefined);
  expect(teller.last).toBe('');
  teller.note(tls, 'one', 5000);
  teller.note(tls, 'two', 5001);
  expect(teller.last).toBe('two');
});
