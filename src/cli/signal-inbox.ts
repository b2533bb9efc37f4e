// Signals from the first moment on: one that comes while the server is still starting waits, instead of ending the process
// as the system would, or opening a debugger to every local user as Node.js would on SIGUSR1. Made by run before
// anything else.

type StopSignal = 'SIGTERM' | 'SIGINT';
type HeededSignal = StopSignal | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';
const HEEDED: readonly HeededSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];

/** What each signal asks for. */
export interface SignalHandlers {
  stop(signal: StopSignal): void;
  reload(): void;
  /** As dnsmasq does on SIGUSR1. */
  logStatistics(signal: HeededSignal): void;
}

export class SignalInbox {
  readonly #waiting: HeededSignal[] = [];
  #handlers: SignalHandlers | null = null;

  constructor() {
    for (const signal of HEEDED) process.on(signal, () => this.#receive(signal));
  }

  /** Hands over what came so far, and everything that comes from now on. */
  deliver(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    for (const signal of this.#waiting.splice(0)) heed(handlers, signal);
  }

  #receive(signal: HeededSignal): void {
    if (this.#handlers !== null) {
      heed(this.#handlers, signal);
      return;
    }
    // Told twice to stop, before there is anything to stop.
    if (isStop(signal) && this.#waiting.some(isStop)) process.exit(0);
    if (!this.#waiting.includes(signal)) this.#waiting.push(signal);
  }
}

function isStop(signal: HeededSignal): signal is StopSignal {
  return signal === 'SIGTERM' || signal === 'SIGINT';
}

function heed(handlers: SignalHandlers, signal: HeededSignal): void {
  if (isStop(signal)) handlers.stop(signal);
  else if (signal === 'SIGHUP') handlers.reload();
  else handlers.logStatistics(signal);
}
