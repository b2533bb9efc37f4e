// `unloop doctor`: inspects this node or pod, or a saved tree of its files; says whether DNS loops
// or would, and what cures it. Imported by cli/dispatch. Exit code: 0 healthy, 1 loop or risk, 2
// cannot tell.
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { UnloopError } from '../base/errors.ts';
import { printableJson } from '../base/printable.ts';
import { loadConfig } from '../config/load.ts';
import { readTextFile } from '../config/read-text-file.ts';
import { isLoopback } from '../discovery/loopback.ts';
import { askServers } from './ask-servers.ts';
import { type Corefile, readCorefile } from './corefile.ts';
import { diagnose, listTargets } from './diagnose.ts';
import { type DoctorFlags, parseDoctorFlags } from './flags.ts';
import { type Facts, inspect } from './inspect.ts';
import { renderText } from './render-text.ts';
import type { Report } from './report.ts';
import { hostOf } from './service.ts';

/** What the kernel calls this boot: the same in every container of a machine. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Runs the command; resolves to the exit code. */
export async function main(args: string[]): Promise<number> {
  const flags = parseDoctorFlags(args);
  checkRoot(flags.root);
  const report = await examine(flags, process.env);
  const useColor = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  process.stdout.write(flags.json ? `${printableJson(report, 2)}\n` : renderText(report, useColor));
  return report.exitCode;
}

/** A tree that is not there has no files: that says nothing of the node. */
function checkRoot(root: string): void {
  try {
    readdirSync(root);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const causes: Record<string, string> = {
      ENOENT: 'no such directory',
      ENOTDIR: 'not a directory',
      EACCES: 'permission denied',
    };
    throw new UnloopError(
      'UNLOOP_USAGE',
      `--root ${root}: ${causes[code ?? ''] ?? message}`,
      "Give the directory where the node's files are mounted, such as /host; without --root it is /.",
      { cause: error },
    );
  }
}

/** Inspects, asks, and judges. `podRoot`: this pod's own files; for tests. */
export async function examine(
  flags: DoctorFlags,
  environment: NodeJS.ProcessEnv,
  podRoot = '/',
): Promise<Report> {
  const corefile = flags.corefile === null ? null : await openCorefile(flags.corefile);
  const config =
    flags.config === null ? null : { config: loadConfig({ path: flags.config }).config, path: flags.config };
  const mayAsk = flags.probe ?? isThisMachine(flags.root);
  const facts = await inspect({
    root: flags.root,
    isPod: Boolean(environment.KUBERNETES_SERVICE_HOST),
    podRoot,
    corefile,
    config,
    clusterDns: flags.clusterDns,
    mayAsk,
    wallClockMs: Date.now(),
  });
  const probes = mayAsk ? await askServers(reachableTargets(facts), { probePublic: flags.probePublic }) : [];
  return diagnose(facts, probes);
}

/** Loopback below another root is the node's, and not to be reached from here. */
function reachableTargets(facts: Facts) {
  const isForeign = resolve(facts.root) !== '/';
  return listTargets(facts).filter((target) => !isForeign || !isLoopback(hostOf(target)));
}

/** True for '/', and for the same machine's files mounted elsewhere; a saved tree has no boot. */
function isThisMachine(root: string): boolean {
  if (resolve(root) === '/') return true;
  try {
    return readFileSync(`${resolve(root)}${BOOT_ID}`, 'utf8') === readFileSync(BOOT_ID, 'utf8');
  } catch {
    // One of them has no such file: not the same machine.
    return false;
  }
}

async function openCorefile(path: string): Promise<Corefile> {
  if (path === '-') return readCorefile(await text(process.stdin), 'Corefile');
  try {
    return readCorefile(readTextFile(path), path);
  } catch (error) {
    throw new UnloopError(
      'UNLOOP_USAGE',
      `cannot read the Corefile ${path}: ${(error as Error).message}`,
      'Give the path of a Corefile, or - for standard input.',
      { cause: error },
    );
  }
}
