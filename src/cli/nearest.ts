/** The candidate that is nearest to what was typed, if one is near enough to have been meant. */
export function findNearest(typed: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates.map((candidate) => ({ candidate, distance: measureDistance(typed, candidate) })).sort((a, b) => a.distance - b.distance)
  return best !== undefined && best.distance <= Math.max(2, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined
}

/** How many letters are to be added, taken away or changed (Levenshtein). */
function measureDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of from.split('').entries()) {
    const next = [index + 1]
    for (const [column, other] of to.split('').entries()) {
      next.push(Math.min((next[column] ?? 0) + 1, (row[column + 1] ?? 0) + 1, (row[column] ?? 0) + (letter === other ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
