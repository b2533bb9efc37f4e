// What the scenarios of control share: upstreams that are told apart by the address they answer
// with, and waiting.
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Script } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../kit/scripted-upstream.ts';

/** An upstream that answers every A with this address; it ends with the test. */
export async function upstreamSaying(address: string): Promise<ScriptedUpstream> {
  return upstreamDoing((query) => answer(query, { address }));
}

export async function upstreamDoing(script: Script): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream(script);
  onTestFinished(() => upstream.close());
  return upstream;
}

/** Asks until it is so; the test's own time-out is the limit. */
export async function until<T>(ask: () => Promise<T> | T, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isSo(value)) return value;
    await sleep(20);
  }
}

/** No probes: the upstream sees nothing but what clients asked. */
export const QUIET_LOOP = { probe: { onStart: false, interval: '0s' } };
