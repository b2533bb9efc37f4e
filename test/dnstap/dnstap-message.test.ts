// An event as a reader of dnstap.proto sees it: fields by number.
import { expect, it } from 'vitest';
import {
  type DnstapMessage,
  encodeDnstap,
  MessageType,
  SocketProtocol,
} from '../../src/dnstap/dnstap-message.ts';
import { readEvent } from './reader.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const QUERY: DnstapMessage = {
  type: MessageType.clientQuery,
  protocol: SocketProtocol.udp,
  queryAddress: Uint8Array.of(192, 0, 2, 1),
  queryPort: 40_000,
  responseAddress: null,
  responsePort: 0,
  queryMs: 4_102_444_800_250.5,
  responseMs: 0,
  bytes: Uint8Array.of(1, 2, 3),
};

it('is a query with its time, its sender and who tells', () => {
  const { outer, message } = readEvent(encodeDnstap(QUERY, bytes('node-7'), bytes('unloop 1')));
  expect([...outer.keys()]).toEqual([1, 2, 14, 15]);
  expect([outer.get(1), outer.get(2), outer.get(15)]).toEqual([bytes('node-7'), bytes('unloop 1'), 1]);
  expect(Object.fromEntries(message)).toEqual({
    1: 5,
    2: 1,
    3: 1,
    4: Uint8Array.of(192, 0, 2, 1),
    6: 40_000,
    8: 4_102_444_800,
    9: 250_500_000,
    10: Uint8Array.of(1, 2, 3),
  });
});

it('is a response with both times and who was asked; nothing is said of who tells', () => {
  const response: DnstapMessage = {
    ...QUERY,
    type: MessageType.forwarderResponse,
    protocol: SocketProtocol.tls,
    queryAddress: null,
    queryPort: 0,
    responseAddress: new Uint8Array(16),
    responsePort: 853,
    responseMs: 4_102_444_801_000,
  };
  const { outer, message } = readEvent(encodeDnstap(response, bytes(''), bytes('unloop 1')));
  expect([...outer.keys()]).toEqual([2, 14, 15]);
  expect(Object.fromEntries(message)).toEqual({
    1: 8,
    2: 2,
    3: 3,
    5: new Uint8Array(16),
    7: 853,
    8: 4_102_444_800,
    9: 250_500_000,
    12: 4_102_444_801,
    13: 0,
    14: Uint8Array.of(1, 2, 3),
  });
});
