// How often the tests that only repeat one thing do so. `npm run mutation` runs them thousands of
// times, and has them repeat less.

/** `full` rounds; a TEST_ROUNDS_DIVISOR-th of them where that is set, but `least` at the least. */
export function rounds(full: number, least = 1): number {
  return Math.max(least, Math.ceil(full / Number(process.env.TEST_ROUNDS_DIVISOR ?? 1)));
}
