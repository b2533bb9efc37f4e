import { expect, it } from 'vitest';
import { listenError } from '../../../src/server/listen/listen-error.ts';

it.each([
  ['EADDRINUSE', 'ss -lnup'],
  ['EACCES', 'CAP_NET_BIND_SERVICE'],
  ['EMFILE', 'ulimit -n'],
  ['LISTEN_FDS', '.socket unit'],
  ['EADDRNOTAVAIL', 'ip addr'],
  ['ENEW', 'Correct listen: in the configuration.'],
])('%s has its remedy', (code, remedy) => {
  const cause = new Error('x');
  const error = listenError(code, 'bind 127.0.0.1:53', cause);
  expect(error.code).toBe('UNLOOP_LISTEN_FAILED');
  expect(error.message).toContain('cannot listen: bind 127.0.0.1:53');
  expect(error.remedy).toContain(remedy);
  expect(error.cause).toBe(cause);
});
