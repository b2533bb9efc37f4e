import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SignalInbox } from '../../src/cli/signal-inbox.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

let told: string[];
const handlers = {
  stop: (signal: string) => void told.push(`stop ${signal}`),
  reload: () => void told.push('reload'),
  logStatistics: (signal: string) => void told.push(`statistics ${signal}`),
};
/** What others have registered, put back after each test. */
let before: Map<string, NodeJS.SignalsListener[]>;

beforeEach(() => {
  told = [];
  before = new Map(SIGNALS.map((signal) => [signal, process.listeners(signal)]));
  for (const signal of SIGNALS) process.removeAllListeners(signal);
});
afterEach(() => {
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal);
    for (const listener of before.get(signal)!) process.on(signal, listener);
  }
  vi.restoreAllMocks();
});

const receive = (signal: (typeof SIGNALS)[number]) => process.emit(signal, signal);

it('keeps signals that come early, each once', () => {
  const inbox = new SignalInbox();
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGHUP', 'SIGTERM'] as const) receive(signal);
  inbox.deliver(handlers);
  expect(told).toEqual(['reload', 'statistics SIGUSR1', 'stop SIGTERM']);
});

it('passes on what comes later', () => {
  new SignalInbox().deliver(handlers);
  for (const signal of SIGNALS) receive(signal);
  expect(told).toEqual(['stop SIGTERM', 'stop SIGINT', 'reload', 'statistics SIGUSR1', 'statistics SIGUSR2']);
});

it('exits when it is told twice to stop before it has started', () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  new SignalInbox();
  receive('SIGTERM');
  receive('SIGHUP');
  expect(exit).not.toHaveBeenCalled();
  receive('SIGINT');
  expect(exit).toHaveBeenCalledWith(0);
});
