// The fallback socket over node:dgram: the suite of the contract.
import { describe } from 'vitest';
import { nodeSupportsReusePort, openNodeSocket } from '../../src/io/node-socket.ts';
import { describeDatagramSocket } from './datagram-socket.suite.ts';

describe('node-socket', () => {
  describeDatagramSocket({
    open: openNodeSocket,
    kind: 'node',
    repliesFromLocalAddress: false,
    supportsReusePort: nodeSupportsReusePort(),
  });
});
