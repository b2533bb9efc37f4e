// Frame Streams, the framing of dnstap (https://farsightsec.github.io/fstrm/), as a writer needs it
// to a reader that answers. Numbers are big-endian.
//
//   writer ──READY──▶ reader      control frame: 0 | length | type | fields: 1 | length | content type
//   writer ◀─ACCEPT── reader      data frame:    length | data
//   writer ──START, data, data, …, STOP──▶ reader
//   writer ◀─FINISH── reader

export const Control = { accept: 1, start: 2, stop: 3, ready: 4, finish: 5 } as const;
export type Control = (typeof Control)[keyof typeof Control];

/** The only field there is: what the data frames hold. */
const CONTENT_TYPE_FIELD = 1;
const CONTENT_TYPE = Buffer.from('protobuf:dnstap.Dnstap');
/** The most a control frame may hold (fstrm's FSTRM_CONTROL_FRAME_LENGTH_MAX). */
const MAX_CONTROL_BYTES = 512;
const NUMBER = 4;

/** A whole control frame; READY and START name the content type. */
export function controlFrame(type: Control): Buffer {
  const hasContentType = type === Control.ready || type === Control.start;
  const fields = hasContentType ? 2 * NUMBER + CONTENT_TYPE.length : 0;
  const frame = Buffer.alloc(3 * NUMBER + fields);
  frame.writeUInt32BE(NUMBER + fields, NUMBER);
  frame.writeUInt32BE(type, 2 * NUMBER);
  if (hasContentType) {
    frame.writeUInt32BE(CONTENT_TYPE_FIELD, 3 * NUMBER);
    frame.writeUInt32BE(CONTENT_TYPE.length, 4 * NUMBER);
    CONTENT_TYPE.copy(frame, 5 * NUMBER);
  }
  return frame;
}

/** What goes in front of a data frame's data. */
export function dataHeader(length: number): Buffer {
  const header = Buffer.alloc(NUMBER);
  header.writeUInt32BE(length);
  return header;
}

/** Reads what a reader answers: control frames, and nothing else. */
export class ControlReader {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The control frames that are whole by now; null: the bytes are no control frames. An ACCEPT of
   * other content types only is not taken.
   */
  push(chunk: Buffer): Control[] | null {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const types: Control[] = [];
    while (this.#rest.length >= 2 * NUMBER) {
      const length = this.#rest.readUInt32BE(NUMBER);
      if (this.#rest.readUInt32BE(0) !== 0 || length < NUMBER || length > MAX_CONTROL_BYTES) return null;
      if (this.#rest.length < 2 * NUMBER + length) break;
      const type = this.#rest.readUInt32BE(2 * NUMBER) as Control;
      const fields = this.#rest.subarray(3 * NUMBER, 2 * NUMBER + length);
      if (type === Control.accept && fields.length > 0 && !fields.includes(CONTENT_TYPE)) return null;
      types.push(type);
      this.#rest = this.#rest.subarray(2 * NUMBER + length);
    }
    return types;
  }
}
