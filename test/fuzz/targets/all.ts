// Every fuzz target.
import type { FuzzTarget } from '../target.ts';
import { cache } from './cache.ts';
import { edns } from './edns.ts';
import { framing } from './framing.ts';
import { matching } from './matching.ts';
import { name } from './name.ts';
import { nodeSocket } from './node-socket.ts';
import { pipeline } from './pipeline.ts';
import { query } from './query.ts';
import { records } from './records.ts';
import { restore } from './restore.ts';
import { tag } from './tag.ts';

export const TARGETS: readonly FuzzTarget[] = [
  query,
  name,
  edns,
  records,
  restore,
  cache,
  matching,
  tag,
  framing,
  nodeSocket,
  pipeline,
];
