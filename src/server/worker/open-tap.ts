// Opens dnstap for one worker, if the configuration says so. What only few want is loaded by those
// only. Called by data-plane, at start.
import { readVersion } from '../../base/version.ts';
import type { Config } from '../../config/config.ts';
import type { DnstapTarget, ReaderReport } from '../../dnstap/dnstap-output.ts';
import type { DnstapTap } from '../../dnstap/dnstap-tap.ts';
import type { Counters } from '../../metrics/counters.ts';

/** Null: it is off. */
export async function openTap(
  { dnstap }: Config,
  counters: Counters,
  report: ReaderReport,
): Promise<DnstapTap | null> {
  const { output, messages, identity } = dnstap;
  if (output === '') return null;
  const { DnstapOutput } = await import('../../dnstap/dnstap-output.ts');
  const { DnstapTap } = await import('../../dnstap/dnstap-tap.ts');
  return new DnstapTap({
    output: new DnstapOutput(targetOf(output), counters, report),
    clients: messages.includes('client'),
    forwarder: messages.includes('forwarder'),
    identity,
    version: `unloop ${readVersion()}`,
  });
}

/** `unix:/PATH` or `tcp:HOST:PORT`, known to be valid; an IPv6 address is in brackets. */
export function targetOf(output: string): DnstapTarget {
  if (output.startsWith('unix:')) return { path: output.slice('unix:'.length) };
  const colon = output.lastIndexOf(':');
  const host = output.slice('tcp:'.length, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(output.slice(colon + 1)) };
}
