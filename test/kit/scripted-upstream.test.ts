import { expect, it, onTestFinished } from 'vitest';
import { answer } from './answers.ts';
import { askUdp } from './dns-client.ts';
import { startScriptedUpstream } from './scripted-upstream.ts';

it('counts names that were asked, without repetitions and health checks', async () => {
  const upstream = await startScriptedUpstream((query) => answer(query));
  onTestFinished(() => upstream.close());
  let reached = false;
  void upstream.receivedNames(2).then(() => {
    reached = true;
  });
  for (const name of ['a.example', 'A.example', '.']) await askUdp(upstream.port, { name });
  expect(reached).toBe(false);
  await askUdp(upstream.port, { name: 'b.example' });
  expect(reached).toBe(true);
});
