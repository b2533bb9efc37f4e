// When a shortfall counts, and when the requirement is put again.
import { beforeEach, expect, it, vi } from 'vitest';
import type { Forwarder } from './forwarder.ts';
import { put } from './requirement.ts';
import { Shortfall } from './shortfall.ts';
import type { Stage } from './stage.ts';
import { stoodStillSince } from './standstills.ts';

vi.mock('./standstills.ts', () => ({ stoodStillSince: vi.fn() }));

const printed = vi.spyOn(console, 'log');
beforeEach(() => {
  printed.mockReset().mockImplementation(() => {});
});

/** Puts a requirement that falls short so many times, and then no more. */
async function putTo(shortfalls: number, standsStill: boolean) {
  vi.mocked(stoodStillSince).mockReturnValue(standsStill);
  let times = 0;
  const check = () => {
    times++;
    return times > shortfalls ? Promise.resolve() : Promise.reject(new Shortfall(`shortfall ${times}`));
  };
  const requirement = { section: 'RFC 1 §2', text: 'answers', check };
  const outcome = await put(requirement, { name: 'x' } as Forwarder, 'UDP', {} as Stage);
  return { outcome, times };
}

it.each([
  { shortfalls: 0, standsStill: false, outcome: '', times: 1 },
  { shortfalls: 1, standsStill: false, outcome: 'shortfall 1', times: 1 },
  { shortfalls: 1, standsStill: true, outcome: '', times: 2 },
  { shortfalls: 3, standsStill: true, outcome: '', times: 4 },
  { shortfalls: 4, standsStill: true, outcome: 'shortfall 4', times: 4 },
])('$shortfalls shortfalls, standstill $standsStill: put $times times', async (example) => {
  const { shortfalls, standsStill, ...result } = example;
  expect(await putTo(shortfalls, standsStill)).toEqual(result);
});

it('prints a shortfall that is not seen again, and no other', async () => {
  await putTo(1, false);
  await putTo(4, true);
  expect(printed).not.toHaveBeenCalled();
  await putTo(1, true);
  expect(printed.mock.calls).toEqual([['x, UDP, RFC 1 §2: answers: shortfall 1; not seen again']]);
});
