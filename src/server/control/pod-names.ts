// The names of the pods that ask, where kubernetes.pods has them watched. Owned by the control
// plane, asked by what shows clients to people.
import type { Log } from '../../base/log.ts';
import type { Config } from '../../config/config.ts';
import type { PodWatch } from '../../kubernetes/pod-watch.ts';
import type { PodCounts } from '../../metrics/metrics-snapshot.ts';

type Settings = Config['kubernetes'];

export class PodNames {
  readonly #log: Log;
  readonly #environment: NodeJS.ProcessEnv;
  #watch: PodWatch | null = null;
  #settings: Settings | null = null;
  #closed = false;

  constructor(log: Log, environment: NodeJS.ProcessEnv = process.env) {
    this.#log = log;
    this.#environment = environment;
  }

  /** Null: pods are not watched. */
  get counts(): PodCounts | null {
    if (this.#watch === null) return null;
    const { known, failures, lastOkMs } = this.#watch;
    return { known, failures, lastOkMs };
  }

  /** Begins, goes on, or ends, as the settings say. */
  async follow(settings: Settings): Promise<void> {
    if (this.#watch !== null && JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#stop();
    this.#settings = settings;
    if (!settings.pods) return;
    // Loaded by those only who want it.
    const { PodWatch } = await import('../../kubernetes/pod-watch.ts');
    if (this.#closed) return;
    this.#watch = new PodWatch({
      node: settings.node,
      serviceAccount: settings.serviceAccount,
      environment: this.#environment,
      onFailure: ({ message, remedy }) =>
        this.#log.warn(
          { code: 'pods-unknown', reason: message, remedy },
          'pods cannot be read: clients are shown by address, DNS goes on',
        ),
      onRecovery: () => this.#log.info({}, 'pods can be read again'),
      onFull: (maxPods) => this.#log.warn({ maxPods }, 'there are more pods than names have room for'),
    });
    void this.#watch.run();
  }

  /**
   * `namespace/pod` of a client; null: no pod's.
   * @param client its address, with or without a port
   */
  podOf(client: string): string | null {
    if (this.#watch === null) return null;
    const [, inBrackets, plain] = /^\[([^\]]+)\]:\d+$|^([\d.]+):\d+$/.exec(client) ?? [];
    return this.#watch.podOf(inBrackets ?? plain ?? client);
  }

  /** Those of them that are pods with their `pod`. */
  named<Shown extends { readonly client: string }>(shown: readonly Shown[]): (Shown & { pod?: string })[] {
    return shown.map((one) => {
      const pod = this.podOf(one.client);
      return pod === null ? one : { ...one, pod };
    });
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #stop(): void {
    this.#watch?.stop();
    this.#watch = null;
  }
}
