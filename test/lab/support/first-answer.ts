// When a server that was just started gives its first answer.
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../../src/base/child-process.ts';

const ASK = join(import.meta.dirname, 'ask-until-answered.mjs');

/**
 * Asks on loopback until an answer comes; `enter` is what runs a command in the server's network.
 * Returns when it came, in milliseconds since 1970.
 */
export async function firstAnswer(enter: readonly string[], port: number): Promise<number> {
  const asker = new Child([...enter, process.execPath, ASK, String(port)]);
  const answeredMs = await asker.until(() => /^(\d+)\n/.exec(asker.stdout)?.[1], 60_000);
  await asker.ended;
  return Number(answeredMs);
}

/** Waits until a process is in a network of its own, and returns what runs a command there. */
export async function networkOf(pid: number): Promise<string[]> {
  const own = readlinkSync('/proc/self/ns/net');
  while (readlinkSync(`/proc/${pid}/ns/net`) === own) await sleep(2);
  return ['nsenter', '-t', String(pid), '--net', '--'];
}
