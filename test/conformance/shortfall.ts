// How a check says that a forwarder did otherwise.

/** What a forwarder did otherwise, in a few words: "no answer". */
export class Shortfall extends Error {}

/** Throws when it is not so; `seen` says what was seen instead. */
export function must(isSo: boolean, seen: string): asserts isSo {
  if (!isSo) throw new Shortfall(seen);
}
