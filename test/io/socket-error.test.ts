import { expect, it } from 'vitest';
import { socketError } from '../../src/io/socket-error.ts';

it.each([
  ['127.0.0.1', 'bind EADDRINUSE 127.0.0.1:53'],
  ['::1', 'bind EADDRINUSE [::1]:53'],
])('has the shape of a system error of Node.js: %s', (address, message) => {
  const error = socketError('EADDRINUSE', 'bind', address, 53);
  expect(error).toBeInstanceOf(Error);
  expect(error.message).toBe(message);
  expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address, port: 53 });
});
