// A requirement: what an RFC asks of a forwarder, as one function over any forwarder that can be
// asked. The tests run these against unloop, the laboratory against unloop and its peers.
import type { Forwarder } from './forwarder.ts';
import { Shortfall } from './shortfall.ts';
import type { Stage, Zone } from './stage.ts';
import { stoodStillSince } from './standstills.ts';
import { pause, TRANSPORTS, type Transport, Trial } from './trial.ts';

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

/** '' : as required; else what was seen. */
export type Outcome = string;

/** Whether the requirement can be put to this forwarder at all. */
export function applies(requirement: Requirement, forwarder: Forwarder, transport: Transport): boolean {
  const { only, zone } = requirement;
  return (only === undefined || only === transport) && (zone === undefined || forwarder.zones.includes(zone));
}

/** So many requirements are begun a second: all at once they would be a load test. */
const BEGUN_PER_SECOND = 100;

export interface Result {
  readonly requirement: Requirement;
  readonly forwarder: Forwarder;
  readonly transport: Transport;
  readonly outcome: Outcome;
}

/** Puts all requirements that apply to all forwarders, over both transports, side by side. */
export async function putAll(
  requirements: readonly Requirement[],
  forwarders: readonly Forwarder[],
  stage: Stage,
  isLiteral: (forwarder: Forwarder) => boolean,
): Promise<Result[]> {
  await warmUp(forwarders, stage);
  const results: Promise<Result>[] = [];
  const gates = new Map(forwarders.map((forwarder) => [forwarder, new Gate(forwarder.tcpAtOnce)]));
  for (const requirement of requirements) {
    for (const forwarder of forwarders) {
      for (const transport of TRANSPORTS) {
        if (!applies(requirement, forwarder, transport)) continue;
        const startMs = (results.length * 1000) / BEGUN_PER_SECOND;
        const gate = gates.get(forwarder)!;
        const result = async (): Promise<Result> => {
          await pause(startMs);
          if (transport === 'TCP') await gate.enter();
          const outcome = await put(requirement, forwarder, transport, stage, isLiteral(forwarder));
          if (transport === 'TCP') gate.leave();
          return { requirement, forwarder, transport, outcome };
        };
        results.push(result());
      }
    }
  }
  return Promise.all(results);
}

/** Lets so many in at once. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places = Number.POSITIVE_INFINITY) {
    this.#free = places;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

/** Programs are slow before they have done a thing a few times, and a slow one sends twice. */
async function warmUp(forwarders: readonly Forwarder[], stage: Stage): Promise<void> {
  const trials = forwarders.flatMap((forwarder) =>
    TRANSPORTS.map((transport) => new Trial(forwarder, transport, stage)),
  );
  const asked = trials.map(async (trial) => {
    const { name } = trial.domain();
    try {
      for (let i = 0; i < 20; i++) await trial.ask({ name: `n${i}.${name}` });
    } catch {
      // One that does not answer need not be warm.
    }
    trial.close();
  });
  await Promise.all(asked);
}

/** How often a requirement is put where this process stands still meanwhile. */
const MOST_PUT = 4;

/**
 * Puts one requirement to a forwarder. `literal`: even where unloop does otherwise on purpose. A
 * shortfall counts if this process did not stand still meanwhile, or was seen each time. One that
 * is not seen again is printed: a fault that comes and goes must not stay hidden.
 */
export async function put(
  requirement: Requirement,
  forwarder: Forwarder,
  transport: Transport,
  stage: Stage,
  literal = false,
): Promise<Outcome> {
  let earlier: Outcome = '';
  for (let times = 1; ; times++) {
    const startMs = performance.now();
    const outcome = await putOnce(requirement, forwarder, transport, stage, literal);
    if (outcome === '' && earlier !== '') {
      const { section, text } = requirement;
      console.log(`${forwarder.name}, ${transport}, ${section}: ${text}: ${earlier}; not seen again`);
    }
    if (outcome === '' || times === MOST_PUT || !stoodStillSince(startMs)) return outcome;
    earlier = outcome;
  }
}

async function putOnce(
  requirement: Requirement,
  forwarder: Forwarder,
  transport: Transport,
  stage: Stage,
  literal: boolean,
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
