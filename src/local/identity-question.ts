// Questions of class CHAOS for the version or the name of a server: version.bind, id.server and
// their like (RFC 4892). They mean the server that was asked, so they are answered here: an
// upstream's answer would be another server's, and tell what it runs.
import { Class } from '../wire/codes.ts';
import { matchesSuffix, type ParsedQuery } from '../wire/query.ts';
import { textToName } from '../wire/text.ts';

/** The top-level names that such questions are asked under. */
const BIND = textToName('bind');
const SERVER = textToName('server');

/** Whether a query asks the server itself what it is. */
export function isIdentityQuestion(bytes: Uint8Array, q: ParsedQuery): boolean {
  if (q.qclass !== Class.CH || q.labelCount === 0) return false;
  const top = q.labelCount - 1;
  return matchesSuffix(bytes, q, top, BIND) || matchesSuffix(bytes, q, top, SERVER);
}
