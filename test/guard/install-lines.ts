// The commands of the README's section "Install", one way each, without their comments.
import { readRepositoryFile } from './repository-files.ts';

export function installLines(readme = readRepositoryFile('README.md')): string[] {
  const block = /^## Install\n(?:(?!^## )[\s\S])*?^```sh\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? '';
  return block
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/\s+#.*$/, ''));
}
