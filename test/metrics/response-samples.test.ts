import { expect, it } from 'vitest';
import { Counters, CounterTotals, createCounterBlock, RCODE_SLOTS } from '../../src/metrics/counters.ts';
import { rcodeLabel, responseSamples } from '../../src/metrics/response-samples.ts';

it.each([
  [0, 'NOERROR'],
  [5, 'REFUSED'],
  [11, 'DSOTYPENI'],
  [12, 'RCODE12'],
  [16, 'BADVERS'],
  [23, 'BADCOOKIE'],
  [RCODE_SLOTS - 1, 'other'],
])('slot %d is %s', (slot, label) => {
  expect(rcodeLabel(slot)).toBe(label);
});

it('lists the six usual ones always, and others once there was one', () => {
  const block = createCounterBlock();
  const totals = new CounterTotals();
  totals.add(block);
  const names = () => responseSamples(totals).map(({ labels, value }) => `${labels.rcode} ${value}`);
  const usual = ['NOERROR 0', 'FORMERR 0', 'SERVFAIL 0', 'NXDOMAIN 0', 'NOTIMP 0', 'REFUSED 0'];
  expect(names()).toEqual(usual);
  new Counters(block).response(16);
  new Counters(block).response(4000);
  expect(names()).toEqual([...usual, 'BADVERS 1', 'other 1']);
});
