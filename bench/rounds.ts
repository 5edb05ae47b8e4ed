/**
 * Counts the rounds of a part, and leaves out what would take longer than the part may: a busy machine makes fewer rounds,
 * not a longer run. There is always one round beside `uncounted` ones.
 */
export function* countRounds({ rounds, seconds, uncounted = 0 }: { readonly rounds: number; readonly seconds: number; readonly uncounted?: number }): Generator<number> {
  const started = performance.now()
  for (let round = 1 - uncounted; round <= rounds; round += 1) {
    const begun = performance.now()
    yield round
    const now = performance.now()
    if (round > 0 && now - started + (now - begun) > seconds * 1000) return
  }
}
