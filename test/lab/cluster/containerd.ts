// containerd of Debian 12, in namespaces of its own (containerd.sh), and ctr beside it. Needs root.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../../src/base/child-process.ts';
import { ensureDebianRoot } from '../kubernetes/programs.ts';

const NAMESPACE = 'unloop-lab';
/** What ctr would leave a container; it knows no word for all. */
const DEFAULT_CAPABILITIES =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE';
export const NO_CAPABILITIES = DEFAULT_CAPABILITIES.split(' ').flatMap((name) => [
  '--cap-drop',
  `CAP_${name}`,
]);

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Containerd {
  readonly #folder: string;
  readonly #child: Child;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string, child: Child, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#child = child;
    this.#env = env;
  }

  static async start(): Promise<Containerd> {
    const root = ensureDebianRoot();
    const folder = mkdtempSync(join(tmpdir(), 'unloop-containerd-'));
    const env = {
      ...process.env,
      PATH: `${root}/usr/bin:${root}/usr/sbin:${process.env.PATH}`,
      CONTAINERD_NAMESPACE: NAMESPACE,
      CONTAINERD_ADDRESS: '/run/containerd.sock',
      CONTAINERD_SNAPSHOTTER: 'native',
    };
    const script = [join(import.meta.dirname, 'containerd.sh'), folder];
    const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
    const child = new Child(['unshare', ...namespaces, ...script], { env, stdin: 'pipe' });
    await child.until(() => child.stdout.includes('up\n') || null, 40_000);
    return new Containerd(folder, child, env);
  }

  /** What runs a command where containerd runs. */
  enter(): string[] {
    // unshare's only child is the script.
    const { pid } = this.#child;
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return ['nsenter', '-t', first, '--mount', '--net', '--pid', '--'];
  }

  /** Runs a program there. */
  run(...command: string[]): Ended {
    const [program, ...args] = [...this.enter(), ...command];
    return spawnSync(program!, args, { encoding: 'utf8', env: this.#env });
  }

  /** Runs ctr; throws with what it said when it fails. */
  ctr(...args: string[]): string {
    const { status, stdout, stderr } = this.run('ctr', ...args);
    if (status !== 0) throw new Error(`ctr ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  /** A program inside a container, as the container's user. */
  exec(container: string, ...command: string[]): Ended {
    return this.run('ctr', 'tasks', 'exec', '--exec-id', `exec-${Date.now()}`, container, ...command);
  }

  async stop(): Promise<void> {
    this.#child.process.stdin!.end();
    await this.#child.ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
