// Frame Streams byte by byte, as fstrm writes and reads them.
import { describe, expect, it } from 'vitest';
import { Control, ControlReader, controlFrame, dataHeader } from '../../src/dnstap/frame-stream.ts';

const CONTENT_TYPE = Buffer.from('protobuf:dnstap.Dnstap').toString('hex');

it.each([
  ['READY', Control.ready, `00000000 00000022 00000004 00000001 00000016 ${CONTENT_TYPE}`],
  ['START', Control.start, `00000000 00000022 00000002 00000001 00000016 ${CONTENT_TYPE}`],
  ['STOP', Control.stop, '00000000 00000004 00000003'],
])('writes %s', (_, type, hex) => {
  expect(controlFrame(type).toString('hex')).toBe(hex.replaceAll(' ', ''));
});

it('puts the length in front of data', () => {
  expect(dataHeader(0x1234).toString('hex')).toBe('00001234');
});

describe('a reader’s answers', () => {
  const ACCEPT = Buffer.from(`0000000000000022000000010000000100000016${CONTENT_TYPE}`, 'hex');
  const FINISH = Buffer.from('000000000000000400000005', 'hex');

  it('are read in any pieces', () => {
    const all = Buffer.concat([ACCEPT, FINISH]);
    const reader = new ControlReader();
    const seen = [...all].flatMap((byte) => reader.push(Buffer.of(byte)) ?? [-1]);
    expect(seen).toEqual([Control.accept, Control.finish]);
    expect(new ControlReader().push(all)).toEqual([Control.accept, Control.finish]);
  });

  it.each([
    ['data', '00000005'.padEnd(24, '0')],
    ['a frame without a type', '0000000000000003000000'],
    ['a frame that is too long', '0000000000000201'],
    ['ACCEPT of something else', `000000000000000f000000010000000100000003${'616263'}`],
  ])('are refused: %s', (_, hex) => {
    expect(new ControlReader().push(Buffer.from(hex, 'hex'))).toBeNull();
  });
});
