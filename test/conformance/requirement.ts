// A requirement: what an RFC asks of a forwarder, as one function over any forwarder that can be asked. The tests run these against
// unloop, the laboratory against unloop and its peers.
import type { Forwarder } from './forwarder.ts';
import type { Stage, Zone } from './stage.ts';
import { type Transport, Trial } from './trial.ts';

export interface Requirement {
  /** 'RFC 6891 §6.1.1' */
  readonly section: string;
  /** What is asked, in words; with `section` the name of the test. */
  readonly text: string;
  /** Where it says something of one transport only. */
  readonly only?: Transport;
  /** The zone that the forwarder must have been given for it. */
  readonly zone?: Zone;
  /** Throws Shortfall when the forwarder does otherwise. */
  readonly check: (trial: Trial) => Promise<void>;
  /** Where unloop does otherwise on purpose: what it does, why, and the test of that. */
  readonly deliberately?: {
    readonly does: string;
    readonly why: string;
    readonly check: (trial: Trial) => Promise<void>;
  };
}

/** What a forwarder did otherwise, in a few words: "no answer". */
export class Shortfall extends Error {}

/** Throws when it is not so; `seen` says what was seen instead. */
export function must(isSo: boolean, seen: string): asserts isSo {
  if (!isSo) throw new Shortfall(seen);
}

/** '' : as required; else what was seen. */
export type Outcome = string;

/** Whether the requirement can be put to this forwarder at all. */
export function applies(requirement: Requirement, forwarder: Forwarder, transport: Transport): boolean {
  const { only, zone } = requirement;
  return (only === undefined || only === transport) && (zone === undefined || forwarder.zones.includes(zone));
}

/** Puts one requirement to a forwarder. `literal`: even where unloop does otherwise on purpose. */
export async function put(
  requirement: Requirement,
  forwarder: Forwarder,
  transport: Transport,
  stage: Stage,
  literal = false,
): Promise<Outcome> {
  const trial = new Trial(forwarder, transport, stage);
  const { check } = literal ? requirement : (requirement.deliberately ?? requirement);
  try {
    await check(trial);
    return '';
  } catch (error) {
    if (error instanceof Shortfall) return error.message;
    return `error: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    trial.close();
  }
}
