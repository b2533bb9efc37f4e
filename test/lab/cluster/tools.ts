// The laboratory's own tool that no registry has ready: built once into the folder of the others
// (packaging/tools.ts).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { install, TOOLS_FOLDER } from '../../../packaging/tools.ts';

/**
 * The path of the program that reads a ServiceMonitor into the operator's own type
 * (operator/main.go).
 */
export function operatorReader(): string {
  const path = join(TOOLS_FOLDER, 'bin/operator');
  const source = join(import.meta.dirname, 'operator');
  if (!existsSync(path)) install('go', ['build', '-C', source, '-o', path, '.']);
  return path;
}
