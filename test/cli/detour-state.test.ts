// What `unloop status` says of the detour, from a stand-in for unloop-detour.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { describeDetour } from '../../src/cli/detour-state.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';

const NOW_MS = 1_800_000_000_000;

async function serve(text: string): Promise<string> {
  const path = join(scratchDirectory(), 'detour');
  const server = createServer((connection) => connection.end(text));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return path;
}

it('says of each address whether it leads here, and since when', async () => {
  const path = await serve(
    `on 10.96.0.10 169.254.20.11 ${NOW_MS - 90_000}\noff fd10:96::a fd75::53 ${NOW_MS - 5000}\n`,
  );
  expect(await describeDetour(path, NOW_MS)).toEqual([
    expect.stringMatching(/^on for .*: what is asked of 10\.96\.0\.10 goes to 169\.254\.20\.11$/),
    expect.stringMatching(/^off for .*: what is asked of fd10:96::a is answered by kube-dns$/),
  ]);
});

it('says that the detour is off where nobody answers, or what answers is something else', async () => {
  expect(await describeDetour(join(scratchDirectory(), 'none'), NOW_MS)).toEqual([
    expect.stringMatching(/^off: unloop-detour does not answer at .*ENOENT/),
  ]);
  expect(await describeDetour(await serve('x'.repeat(10_000)), NOW_MS)).toEqual([
    expect.stringMatching(/^off: .*it is something else/),
  ]);
});
