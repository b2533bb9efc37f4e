// `unloop check`: validates the configuration that `unloop run` would use with the same flags.
// Imported by dispatch.

import { UnloopError } from '../base/errors.ts';
import { effectiveYaml } from '../config/effective.ts';
import { ConfigInvalid, type Fault, formatFault } from '../config/fault.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { readTextFile } from '../config/read-text-file.ts';
import { parseCheckFlags } from './flags.ts';

const EXIT_FAULTS = 2;

/** Faults go to standard output, as they are what was asked for; warnings to standard error. */
export async function main(args: string[]): Promise<number> {
  const { configPath, overrides, print, corefilePath } = parseCheckFlags(args);
  if (corefilePath !== null) return printConverted(corefilePath);
  let loaded: LoadedConfig;
  try {
    loaded = loadConfig({ path: configPath, overrides });
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    process.stdout.write(`${error.faults.map(formatFault).join('\n')}\n`);
    if (configPath !== null && (await isCorefile(configPath)))
      process.stderr.write(
        `${configPath} looks like a Corefile: \`unloop check --from-corefile ${configPath}\` makes a configuration of it.\n`,
      );
    return EXIT_FAULTS;
  }
  const name = configPath ?? 'built-in defaults';
  for (const warning of loaded.warnings) process.stderr.write(`${formatWarning(warning)}\n`);
  if (print)
    process.stdout.write(
      `# ${name}: ok; with the flags and the environment of this call:\n${effectiveYaml(loaded.config)}`,
    );
  else process.stdout.write(`${name}: ok\n`);
  return 0;
}

/** The converter is loaded for this alone. */
async function printConverted(corefilePath: string): Promise<number> {
  const { convertCorefile } = await import('./from-corefile.ts');
  const text = readCorefile(corefilePath);
  try {
    process.stdout.write(convertCorefile(text, corefilePath));
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    process.stdout.write(`${error.faults.map(formatFault).join('\n')}\n`);
    return EXIT_FAULTS;
  }
}

/** Plugins of CoreDNS, of which nearly every Corefile has one. */
const PLUGINS = new Set(
  'cache dns64 errors file forward health hosts import kubernetes log loop prometheus proxy ready reload rewrite template'.split(
    ' ',
  ),
);

/** Whether a file that is no configuration of ours looks like one of CoreDNS's. */
async function isCorefile(path: string): Promise<boolean> {
  const { parseCorefile } = await import('../config/corefile.ts');
  const { blocks, faults } = parseCorefile(readCorefile(path), path);
  return (
    faults.length === 0 && blocks.some(({ directives }) => directives.some(({ name }) => PLUGINS.has(name)))
  );
}

function readCorefile(path: string): string {
  try {
    return readTextFile(path);
  } catch (error) {
    throw new UnloopError(
      'UNLOOP_CONFIG_UNREADABLE',
      `cannot read the Corefile ${path}: ${(error as Error).message}`,
      'Give the path of a readable file with --from-corefile.',
      { cause: error },
    );
  }
}

function formatWarning(warning: Fault): string {
  return formatFault({ ...warning, message: `warning: ${warning.message}` });
}
