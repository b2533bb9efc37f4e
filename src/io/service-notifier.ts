// Tells systemd how the service is (sd_notify(3), Type=notify): ready, reloading, stopping, alive.
// Made by cli/serve. Without $NOTIFY_SOCKET every call does nothing. node:dgram knows no Unix
// sockets: the addon sends, or the program systemd-notify.
import { spawnSync } from 'node:child_process';
import { getSystemErrorName } from 'node:util';
import { nativeAddon } from './native-addon.ts';

/** Until systemd-notify, where the addon is absent, is given up. */
const SPAWN_TIMEOUT_MS = 2000;

export class ServiceNotifier {
  readonly #path: string;
  /** How often systemd wants a sign of life, ms; 0: never. */
  readonly watchdogMs: number;
  /** Why the last notice could not be sent; '' when it was. */
  lastError = '';

  constructor(environment: NodeJS.ProcessEnv = process.env, pid = process.pid) {
    this.#path = environment.NOTIFY_SOCKET ?? '';
    const forUs = environment.WATCHDOG_PID === undefined || Number(environment.WATCHDOG_PID) === pid;
    const watchdogMs = Number(environment.WATCHDOG_USEC ?? 0) / 1000;
    this.watchdogMs = this.#path !== '' && forUs && watchdogMs > 0 ? watchdogMs : 0;
  }

  /** `status` is what `systemctl status` shows. */
  ready(status: string): void {
    this.#send(['READY=1', `STATUS=${oneLine(status)}`]);
  }

  /** Between this and the next ready() the service reloads. */
  reloading(): void {
    // Type=notify-reload wants to know when: systemd and hrtime share CLOCK_MONOTONIC.
    this.#send(['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]);
  }

  stopping(): void {
    this.#send(['STOPPING=1', 'STATUS=Finishing what is in flight']);
  }

  /** A sign of life: due before watchdogMs is over. */
  alive(): void {
    this.#send(['WATCHDOG=1']);
  }

  #send(lines: readonly string[]): void {
    if (this.#path === '') return;
    const addon = nativeAddon();
    if (addon !== null) {
      const result = addon.notify(this.#path, lines.join('\n'));
      this.lastError = result === 0 ? '' : getSystemErrorName(result);
      return;
    }
    const { error, status } = spawnSync('systemd-notify', [...lines], {
      env: { ...process.env, NOTIFY_SOCKET: this.#path },
      stdio: 'ignore',
      timeout: SPAWN_TIMEOUT_MS,
    });
    this.lastError = error === undefined ? (status === 0 ? '' : `systemd-notify: ${status}`) : error.message;
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
