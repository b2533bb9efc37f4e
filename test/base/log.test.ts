import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LogLevel, openLog } from '../../src/base/log.ts';
import { formatTextLine } from '../../src/base/log-text.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'unloop-log-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const now = (): Date => new Date(Date.UTC(2026, 6, 1, 12, 0, 0, 5));

/** What a log with these options writes. */
async function written(
  format: 'json' | 'text' | 'auto',
  level: LogLevel,
  use: (open: ReturnType<typeof openLog>) => void,
): Promise<string> {
  const path = join(folder, 'log');
  const descriptor = openSync(path, 'w');
  const open = openLog({ level, format, descriptor, now });
  use(open);
  await open.close();
  return readFileSync(path, 'utf8');
}

describe('the log', () => {
  it('is an object per line in JSON', async () => {
    const text = await written('json', 'info', ({ log }) =>
      log.info({ listen: ['127.0.0.1:5300'] }, 'listening'),
    );
    expect(text).toBe(
      '{"level":"info","time":"2026-07-01T12:00:00.005Z","listen":["127.0.0.1:5300"],"msg":"listening"}\n',
    );
  });

  it('is JSON unless standard output is a terminal', async () => {
    expect(await written('auto', 'info', ({ log }) => log.warn({}, 'x'))).toMatch(/^\{"level":"warn"/);
  });

  it('is a plain line in text', async () => {
    const text = await written('text', 'info', ({ log }) => log.info({ port: 53, name: 'a b' }, 'listening'));
    expect(text).toBe('2026-07-01T12:00:00.005Z INFO  listening port=53 name="a b"\n');
  });

  it('keeps to its level, also when that changes', async () => {
    const text = await written('json', 'warn', ({ log, setLevel }) => {
      log.info({}, 'one');
      log.error({}, 'two');
      setLevel('debug');
      log.debug({}, 'three');
    });
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).msg),
    ).toEqual(['two', 'three']);
  });

  it('survives a reader that goes away', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, constants.O_WRONLY);
    const open = openLog({ level: 'info', format: 'json', descriptor: writer, now });
    closeSync(reader);
    for (let i = 0; i < 1000; i++) {
      open.log.info({ i }, 'nobody reads this');
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await open.close();
  });

  it('drops and counts what a stalled reader does not read', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    const open = openLog({ level: 'info', format: 'json', descriptor: writer, now });
    const fields = { text: 'x'.repeat(1000) };
    for (let i = 0; i < 3000; i++) open.log.info(fields, 'too much');
    expect(open.dropped()).toBeGreaterThan(1500);
    await open.close();
    closeSync(reader);
  });
});

describe('a text line', () => {
  it('cannot be forged by data from the network', () => {
    const line = JSON.stringify({
      level: 'warn',
      time: 'T',
      msg: 'a\nb',
      qname: 'evil\n2026 INFO  all is well',
      escape: '\u001b[2J',
      'k\ney': 'x',
      right: '\u202eabc',
    });
    const text = formatTextLine(line);
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(text).toBe(
      'T WARN  a\\u000ab qname="evil\\n2026 INFO  all is well" escape="\\u001b[2J" k\\u000aey=x right="\\u202eabc"\n',
    );
  });

  it('shows an error by its message and code', () => {
    const line = JSON.stringify({
      level: 'error',
      time: 'T',
      msg: 'failed',
      err: { message: 'no route', code: 'EX', stack: 's' },
    });
    expect(formatTextLine(line)).toBe('T ERROR failed err="no route (EX)"\n');
  });
});
