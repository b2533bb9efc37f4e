// A JSON log line as one line for people. Called by log. Values come from the network: control
// characters are escaped, so that a name cannot forge a line or drive the terminal.
import { escapeControls } from './printable.ts';

const LEVEL_WIDTH = 5;
const PLAIN_VALUE = /^[^\s"=\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+$/u;

/** `{"level":"info","time":"…","msg":"listening","port":53}` → `… INFO  listening port=53`. */
export function formatTextLine(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const words = [
    String(time),
    String(level).toUpperCase().padEnd(LEVEL_WIDTH),
    escapeControls(String(msg ?? '')),
  ];
  for (const [key, value] of Object.entries(fields))
    words.push(`${escapeControls(key)}=${formatValue(value)}`);
  if (err !== undefined) words.push(`err=${formatValue(describeError(err))}`);
  return `${words.join(' ')}\n`;
}

function formatValue(value: unknown): string {
  if (typeof value === 'string' && PLAIN_VALUE.test(value)) return value;
  return escapeControls(JSON.stringify(value));
}

/** Message and code of an error as pino writes it; its stack is left out of a line for people. */
function describeError(err: unknown): unknown {
  if (typeof err !== 'object' || err === null) return err;
  const { code, message } = err as { code?: unknown; message?: unknown };
  return code === undefined ? message : `${message} (${code})`;
}
