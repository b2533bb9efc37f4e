// Where the laboratory keeps what it built or unpacked: outside the repository, for the next run too.
import { homedir } from 'node:os';
import { join } from 'node:path';

export const LAB_CACHE =
  process.env.UNLOOP_LAB_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'unloop-lab');
