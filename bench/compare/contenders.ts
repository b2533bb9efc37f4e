// Who is compared, in the order in which tables show them.
import type { Contender } from './contender.ts';
import { answerFloor, floorBatches, forwardFloor } from './floor-contenders.ts';
import {
  coredns,
  dnsdist,
  dnsdistBatches,
  dnsmasq,
  kresd,
  nodeLocalDns,
  unbound,
} from './peer-contenders.ts';
import { unloop, unloopOtherNode, unloopTwoProcesses, unloopTwoWorkers } from './unloop-contenders.ts';

export const CONTENDERS: readonly Contender[] = [
  answerFloor,
  forwardFloor,
  unloop,
  unloopTwoWorkers,
  unloopOtherNode,
  unloopTwoProcesses,
  unbound,
  dnsdist,
  dnsdistBatches,
  dnsmasq,
  kresd,
  coredns,
  nodeLocalDns,
  ...floorBatches,
];
