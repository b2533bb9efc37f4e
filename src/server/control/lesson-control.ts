// Which servers are asked without a mark (upstream/marks.ts), for all names. Workers report
// stumbles. Here the server is asked questions of our own; a mark is given up only if these show
// the same, and unrelated names do. Main thread.
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { LESSON_SECONDS, MARK_NAMES } from '../../upstream/marks.ts';
import { askOwnQuestions, findingOf, OWN_NAMES } from '../../upstream/own-questions.ts';
import { isShown, ServerEvidence } from '../../upstream/server-lessons.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import type { UpstreamSpec } from '../../upstream/upstream.ts';
import type { MainUpstreams } from './main-upstreams.ts';

/** Pause between two inquiries at one server, ms; doubled after each that showed nothing. */
const PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 600_000;

const EXPLANATIONS: Readonly<Record<(typeof MARK_NAMES)[number], string>> = {
  case: 'does not handle upper-case letters in names: it is asked in lower case, which makes forging easier',
  options: 'does not handle EDNS options that it does not know: it is asked without the loop tag',
  edns: 'does not handle EDNS: it is asked without, so DNSSEC does not work through it',
};

/** What was learned about a server, as /upstreams shows it. */
export interface Lesson {
  readonly what: (typeof MARK_NAMES)[number];
  /** ISO 8601, wall clock. */
  readonly since: string;
  readonly until: string;
}

/** What is known of one server. */
class KnownServer {
  readonly evidence = new ServerEvidence();
  /** By mark: since when and until when it is given up, wall clock, ms. */
  readonly lessons = new Map<number, { sinceMs: number; untilMs: number }>();
  /** Whose lessons these are: a slot may be given to another upstream. */
  readonly key: string;
  asking = false;
  nextMs = 0;
  pauseMs = PAUSE_MS;

  constructor(key: string) {
    this.key = key;
  }
}

export interface LessonControlOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly state: SharedUpstreamState;
  readonly upstreams: MainUpstreams;
}

export class LessonControl {
  readonly #options: LessonControlOptions;
  readonly #servers = new Map<number, KnownServer>();

  constructor(options: LessonControlOptions) {
    this.#options = options;
  }

  /** A worker's question for a name of `domain` met with a stumble. */
  async stumbled(spec: UpstreamSpec, marks: number, domain: string): Promise<void> {
    const { clock, state } = this.#options;
    const server = this.#serverOf(spec);
    const nowMs = clock.refresh();
    const unknown = marks & ~state.learned(spec.slot, nowMs);
    server.evidence.note(unknown, domain, nowMs);
    if (unknown === 0 || server.asking || nowMs < server.nextMs) return;
    server.asking = true;
    server.nextMs = nowMs + server.pauseMs;
    const learned = await this.#inquire(spec, server);
    server.asking = false;
    server.pauseMs = learned ? PAUSE_MS : Math.min(MAX_PAUSE_MS, server.pauseMs * 2);
  }

  /** What is given up for a server now. */
  lessons(spec: UpstreamSpec): Lesson[] {
    const server = this.#servers.get(spec.slot);
    if (server === undefined || server.key !== spec.key) return [];
    return [...server.lessons]
      .filter(([, { untilMs }]) => untilMs > Date.now())
      .map(([bit, { sinceMs, untilMs }]) => ({
        what: MARK_NAMES[bit]!,
        since: new Date(sinceMs).toISOString(),
        until: new Date(untilMs).toISOString(),
      }));
  }

  #serverOf(spec: UpstreamSpec): KnownServer {
    let server = this.#servers.get(spec.slot);
    if (server?.key !== spec.key) {
      server = new KnownServer(spec.key);
      this.#servers.set(spec.slot, server);
    }
    return server;
  }

  /** Asks our own questions; returns whether anything was learned from them. */
  async #inquire(spec: UpstreamSpec, server: KnownServer): Promise<boolean> {
    const { clock, state, upstreams } = this.#options;
    const upstream = await upstreams.get(spec).catch(() => null);
    if (upstream === null) return false;
    const replies = await Promise.all(OWN_NAMES.map((name) => askOwnQuestions(upstream, name)));
    const nowMs = clock.refresh();
    // The slot may be another server's by now.
    if (this.#servers.get(spec.slot) !== server) return false;
    let learned = 0;
    for (const bit of MARK_NAMES.keys()) {
      const domains = server.evidence.count(bit, nowMs);
      const own = replies.map((reply) => findingOf((1 << bit) as 1 | 2 | 4, reply));
      if (domains > 0 && isShown(domains, own)) learned |= 1 << bit;
    }
    if (learned !== 0) state.learn(spec.slot, learned, nowMs);
    for (const bit of MARK_NAMES.keys()) if ((learned & (1 << bit)) !== 0) this.#note(spec, server, bit);
    return learned !== 0;
  }

  #note(spec: UpstreamSpec, server: KnownServer, bit: number): void {
    const nowMs = Date.now();
    const known = server.lessons.get(bit);
    server.lessons.set(bit, { sinceMs: known?.sinceMs ?? nowMs, untilMs: nowMs + LESSON_SECONDS * 1000 });
    // Once for each server and mark: when it expires and is learned again, that is not worth a
    // line.
    if (known !== undefined) return;
    const what = MARK_NAMES[bit]!;
    const fields = { upstream: spec.text, what, minutes: LESSON_SECONDS / 60 };
    this.#options.log.warn(fields, `upstream ${spec.text} ${EXPLANATIONS[what]}`);
  }
}
