// Signals from the first moment on: a SIGHUP or SIGTERM that comes while the server is still starting waits, instead of
// ending the process as the system would. Made by run before anything else.

type HeededSignal = 'SIGHUP' | 'SIGTERM' | 'SIGINT';
const HEEDED: readonly HeededSignal[] = ['SIGHUP', 'SIGTERM', 'SIGINT'];

export class SignalInbox {
  readonly #waiting: HeededSignal[] = [];
  #heed: ((signal: HeededSignal) => void) | null = null;

  constructor() {
    for (const signal of HEEDED) process.on(signal, () => this.#receive(signal));
  }

  /** Hands over what came so far, and everything that comes from now on. */
  deliver(heed: (signal: HeededSignal) => void): void {
    this.#heed = heed;
    for (const signal of this.#waiting.splice(0)) heed(signal);
  }

  #receive(signal: HeededSignal): void {
    if (this.#heed !== null) {
      this.#heed(signal);
      return;
    }
    // Told twice to stop, before there is anything to stop.
    if (signal !== 'SIGHUP' && this.#waiting.some((other) => other !== 'SIGHUP')) process.exit(0);
    if (!this.#waiting.includes(signal)) this.#waiting.push(signal);
  }
}
