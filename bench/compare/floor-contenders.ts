// The floors of the comparison: C programs that only move datagrams.
import { type Contender, firstMatch } from './contender.ts';
import { compileFloor } from './floor-programs.ts';
import { rateKeysOf } from './scenarios.ts';

export const answerFloor: Contender = {
  key: 'floor-answer',
  title: 'C floor, echo',
  kind: 'floor',
  scenarios: ['cached', 'cached-opt', 'latency', ...rateKeysOf('floor-answer')],
  version: compilerVersion,
  launch: ({ port, floors }) => ({ command: floors.answer, args: [String(port)] }),
};

export const forwardFloor: Contender = {
  key: 'floor-forward',
  title: 'C floor, forwarding',
  kind: 'floor',
  scenarios: ['forwarded', ...rateKeysOf('floor-forward')],
  version: compilerVersion,
  launch: ({ port, upstreamPort, floors }) => ({
    command: floors.forward,
    args: [String(port), String(upstreamPort)],
  }),
};

/** What batches are worth: the floors with fewer or more datagrams in a system call. */
export const floorBatches: readonly Contender[] = [1, 4, 16, 128].flatMap((batch) => [
  {
    ...answerFloor,
    key: `floor-answer-${batch}`,
    title: `C floor, echo, batches of ${batch}`,
    variant: true,
    onDemand: true,
    scenarios: ['cached'],
    launch: ({ port, folder }) => ({ command: compileFloor('answer', folder, batch), args: [String(port)] }),
  },
  {
    ...forwardFloor,
    key: `floor-forward-${batch}`,
    title: `C floor, forwarding, batches of ${batch}`,
    variant: true,
    onDemand: true,
    launch: ({ port, upstreamPort, folder }) => ({
      command: compileFloor('forward', folder, batch),
      args: [String(port), String(upstreamPort)],
    }),
  },
]);

function compilerVersion(): string | null {
  return firstMatch(process.env.CC ?? 'cc', ['--version'], /(\d+\.\d+\S*)/);
}
