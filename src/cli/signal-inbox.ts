// Signals from the first moment on: one that comes while the server is still starting waits,
// instead of ending the process as the system would, or opening a debugger to every local user as
// Node.js would on SIGUSR1. Made by run before anything else.

type StopSignal = 'SIGTERM' | 'SIGINT';
type HandledSignal = StopSignal | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';
const HANDLED: readonly HandledSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];

/** What each signal asks for. */
export interface SignalHandlers {
  stop(signal: StopSignal): void;
  reload(): void;
  /** As dnsmasq does on SIGUSR1. */
  logStatistics(signal: HandledSignal): void;
}

export class SignalInbox {
  readonly #waiting: HandledSignal[] = [];
  #handlers: SignalHandlers | null = null;

  constructor() {
    for (const signal of HANDLED) process.on(signal, () => this.#receive(signal));
  }

  /** Hands over what came so far, and everything that comes from now on. */
  deliver(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    for (const signal of this.#waiting.splice(0)) handle(handlers, signal);
  }

  #receive(signal: HandledSignal): void {
    if (this.#handlers !== null) {
      handle(this.#handlers, signal);
      return;
    }
    // Told twice to stop, before there is anything to stop.
    if (isStop(signal) && this.#waiting.some(isStop)) process.exit(0);
    if (!this.#waiting.includes(signal)) this.#waiting.push(signal);
  }
}

function isStop(signal: HandledSignal): signal is StopSignal {
  return signal === 'SIGTERM' || signal === 'SIGINT';
}

function handle(handlers: SignalHandlers, signal: HandledSignal): void {
  if (isStop(signal)) handlers.stop(signal);
  else if (signal === 'SIGHUP') handlers.reload();
  else handlers.logStatistics(signal);
}
