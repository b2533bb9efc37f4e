// Questions of our own that find out whether a server stumbles over a mark (marks.ts): each name is
// asked plain, in mixed case, with EDNS and with an option, and the replies are compared. No owner
// of these names could gain anything from it.
import { writeQuestion } from '../wire/build-query.ts';
import { Class, Rcode, Type } from '../wire/codes.ts';
import { appendOption, SERVER_UDP_SIZE, writeOpt } from '../wire/edns.ts';
import { FLAG_RD, HEADER_LENGTH } from '../wire/header.ts';
import { FOLD } from '../wire/name.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../wire/response.ts';
import { textToName } from '../wire/text.ts';
import type { ReplyOwner } from './exchange.ts';
import { UpstreamQuery } from './exchange.ts';
import { Mark } from './marks.ts';
import type { Finding } from './server-lessons.ts';
import type { Upstream } from './upstream.ts';

/**
 * Names that every resolver of the Internet knows, of owners that have nothing to do with each
 * other.
 */
export const OWN_NAMES: readonly string[] = ['a.root-servers.net', 'example.com', 'one.one.one.one'];
/**
 * An option of the range for local use (RFC 6891 §9): the code and length of the loop tag, as that
 * is what the server would get. All zero, it has no valid VERSION (loop/tag.ts) and is no tag.
 */
const UNKNOWN_OPTION = 65353;
const OPTION_LENGTH = 28;
/**
 * A reply takes at most this long; what is not answered after half of it is asked once more, ms.
 */
const PATIENCE_MS = 2000;

/** What became of one question. */
export interface Reply {
  /** It can be read, and is NOERROR or NXDOMAIN. */
  readonly isSound: boolean;
  /** It has records of the asked type. */
  readonly hasRecords: boolean;
  /** QNAME came back letter for letter. */
  readonly keptCase: boolean;
}
const SILENCE: Reply = { isSound: false, hasRecords: false, keptCase: true };

/** The replies to one name's questions. */
export interface Replies {
  readonly plain: Reply;
  readonly mixed: Reply;
  readonly edns: Reply;
  readonly options: Reply;
}

/** What they say of a mark. Pure. */
export function findingOf(mark: Mark, { plain, mixed, edns, options }: Replies): Finding {
  if (mark === Mark.case) {
    if (!plain.isSound) return 'nothing';
    if (!mixed.keptCase || isWorse(mixed, plain)) return 'shows';
    // That a name that does not exist is not found in any spelling says nothing.
    return plain.hasRecords ? 'contradicts' : 'nothing';
  }
  const [without, with_] = mark === Mark.edns ? [plain, edns] : [edns, options];
  if (!without.isSound) return 'nothing';
  return isWorse(with_, without) ? 'shows' : 'contradicts';
}

function isWorse(reply: Reply, than: Reply): boolean {
  return !reply.isSound || (than.hasRecords && !reply.hasRecords);
}

/** Asks a server about one name; never rejects. */
export async function askOwnQuestions(upstream: Upstream, name: string): Promise<Replies> {
  const [plain, mixed, edns, options] = await Promise.all(
    [0, Mark.case, Mark.edns, Mark.edns | Mark.options].map((marks) => ask(upstream, name, marks)),
  );
  return { plain: plain!, mixed: mixed!, edns: edns!, options: options! };
}

function ask(upstream: Upstream, name: string, marks: number): Promise<Reply> {
  return new Promise((resolve) => {
    const query = new UpstreamQuery();
    const end = (reply: Reply) => {
      clearTimeout(again);
      clearTimeout(over);
      query.exchange?.cancel(query);
      resolve(reply);
    };
    query.bytes = new Uint8Array(512);
    query.length = writeOwnQuestion(query, name, marks);
    // A reply in another case is what is looked for.
    query.matchCase = false;
    query.owner = {
      onReply: (_, bytes, length) => {
        end(judge(query, bytes, length));
        return true;
      },
      onFailure: () => end(SILENCE),
    } satisfies ReplyOwner;
    const again = setTimeout(() => upstream.send(query, false), PATIENCE_MS / 2);
    const over = setTimeout(() => end(SILENCE), PATIENCE_MS);
    upstream.send(query, false);
  });
}

function writeOwnQuestion(query: UpstreamQuery, name: string, marks: number): number {
  const out = query.bytes;
  const wire = textToName(name);
  if ((marks & Mark.case) !== 0) mixCase(wire);
  let length = writeQuestion(out, wire, Type.A, Class.IN, FLAG_RD);
  query.questionEnd = length;
  if ((marks & Mark.edns) === 0) return length;
  const optOffset = length;
  length = writeOpt(out, length, SERVER_UDP_SIZE, 0, false);
  if ((marks & Mark.options) === 0) return length;
  return appendOption(out, optOffset, length, UNKNOWN_OPTION, new Uint8Array(OPTION_LENGTH));
}

/**
 * Every other letter in upper case, by the position in the name; lengths of labels are no letters.
 */
function mixCase(wire: Uint8Array): void {
  for (let at = 1; at < wire.length; at += 2) {
    const byte = wire[at]!;
    if (byte >= 0x61 && byte <= 0x7a) wire[at] = byte ^ 0x20;
  }
}

function judge(query: UpstreamQuery, bytes: Uint8Array, length: number): Reply {
  const scanned = new ScannedResponse();
  if (scanResponse(bytes, length, scanned) === ScanVerdict.malformed) return SILENCE;
  let keptCase = true;
  for (let at = HEADER_LENGTH; at < query.questionEnd; at++) {
    if (bytes[at] !== query.bytes[at] && FOLD[bytes[at]!] === FOLD[query.bytes[at]!]) keptCase = false;
  }
  const isSound = scanned.rcode === Rcode.NOERROR || scanned.rcode === Rcode.NXDOMAIN;
  return { isSound, hasRecords: isSound && scanned.hasAskedType, keptCase };
}
