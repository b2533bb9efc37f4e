// What every scenario's run shares: who takes part, the upstream, where files go, and where
// measurements end up.
import { type Contender, type Needs, takesPart } from './contender.ts';
import type { FloorPrograms } from './floor-programs.ts';
import type { CompareOptions } from './options.ts';
import type { Measurement } from './report.ts';
import { type RunningServer, startServer } from './server-process.ts';

/** What a server or a tool complains may be long. */
const MAX_NOTE_LENGTH = 400;

export class Bench {
  readonly options: CompareOptions;
  readonly contenders: readonly Contender[];
  readonly workFolder: string;
  readonly measurements: Measurement[] = [];
  /** What went wrong or was left out, for the reader of the results. */
  readonly notes: string[] = [];
  readonly #upstreamPort: number;
  readonly #floors: FloorPrograms;

  constructor(
    options: CompareOptions,
    contenders: readonly Contender[],
    workFolder: string,
    upstreamPort: number,
    floors: FloorPrograms,
  ) {
    this.options = options;
    this.contenders = contenders;
    this.workFolder = workFolder;
    this.#upstreamPort = upstreamPort;
    this.#floors = floors;
  }

  /** Starts one contender. */
  start(contender: Contender, needs: Needs): Promise<RunningServer> {
    return startServer(contender, {
      ...needs,
      upstreamPort: this.#upstreamPort,
      workFolder: this.workFolder,
      floors: this.#floors,
    });
  }

  /** Those that take part in a scenario. */
  contendersIn(scenario: string): Contender[] {
    return this.contenders.filter((contender) => takesPart(contender, scenario));
  }

  /** Starts all that take part; one that does not start is noted and left out. */
  async startAll(scenario: string, needs: Needs): Promise<RunningServer[]> {
    const running: RunningServer[] = [];
    for (const contender of this.contendersIn(scenario)) {
      const server = await this.startOrNote(contender, scenario, needs);
      if (server !== null) running.push(server);
    }
    return running;
  }

  /** Null where it does not start, which is noted. */
  async startOrNote(contender: Contender, scenario: string, needs: Needs): Promise<RunningServer | null> {
    try {
      return await this.start(contender, needs);
    } catch (error) {
      this.note(scenario, contender, (error as Error).message);
      return null;
    }
  }

  record(scenario: string, contender: Contender, round: number, values: Measurement['values']): void {
    this.measurements.push({ scenario, contender: contender.key, round, values });
    const texts = Object.entries(values).map(([name, value]) => `${name} ${Number(value.toFixed(2))}`);
    console.error(`  ${scenario}, round ${round + 1}, ${contender.title}: ${texts.join(', ')}`);
  }

  /** A scenario ended before its time. */
  noteFailure(scenario: string, error: unknown): void {
    this.#add(`${scenario}: ${error instanceof Error ? error.message : String(error)}`);
  }

  noteAboutPeers(text: string): void {
    this.#add(`peers: ${text}`);
  }

  note(scenario: string, contender: Contender, text: string): void {
    this.#add(`${scenario}, ${contender.title}: ${text}`);
  }

  #add(text: string): void {
    const note = text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_NOTE_LENGTH);
    if (this.notes.includes(note)) return;
    this.notes.push(note);
    console.error(`  note: ${note}`);
  }
}

/**
 * Everybody's turn, beginning with another one each round: no place in the order is the warm or the
 * noisy one for long.
 */
export function turnsOf<T>(all: readonly T[], round: number): T[] {
  const first = all.length === 0 ? 0 : round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}
